"""What a channel's settings must be, what is shown of them, and the words of a message."""

from datetime import timedelta
from typing import Any

import pytest
from notification_builders import AT, SECRET, a_notice

from monitor.domain.channel import Channel, ChannelKind, Language, channel_of
from monitor.domain.notice import message_of
from monitor.domain.targets import Targets
from shared.kernel import InvalidInput

MAIL: dict[str, Any] = {"host": "mail.example.com", "sender": "seoga@example.com", "recipients": ["ops@example.com"]}
HOOK: dict[str, Any] = {"url": "https://example.com/hook", "secret": SECRET}


def mail(before: Channel | None = None, **changes: Any) -> Channel:
    return channel_of("mail", ChannelKind.EMAIL, {**MAIL, **changes}, before)


def hook(before: Channel | None = None, **changes: Any) -> Channel:
    given = {name: value for name, value in {**HOOK, **changes}.items() if value is not None}
    return channel_of("hook", ChannelKind.WEBHOOK, given, before)


def test_what_is_not_said_has_a_default() -> None:
    assert {name: mail().settings[name] for name in ("port", "security", "language", "per_minute")} == {
        "port": 587,
        "security": "starttls",
        "language": "en",
        "per_minute": 20,
    }
    assert (mail(security="tls").settings["port"], mail(security="none").settings["port"]) == (465, 25)


@pytest.mark.parametrize(
    ("kind", "changes", "field"),
    [
        ("email", {"host": "not a host"}, "settings.host"),
        ("email", {"port": 0}, "settings.port"),
        ("email", {"port": "587"}, "settings.port"),
        ("email", {"port": True}, "settings.port"),
        ("email", {"security": "ssl"}, "settings.security"),
        ("email", {"sender": "nobody"}, "settings.sender"),
        ("email", {"sender": "a@b.c\nBcc: d@e.f"}, "settings.sender"),
        ("email", {"recipients": []}, "settings.recipients"),
        ("email", {"recipients": ["a@b.c", "d"]}, "settings.recipients"),
        ("email", {"recipients": "a@b.c"}, "settings.recipients"),
        ("email", {"recipients": ["a@b.c"] * 51}, "settings.recipients"),
        ("email", {"username": "seoga"}, "settings.password"),
        ("email", {"username": "seoga", "password": "secret", "security": "none"}, "settings.security"),
        ("email", {"url": "https://example.com"}, "settings.url"),
        ("email", {"language": "de"}, "settings.language"),
        ("webhook", {"url": "ftp://example.com"}, "settings.url"),
        ("webhook", {"url": "https://"}, "settings.url"),
        ("webhook", {"url": "https://user:password@example.com"}, "settings.url"),
        ("webhook", {"url": "https://exa mple.com"}, "settings.url"),
        ("webhook", {"url": "https://example.com:99999"}, "settings.url"),
        ("webhook", {"url": "https://[::1"}, "settings.url"),
        ("webhook", {"secret": "short"}, "settings.secret"),
        ("webhook", {"per_minute": 0}, "settings.per_minute"),
        ("slack", {"url": ""}, "settings.url"),
    ],
)
def test_a_wrong_setting_is_named(kind: str, changes: dict[str, Any], field: str) -> None:
    good = {"email": MAIL, "webhook": HOOK, "slack": {"url": HOOK["url"]}}[kind]
    with pytest.raises(InvalidInput) as caught:
        channel_of("ops", ChannelKind(kind), {**good, **changes})
    assert [error.field for error in caught.value.errors] == [field]


def test_a_name_that_is_none_is_refused() -> None:
    for name in ("", "two words", "a/b", "x" * 65):
        with pytest.raises(InvalidInput):
            channel_of(name, ChannelKind.WEBHOOK, HOOK)
    assert channel_of("당직-1", ChannelKind.WEBHOOK, HOOK).name == "당직-1"


def test_secrets_are_never_shown() -> None:
    channels = (
        mail(username="seoga", password="a secret"),
        hook(),
        channel_of("s", ChannelKind.SLACK, {"url": HOOK["url"]}),
    )
    assert [channel.secrets_set for channel in channels] == [("password",), ("secret",), ("url",)]
    for channel, secret in zip(channels, ("a secret", SECRET, HOOK["url"]), strict=True):
        assert secret not in channel.shown.values()


def test_secrets_stay_while_the_channel_leads_to_the_same_place_and_only_then() -> None:
    before = mail(username="seoga", password="a secret")
    assert mail(before, username="seoga", recipients=["x@y.z"]).settings["password"] == "a secret"
    for changes in ({"host": "elsewhere.example.com"}, {"username": "other"}, {"security": "none"}, {"port": 2525}):
        with pytest.raises(InvalidInput):
            mail(before, **{"username": "seoga", **changes})
    assert mail(before).settings["password"] == ""  # without a user there is none to keep
    assert hook(hook(), secret=None, language="ko").settings["secret"] == SECRET
    with pytest.raises(InvalidInput):
        hook(hook(), secret=None, url="https://attacker.example.com")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.216.34", True),
        ("10.1.2.3", True),
        ("fd12::1", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("169.254.169.254", False),
        ("::ffff:169.254.169.254", False),
        ("2002:a9fe:a9fe::", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("100.100.100.200", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
    ],
)
def test_without_an_allow_list_neither_this_machine_nor_a_cloud_tells_its_secrets(address: str, allowed: bool) -> None:
    assert (Targets().refusal("host", [address]) is None) is allowed
    # One address that may not be called is enough.
    assert (Targets().refusal("host", ["93.184.216.34", address]) is None) is allowed


def test_an_allow_list_names_hosts_domains_addresses_and_networks_and_nothing_else_is_called() -> None:
    targets = Targets.of(("hooks.example.com", "*.corp.example", "10.0.0.0/8", "127.0.0.1"))
    allowed = [
        ("hooks.example.com", "93.184.216.34"),
        ("HOOKS.example.com.", "169.254.1.1"),
        ("a.corp.example", "1.2.3.4"),
        ("whatever", "10.9.9.9"),
        ("localhost", "127.0.0.1"),
    ]
    refused = [
        ("example.com", "93.184.216.34"),
        ("evil-hooks.example.com", "1.2.3.4"),
        ("corp.example", "1.2.3.4"),
        ("localhost", "127.0.0.2"),
    ]
    assert [targets.refusal(host, [address]) for host, address in allowed] == [None] * len(allowed)
    for host, address in refused:
        assert "SEOGA_NOTIFY_HOSTS" in (targets.refusal(host, [address]) or "")
    assert targets.refusal("mixed", ["10.0.0.1", "1.2.3.4"]) is not None


def test_a_message_says_what_where_since_when_what_to_do_and_leads_on() -> None:
    english = message_of([a_notice()], Language.ENGLISH)
    assert english.subject == "[Seoga] ALERT (critical): Oldest queued document, module=process"
    assert english.text.splitlines() == [
        "ALERT (critical): Oldest queued document, module=process",
        "What: jobs_oldest_waiting_seconds > 300",
        "Where: module=process",
        "Since: 2026-03-01 12:00:00 UTC",
        "Value: 412.5",
        "What to do: Look at the workers.",
        "Link: http://127.0.0.1:8000/monitor?alert=alert-0",
    ]
    korean = message_of([a_notice()], Language.KOREAN)
    assert korean.subject == "[Seoga] 경보 (심각): Oldest queued document, module=process"
    for words in (
        "내용: ",
        "위치: module=process",
        "발생 시각: 2026-03-01",
        "조치: 작업자를 확인하십시오.",
        "링크: http",
    ):
        assert words in korean.text


def test_what_is_over_says_until_when_and_that_nothing_is_to_do() -> None:
    over = message_of([a_notice(state="resolved", at=AT + timedelta(minutes=5))], Language.ENGLISH).text
    assert "RESOLVED" in over and "Until: 2026-03-01 12:05:00 UTC" in over and "Nothing: it is over." in over
    assert "해제 시각" in message_of([a_notice(state="resolved")], Language.KOREAN).text


def test_many_are_one_message_with_the_worst_first_and_the_rest_counted() -> None:
    notices = [a_notice(number, severity="info") for number in range(99)]
    notices += [a_notice(100, severity="critical"), a_notice(101, "resolved")]
    message = message_of(notices, Language.ENGLISH)
    assert message.subject == "[Seoga] 101 alerts: 100 firing, 1 resolved"
    assert message.notices[0].alert_id == "alert-100" and message.notices[-1].alert_id == "alert-101"
    assert message.text.count("What to do:") == 50
    assert message.text.endswith("… and 51 more; the link shows all.")


def test_a_subject_is_one_line_however_the_rule_is_called() -> None:
    subject = message_of([a_notice(rule="evil\r\nBcc: x@y.z\t" + "x" * 500)], Language.ENGLISH).subject
    assert "\n" not in subject and "\r" not in subject and len(subject) <= 170
