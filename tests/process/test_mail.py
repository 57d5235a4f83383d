"""Mails made here: headers and bodies decoded, quoted messages marked, attachments found as parts."""

import base64
import hashlib
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from ole_builder import an_ole_file

from process.infrastructure.parsers.draft import Unreadable
from process.infrastructure.parsers.parts import Parts, clean_path
from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
EML, MHTML, MSG = "message/rfc822", "multipart/related", "application/vnd.ms-outlook"


def blocks(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def a_mail(body: str = "본문입니다.", **headers: str) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = "선적 일정"
    mail["From"] = "김하나 <kim@example.com>"
    mail["To"] = "lee@example.com"
    for name, value in headers.items():
        mail[name] = value
    mail.set_content(body)
    return mail


def test_header_body_and_attachments(parse_bytes: ParseBytes) -> None:
    mail = a_mail()
    mail.add_attachment("첨부 글".encode(), maintype="text", subtype="plain", filename="견적서 2026.txt")
    inner = a_mail("안쪽 글")
    mail.add_attachment(inner)
    document = parse_bytes(mail.as_bytes(), EML)
    assert blocks(document) == [
        ("title", "선적 일정"),
        ("paragraph", "From: 김하나 <kim@example.com>\nTo: lee@example.com"),
        ("paragraph", "본문입니다."),
        ("list_item", "Attachment: 견적서 2026.txt"),
        ("list_item", "Attachment: 선적 일정.eml"),
    ]
    assert document.title == "선적 일정"
    assert [part.path for part in document.parts] == ["견적서 2026.txt", "선적 일정.eml"]
    assert document.parts[0].sha256 == hashlib.sha256("첨부 글".encode()).hexdigest()


@pytest.mark.parametrize("charset", ["utf-8", "ks_c_5601-1987", "euc-kr", "iso-2022-kr"])
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_any_charset_and_transfer_encoding(parse_bytes: ParseBytes, charset: str, encoding: str) -> None:
    raw = "배가 사흘 늦게 떠납니다.".encode(charset)
    if encoding == "base64":
        raw = base64.encodebytes(raw)
    elif encoding == "quoted-printable":
        raw = b"".join(b"=%02X" % byte for byte in raw)
    head = f"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset={charset}\r\n"
    head += f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    assert "배가 사흘 늦게 떠납니다." in parse_bytes(head.encode() + raw, EML).text


@pytest.mark.parametrize(("parameters", "text"), [("", "one long line"), ("; delsp=yes", "one longline")])
@pytest.mark.parametrize("is_alternative", [False, True])
def test_lines_that_go_on_are_joined(parse_bytes: ParseBytes, parameters: str, text: str, is_alternative: bool) -> None:
    head = "From: a@b.c\nTo: d@e.f\nSubject: s\nMIME-Version: 1.0\n"
    body = f"Content-Type: text/plain; charset=utf-8; format=flowed{parameters}\n\none long \nline\n"
    if is_alternative:
        page = "Content-Type: text/html\n\n<p>x</p>\n"
        body = f"Content-Type: multipart/alternative; boundary=B\n\n--B\n{body}\n--B\n{page}\n--B--\n"
    assert blocks(parse_bytes((head + body).encode(), EML))[-1] == ("paragraph", text)


@pytest.mark.parametrize(
    ("plain", "page", "shown"),
    [
        (
            "This message needs HTML.",
            "<p>화물이 부산에 도착했으니 오늘 신고를 하고 창고에 알려 주시기 바랍니다. 서류는 내일 보냅니다.</p>",
            "화물이 부산에 도착했으니",
        ),
        ("화물이 도착했다.", "<style>p{margin:0;padding:0}</style><p><b>화물이</b> 도착했다.</p>", "화물이 도착했다."),
    ],
)
def test_plain_text_that_only_stands_for_the_page_is_not_told(
    parse_bytes: ParseBytes, plain: str, page: str, shown: str
) -> None:
    parts = (
        f"--B\nContent-Type: text/{kind}; charset=utf-8\n\n{text}\n"
        for kind, text in (("plain", plain), ("html", page))
    )
    head = "From: a@b.c\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=B\n\n"
    text = parse_bytes(f"{head}{''.join(parts)}--B--\n".encode(), EML).text
    assert shown in text
    assert text.count("화물이") == 1 and "HTML" not in text


def test_quoted_lines_that_go_on_are_joined_at_their_depth(parse_bytes: ParseBytes) -> None:
    head = "From: a@b.c\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8; format=flowed\n\n"
    body = "> the fee \n> is due \n>> deeper \n>> still\n\n From here \non\n"
    found = blocks(parse_bytes((head + body).encode(), EML))
    assert ("quote", "the fee is due \ndeeper still") in found
    assert found[-1] == ("paragraph", "From here on")


def test_raw_bytes_and_encoded_words_in_a_header(parse_bytes: ParseBytes) -> None:
    raw = "Subject: 세금 계산서\r\n".encode("cp949") + b"From: =?euc-kr?B?" + base64.b64encode("홍길동".encode("cp949"))
    raw += b"?= <h@example.com>\r\n\r\nwords"
    assert parse_bytes(raw, EML).text.startswith("세금 계산서\n\nFrom: 홍길동")


@pytest.mark.parametrize(
    "quoted",
    [
        "On Mon, 3 Mar 2026 at 10:00, Lee <lee@example.com> wrote:\n> 질문 있습니다.\n",
        "-----Original Message-----\nFrom: Lee\nSent: Monday\nTo: Kim\nSubject: x\n\n질문 있습니다.\n",
        "보낸 사람: 이\n보낸 날짜: 월요일\n받는 사람: 김\n제목: x\n\n질문 있습니다.\n",
        "> 질문 있습니다.\n",
    ],
)
def test_quoted_messages_stand_below_a_heading(parse_bytes: ParseBytes, quoted: str) -> None:
    found = blocks(parse_bytes(a_mail("답입니다.\n\n" + quoted).as_bytes(), EML))
    assert found[2] == ("paragraph", "답입니다.")
    assert found[-2][0] == "heading" and found[-2][1].startswith("Quoted")
    assert found[-1] == ("quote", "질문 있습니다.")


def test_a_page_is_read_where_it_says_more_than_the_plain_text(parse_bytes: ParseBytes) -> None:
    mail = a_mail(" ")
    mail.add_alternative("<p>값</p><table><tr><td>a<td>b</table><blockquote>먼저 글</blockquote>", subtype="html")
    assert blocks(parse_bytes(mail.as_bytes(), EML))[2:] == [
        ("paragraph", "값"),
        ("table", "a\tb"),
        ("heading", "Quoted message"),
        ("paragraph", "먼저 글"),
    ]


@pytest.mark.parametrize("sender", [b"-", b"1859@xxx", b"MAILER-DAEMON"])
def test_a_folder_of_mails_is_all_of_its_mails(parse_bytes: ParseBytes, sender: bytes) -> None:
    mark = b"From " + sender + b" Thu Mar  5 10:00:00 2026\nX-Mozilla-Status: 0001\n"
    first = a_mail("첫 본문\n\nFrom the port it goes on in 2026\n").as_bytes()
    second = b"Subject: two\nContent-Type: text/plain; charset=euc-kr\n\n" + "둘째 본문".encode("cp949")
    second += b"\n\n>From here on\n"
    locked = b"Subject: three\nMIME-Version: 1.0\nContent-Type: application/pkcs7-mime\n\nAAAA\n"
    document = parse_bytes(mark + first + b"\n" + mark + second + b"\n" + mark + locked, EML)
    said = [text for _, text in blocks(document)]
    assert [text for kind, text in blocks(document) if kind == "title"] == ["선적 일정", "two", "three"]
    assert "첫 본문" in said and "From the port it goes on in 2026" in said
    assert "둘째 본문" in said and "From here on" in said
    assert document.title == "선적 일정"
    assert document.warnings == ("Encrypted mails, of which only the headers were read: 1.",)


def test_a_mail_with_its_length_before_it(parse_bytes: ParseBytes) -> None:
    mail = a_mail("본문 글").as_bytes()
    stored = b"%d  \n%b<?xml version='1.0'?>\n<plist><dict><key>flags</key></dict></plist>" % (len(mail), mail)
    assert [text for _, text in blocks(parse_bytes(stored, EML))][2:] == ["본문 글"]


def test_notices_and_invitations_say_what_they_hold(parse_bytes: ParseBytes) -> None:
    notice = (
        b"Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/report; boundary=B\n\n--B\n"
        b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; post\n\n"
        b"Final-Recipient: rfc822; kim@example.com\nStatus: 5.1.1\n\n--B\n"
        b"Content-Type: text/calendar; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
        + base64.encodebytes("BEGIN:VCALENDAR\nSUMMARY:통관 회의\\, 셋째\nEND:VCALENDAR\n".encode())
        + b"\n--B--\n"
    )
    assert [text for _, text in blocks(parse_bytes(notice, EML))] == [
        *("x", "Reporting-MTA: dns; post", "Final-Recipient: rfc822; kim@example.com\nStatus: 5.1.1"),
        "SUMMARY: 통관 회의, 셋째",
    ]


def test_a_saved_page(parse_bytes: ParseBytes) -> None:
    raw = (
        b"From: <Saved by Blink>\r\nSubject: =?utf-8?Q?=ED=86=B5=EA=B4=80?=\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/related; boundary="B"\r\n\r\n--B\r\nContent-Type: text/html\r\n'
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n<html><body><p>=EC=A0=80=EC=\r\n=9E=A5</p></body></html>"
        b"\r\n--B\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--B--\r\n"
    )
    document = parse_bytes(raw, MHTML)
    assert (document.text, document.title, document.parts) == ("저장", "통관", ())


def test_broken_and_hostile_mails_end(parse_bytes: ParseBytes) -> None:
    nested = b"words"
    for number in range(2_000):
        boundary = b"b%d" % number
        nested = b'Content-Type: multipart/mixed; boundary="%b"\n\n--%b\n%b\n--%b--\n' % (
            (boundary,) * 2 + (nested, boundary)
        )
    with pytest.raises(Unreadable) as refusal:
        parse_bytes(b"Subject: bomb\nMIME-Version: 1.0\n" + nested, EML)
    assert refusal.value.data["code"] == "too_deep"
    broken = b'Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="no"\n\nwords without a boundary'
    assert "words without a boundary" in parse_bytes(broken, EML).text
    locked = b"Subject: \nMIME-Version: 1.0\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nAAAA"
    with pytest.raises(Unreadable) as refusal:
        parse_bytes(locked, EML)
    assert refusal.value.data["code"] == "encrypted"


def test_an_outlook_message_with_an_attachment(parse_bytes: ParseBytes) -> None:
    def text(value: str) -> bytes:
        return value.encode("utf-16-le")

    raw = an_ole_file(
        {
            "__properties_version1.0": bytes(32),
            "__substg1.0_0037001F": text("선적 일정"),
            "__substg1.0_0C1A001F": text("김하나"),
            "__substg1.0_1000001E": "본문입니다.".encode("cp949"),
            "__attach_version1.0_#00000000/__properties_version1.0": bytes(8),
            "__attach_version1.0_#00000000/__substg1.0_3707001F": text("견적.txt"),
            "__attach_version1.0_#00000000/__substg1.0_37010102": b"content" * 1000,
        }
    )
    document = parse_bytes(raw, MSG)
    assert blocks(document) == [
        ("title", "선적 일정"),
        ("paragraph", "From: 김하나"),
        ("paragraph", "본문입니다."),
        ("list_item", "Attachment: 견적.txt"),
    ]
    assert [(part.path, part.size) for part in document.parts] == [("견적.txt", 7000)]


def test_parts_lie_in_the_folder_under_their_hashes_within_limits(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "parts", most=2, most_bytes=10)
    assert parts.add("a.txt", [b"on", b"e"]) and parts.add("a.txt", [b"one"]) and not parts.add("b", [bytes(8)])
    assert parts.found == [{"path": "a.txt", "sha256": hashlib.sha256(b"one").hexdigest(), "size": 3}]
    assert [file.name for file in (tmp_path / "parts").iterdir()] == [hashlib.sha256(b"one").hexdigest()]
    assert parts.objection and "MB" in parts.objection


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("../../etc/passwd", "etc/passwd"), ("/srv/x.txt", "srv/x.txt"), ("C:\\dir\\a.txt", "dir/a.txt"),
        ("a/./b//c.txt", "a/b/c.txt"), ("x\u202efdp.exe\0", "xfdp.exe"), ("..", ""),
        ("가" * 300 + ".txt", "가" * 196 + ".txt"),
    ],
)  # fmt: skip
def test_paths_of_parts_are_plain(name: str, path: str) -> None:
    assert clean_path(name) == path
