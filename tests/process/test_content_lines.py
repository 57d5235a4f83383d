"""Cards, calendars and directories say names and texts, not how they were folded and escaped."""

import base64
import quopri
from collections.abc import Callable

import pytest

from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]


@pytest.mark.parametrize("charset", ["UTF-8", "EUC-KR"])
def test_cards_of_old_telephones(parse_bytes: ParseBytes, charset: str) -> None:
    def quoted(text: str) -> str:
        return quopri.encodestring(text.encode(charset)).decode().replace("\n", "\r\n")

    long = "서울특별시 강남구 언주로 721 서울본부세관 통관지원과 " * 3
    card = (
        "BEGIN:VCARD\r\nVERSION:2.1\r\n"
        f"N;CHARSET={charset};ENCODING=QUOTED-PRINTABLE:{quoted('홍')};{quoted('길동')};;;\r\n"
        f"NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET={charset}:{quoted(long)}\r\n"
        "TEL;CELL:010-1234-5678\r\nPHOTO;ENCODING=BASE64;JPEG:/9j/4AAQ\r\n SkZJRg==\r\nEND:VCARD\r\n"
    )
    text = parse_bytes((card + card.replace("010-1234-5678", "02-1234")).encode()).text
    assert f"N: 홍 길동\nNOTE: {long.strip()}\nTEL: 010-1234-5678\n\nVERSION: 2.1\nN: 홍 길동" in text
    assert "02-1234" in text and "4AAQ" not in text and "=" not in text


def test_folded_and_escaped_lines_of_a_calendar(parse_bytes: ParseBytes) -> None:
    calendar = (
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;TZID=Asia/Seoul:20260305T100000\r\nSUMMARY:관세 회의\\, 둘째\r\n"
        "DESCRIPTION:첫 줄\\n둘째 줄은 여기서 접\r\n 힌다\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    assert parse_bytes(calendar.encode()).text == (
        "DTSTART: 20260305T100000\nSUMMARY: 관세 회의, 둘째\nDESCRIPTION: 첫 줄\n둘째 줄은 여기서 접힌다"
    )


def test_values_of_a_directory(parse_bytes: ParseBytes) -> None:
    def packed(raw: bytes) -> str:
        return base64.b64encode(raw).decode()

    name = packed("cn=홍길동,dc=example".encode())
    directory = (
        f"version: 1\n\ndn:: {name[:20]}\n {name[20:]}\ncn:: {packed('홍길동'.encode())}\nmail: a@example.com\n"
        f"jpegPhoto:: {packed(bytes(range(256)))}\nnote: a:: b\n"
    )
    assert parse_bytes(directory.encode()).text == (
        "version: 1\n\ndn: cn=홍길동,dc=example\ncn: 홍길동\nmail: a@example.com\njpegPhoto:\nnote: a:: b"
    )


def test_a_text_that_speaks_of_cards_is_a_text(parse_bytes: ParseBytes) -> None:
    text = "A card begins with:\n\nBEGIN:VCARD\nNOTE:a\\, b"
    assert parse_bytes(text.encode()).text == text
