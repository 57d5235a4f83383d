"""What is told about an alert, and the words for it in English and Korean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from monitor.domain.channel import Language

NoticeState = Literal["firing", "resolved", "test"]
Severity = Literal["info", "warning", "critical"]

_WORST_FIRST: Final = {"critical": 0, "warning": 1, "info": 2}
_MOST_LISTED: Final = 50
_LONGEST_SUBJECT: Final = 160
_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    Language.ENGLISH: {
        "firing": "ALERT",
        "resolved": "RESOLVED",
        "test": "TEST",
        "critical": "critical",
        "warning": "warning",
        "info": "info",
        "what": "What",
        "where": "Where",
        "since": "Since",
        "until": "Until",
        "value": "Value",
        "do": "What to do",
        "link": "Link",
        "everywhere": "the whole installation",
        "nothing": "Nothing: it is over.",
        "look": "Open the link: it shows the value over time, the component's health and the documents concerned.",
        "many": "{count} alerts: {firing} firing, {resolved} resolved",
        "more": "… and {count} more; the link shows all.",
    },
    Language.KOREAN: {
        "firing": "경보",
        "resolved": "해제",
        "test": "시험",
        "critical": "심각",
        "warning": "경고",
        "info": "알림",
        "what": "내용",
        "where": "위치",
        "since": "발생 시각",
        "until": "해제 시각",
        "value": "값",
        "do": "조치",
        "link": "링크",
        "everywhere": "설치 전체",
        "nothing": "조치할 것이 없습니다. 정상으로 돌아왔습니다.",
        "look": "링크를 열어 값의 변화, 구성 요소의 상태, 관련 문서를 확인하십시오.",
        "many": "경보 {count}건: 발생 {firing}건, 해제 {resolved}건",
        "more": "… 외 {count}건. 링크에서 모두 볼 수 있습니다.",
    },
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One change of one alert, as it is told to people."""

    id: str
    """The same change has the same id, however often it is announced."""
    alert_id: str
    rule: str
    state: NoticeState
    severity: Severity
    condition: str
    """What was found, such as `jobs_oldest_waiting_seconds > 300`."""
    since: datetime
    at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    value: float | None = None
    advice: Mapping[str, str] = field(default_factory=dict)
    """What to do, by language."""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """Ready to be sent: the words, and the notices that they are made of."""

    id: str
    subject: str
    text: str
    severity: Severity
    notices: Sequence[Notice]


def message_of(notices: Sequence[Notice], language: Language) -> Message:
    """One message of at least one notice; of several the worst stand first, and 50 are written out."""
    words = _WORDS[language]
    ordered = sorted(notices, key=lambda one: (one.state != "firing", _WORST_FIRST[one.severity], one.since, one.id))
    head = ordered[0]
    if len(ordered) == 1:
        subject = _title(head, words)
        text = _told(head, language)
    else:
        firing = sum(one.state == "firing" for one in ordered)
        subject = words["many"].format(count=len(ordered), firing=firing, resolved=len(ordered) - firing)
        parts = [subject, *(_told(one, language) for one in ordered[:_MOST_LISTED])]
        if len(ordered) > _MOST_LISTED:
            parts.append(words["more"].format(count=len(ordered) - _MOST_LISTED))
        text = "\n\n".join(parts)
    return Message(head.id, _one_line(f"[Seoga] {subject}"), text, head.severity, ordered)


def _title(notice: Notice, words: Mapping[str, str]) -> str:
    where = _where(notice)
    title = f"{words[notice.state]} ({words[notice.severity]}): {notice.rule}"
    return f"{title}, {where}" if where else title


def _told(notice: Notice, language: Language) -> str:
    words = _WORDS[language]
    lines = [
        _one_line(_title(notice, words)),
        f"{words['what']}: {notice.condition}",
        f"{words['where']}: {_where(notice) or words['everywhere']}",
        f"{words['since']}: {_instant(notice.since)}",
    ]
    if notice.state == "resolved":
        lines.append(f"{words['until']}: {_instant(notice.at)}")
    if notice.value is not None:
        lines.append(f"{words['value']}: {notice.value:,.6g}")
    advice = notice.advice.get(language.value) or words["look"]
    lines.append(f"{words['do']}: {words['nothing'] if notice.state == 'resolved' else advice}")
    if notice.link:
        lines.append(f"{words['link']}: {notice.link}")
    return "\n".join(lines)


def _where(notice: Notice) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(notice.labels.items()))


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _one_line(text: str) -> str:
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if len(line) <= _LONGEST_SUBJECT else line[: _LONGEST_SUBJECT - 1] + "…"
