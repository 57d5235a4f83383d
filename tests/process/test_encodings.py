"""Text in any common encoding is read, also when it is short; what is no text is refused."""

import pytest

from process.infrastructure.parsers.draft import Unreadable
from process.infrastructure.parsers.encoding import decode

KOREAN = "관세법 제1조(목적) 이 법은 관세의 부과·징수 및 수출입물품의 통관을 적정하게 함을 목적으로 한다."
JAPANESE = "この法律は、関税の確定、納付、徴収について定めるものとする。"
GERMAN = "Für die Einfuhr von Äpfeln und Öl gelten über die Zölle hinaus größere Einschränkungen."
RUSSIAN = (
    "Настоящий закон устанавливает порядок уплаты таможенных пошлин при ввозе товаров. "
    "Декларант обязан представить документы таможенному органу в течение тридцати дней."
)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "cp949", "euc-kr"]
)
@pytest.mark.parametrize("text", [KOREAN, KOREAN * 3_000, "제목\n\n내용 하나", "HS 코드 8471.30 노트북 Notebook\n" * 5])
def test_reads_korean(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding))[0] == text


@pytest.mark.parametrize("text", ["계약서", "송장", "가", "수입신고필증", "㈜한국무역", "노트북 8471.30", "사과(Fuji)"])
def test_reads_very_short_korean_in_cp949(text: str) -> None:
    assert decode(text.encode("cp949"))[0] == text


def test_reads_korean_in_utf_16_without_mark_and_without_a_space() -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        assert decode("수입신고필증".encode(encoding))[0] == "수입신고필증"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (JAPANESE * 50, "cp932"),
        (GERMAN, "cp1252"),
        (GERMAN, "latin-1"),
        ("Café crème à 3 €", "cp1252"),
        ("naïve résumé", "latin-1"),
        (RUSSIAN * 3, "cp1251"),
        ("plain ASCII", "ascii"),
    ],
)
def test_reads_other_languages(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding))[0] == text


def test_a_declared_encoding_counts_where_the_bytes_allow_it() -> None:
    assert decode("진료비".encode("cp949"), declared="EUC-KR")[0] == "진료비"
    assert decode("진료비".encode(), declared="EUC-KR")[0] == "진료비"
    assert decode("naïve".encode("cp1252"), declared="no-such-encoding")[0] == "naïve"


def test_a_file_cut_inside_a_character_is_still_read() -> None:
    text, encoding = decode((KOREAN * 20).encode()[:-1])
    assert encoding == "utf-8"
    assert text.startswith(KOREAN)
    text, encoding = decode((KOREAN * 20).encode("cp949")[:-1])
    assert encoding == "cp949"
    assert text.startswith(KOREAN)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 8,
        b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00" * 100,
        bytes(4_096),
        bytes(range(1, 32)) * 100,
    ],
)
def test_binary_data_is_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable, match="not text") as refusal:
        decode(raw)
    assert refusal.value.data == {"code": "binary", "retryable": False}
