"""Text in any common encoding is read, also when it is short; what is no text is refused."""

import time

import pytest

from process.infrastructure.parsers.draft import Unreadable
from process.infrastructure.parsers.encoding import decode, decoded_text

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


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [(KOREAN, "cp949", "euc-kr"), (GERMAN, "cp1252", "iso-8859-1"), (JAPANESE, "cp932", "shift_jis")],
)
def test_one_bad_byte_does_not_change_the_encoding_declared(text: str, encoding: str, declared: str) -> None:
    decoded = decoded_text(text.encode(encoding) + b"\n\x81\n", declared=declared)
    assert decoded.text == text + "\n\ufffd\n"
    assert decoded.warnings == ("1 line holds characters that could not be read; \ufffd stands for them.",)


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


MIXED = (
    (KOREAN, "cp949"),
    (JAPANESE, "cp932"),
    (JAPANESE, "euc_jp"),
    ("货物已经到达港口，报关单已提交。", "gb18030"),
    ("貨物已經到達港口，報關單已提交。", "big5"),
    (GERMAN, "cp1252"),
)


@pytest.mark.parametrize("foreign", [1, 2, 5, 15, 29])
@pytest.mark.parametrize(("text", "encoding"), MIXED)
def test_each_line_of_a_mixed_file_is_read_in_its_own_encoding(text: str, encoding: str, foreign: int) -> None:
    lines = [f"{number} {text}" for number in range(30)]
    raw = b"\n".join(line.encode(encoding if n % 30 < foreign else "utf-8") for n, line in enumerate(lines))
    decoded = decoded_text(raw)
    assert decoded.text.split("\n") == lines
    (warning,) = decoded.warnings
    assert warning.startswith("Most of the file is in ")
    assert f" {min(foreign, 30 - foreign):,} line" in warning


@pytest.mark.parametrize("name", ["홍길동", "홍 길동", "길동아", "담당 홍길동(검수)"])
@pytest.mark.parametrize("of_korean", [2, 29])
def test_words_whose_bytes_are_those_of_utf_8_by_chance_are_read(name: str, of_korean: int) -> None:
    lines = [f"{number}번 화물의 담당자는 {name} 과장" for number in range(30)]
    raw = b"\n".join(line.encode("cp949" if n < of_korean else "utf-8") for n, line in enumerate(lines))
    assert decoded_text(raw).text.split("\n") == lines


@pytest.mark.parametrize("end", ["", " ", "\n"])
def test_two_encodings_in_one_line_are_both_read(end: str) -> None:
    raw = "2026-01-02 접수: ".encode() + "오류가 났다".encode("cp949") + end.encode()
    assert decoded_text(raw * 3).text == ("2026-01-02 접수: 오류가 났다" + end) * 3


def test_cut_signs_spoil_only_themselves_and_are_counted() -> None:
    raw = "화물 확인 완료 ".encode() + "🚢".encode()[:3] + b"\n"
    decoded = decoded_text(raw * 30)
    assert decoded.text == "화물 확인 완료 \ufffd\n" * 30
    assert decoded.warnings == ("30 lines hold characters that could not be read; \ufffd stands for them.",)


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
@pytest.mark.parametrize("lost", [slice(1, None), slice(None, -1)])
def test_a_few_syllables_without_their_first_or_last_byte_stay_korean(encoding: str, lost: slice) -> None:
    text = decoded_text("관세청장".encode(encoding)[lost]).text
    assert text.replace("\ufffd", "") in ("관세청", "세청장")


@pytest.mark.parametrize("text", [KOREAN, "plain words\n" * 9])
@pytest.mark.parametrize(("before", "after"), [(b"", bytes(512)), (bytes(4_096), b""), (b"", b"\0"), (b"\0", b"\0")])
@pytest.mark.parametrize("encoding", ["utf-8", "cp949", "utf-8-sig"])
def test_nul_bytes_around_a_text_are_left_out_with_a_warning(
    text: str, before: bytes, after: bytes, encoding: str
) -> None:
    decoded = decoded_text(before + text.encode(encoding) + after)
    assert decoded.text.strip("\ufeff\n") == text.strip("\n")
    count = len(before + after)
    assert decoded.warnings[0] == f"The file holds {count:,} NUL bytes, which are no text; they were left out."


def test_nul_bytes_that_part_records_become_line_ends_and_those_in_words_go() -> None:
    assert decoded_text(b"one.txt\0two.txt\0three.txt\0").text == "one.txt\ntwo.txt\nthree.txt\n"
    assert decoded_text("번호\0\0\0\0이름\0\0\0\n".encode()).text == "번호\n이름\n\n"
    assert decoded_text("관\0세청\n".encode()).text == "관세청\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("count", [1, 32, 700])
@pytest.mark.parametrize("text", [KOREAN * 20, "plain words\n" * 99])
def test_a_hole_behind_a_wide_text_is_left_out_with_a_warning(text: str, count: int, encoding: str) -> None:
    decoded = decoded_text(text.encode(encoding) + bytes(4 * count))
    assert decoded.text == text
    assert len(decoded.warnings) == 1
    assert "NUL bytes" in decoded.warnings[0]


@pytest.mark.parametrize("count", [1, 501])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_hole_of_an_odd_length_loses_no_character(encoding: str, count: int) -> None:
    assert decoded_text(KOREAN.encode(encoding) + bytes(count)).text == KOREAN


@pytest.mark.parametrize("quoted", [b"He said \x93hello\x94 and left", b"pages 3\x964, it\x92s done", b"wait\x85 now"])
def test_western_quotes_in_a_korean_file_are_no_syllables(quoted: bytes) -> None:
    decoded = decoded_text((KOREAN + "\n").encode() * 2 + quoted + b"\n")
    assert decoded.text.splitlines()[2] == quoted.decode("cp1252")
    assert decoded.warnings


@pytest.mark.parametrize("word", ["뷁", "펲시콜라", "똠방각하"])
def test_rare_syllables_in_a_korean_file_stay_korean(word: str) -> None:
    assert decoded_text((KOREAN + "\n").encode() * 2 + word.encode("cp949") + b"\n").text.endswith(f"\n{word}\n")


@pytest.mark.parametrize(
    ("text", "encoding"), [(KOREAN, "iso2022_kr"), ("通関手続きについて\n輸入 declaration 8471.30\n", "iso2022_jp")]
)
def test_encodings_of_seven_bits_are_read(text: str, encoding: str) -> None:
    assert decoded_text(text.encode(encoding)).text == text


@pytest.mark.parametrize("before", ["utf-8", "cp949"])
@pytest.mark.parametrize("mark", [b"", b"\xff\xfe"])
@pytest.mark.parametrize("appended", ["접수 기록 2건\r\n끝\r\n", "two more lines\r\nhere\r\n"])
def test_utf_16_that_was_appended_to_another_text_is_read(before: str, mark: bytes, appended: str) -> None:
    decoded = decoded_text((KOREAN + "\r\n").encode(before) + mark + appended.encode("utf-16-le"))
    assert decoded.text == KOREAN + "\r\n" + appended
    assert decoded.warnings[0].endswith("; 2 lines are in UTF-16 and read as such.")


def test_a_mixed_file_takes_time_in_proportion_to_its_length() -> None:
    def seconds(lines: int) -> float:
        raw = (KOREAN.encode() + b"\xb0 " + KOREAN.encode("cp949") + b"\n") * lines
        started = time.process_time()
        decoded_text(raw)
        return time.process_time() - started

    seconds(100)
    assert seconds(4_000) <= 24 * max(seconds(500), 0.005)


KOREAN_LOG = "선적 온도 기록: 이상 없음\n" * 5
QUOTED = "It’s a reefer – keep it cold\n" * 4
CYRILLIC = "Груз прибыл в порт назначения вовремя\n" * 5


@pytest.mark.parametrize("before", [KOREAN_LOG, QUOTED, "Überführung des Schiffes\n" * 4])
@pytest.mark.parametrize(
    "line",
    ["Set point -18°C, ±1", "See § 14 of it", "10 m² at £5", "a naïve clause", "ACME® and Co", "Pusan – Hamburg"],
)
def test_single_signs_of_windows_in_utf_8_are_themselves(before: str, line: str) -> None:
    decoded = decoded_text(f"{before}".encode() + f"{line}\n".encode("cp1252") + before.encode())
    assert decoded.text == f"{before}{line}\n{before}"
    assert decoded.warnings == ("Most of the file is in UTF-8; 1 line is in Windows-1252 and read as such.",)


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r"])
def test_lines_of_cyrillic_in_an_older_encoding_are_read(encoding: str) -> None:
    line = "Температура 5°C в норме\n" if encoding == "cp1251" else "Температура в норме\n"
    for before in (CYRILLIC, KOREAN_LOG):
        decoded = decoded_text(before.encode() + line.encode(encoding))
        assert decoded.text == before + line
        assert decoded.warnings and "(Cyrillic)" in decoded.warnings[0]
    assert decoded_text(CYRILLIC.encode(encoding) + line.encode()).text == CYRILLIC + line


def test_accents_of_french_and_danish_are_no_cyrillic() -> None:
    for text in ("Le présent document concerne l’importation, été\n", "Dette vedrører indførsel på øen, æble, å\n"):
        assert decode((text * 5).encode("cp1252"))[0] == text * 5


def test_korean_with_a_broken_byte_in_each_line_stays_korean() -> None:
    decoded = decoded_text(("물품 목록: 나사 볼트 너트\n".encode("cp949") + b"\xb0\n") * 3)
    assert decoded.text == "물품 목록: 나사 볼트 너트\n\ufffd\n" * 3


def test_a_line_of_utf_8_in_korean_is_read_also_where_both_would_fit() -> None:
    before = "창고에서 물건을 확인하고 기록했다\n" * 20
    assert decoded_text(before.encode("cp949") + "보는 물론\n".encode()).text == before + "보는 물론\n"


def test_japanese_in_korean_utf_8_is_japanese() -> None:
    assert decoded_text(KOREAN_LOG.encode() + JAPANESE.encode("cp932")).text == KOREAN_LOG + JAPANESE
