"""Tariff codes in text: every way of writing one is found where it stands, and what is none is not."""

import re
from datetime import date
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.infrastructure.nomenclature import PackagedNomenclature
from shared.tariff.codes import ancestors, digits_of, display
from shared.tariff.spotting import spot

NOMENCLATURE: Final = PackagedNomenclature().nomenclature()
_CODES: Final = tuple(NOMENCLATURE)
_LONG: Final = st.sampled_from([code for code in _CODES if len(code) == 10])
_SUBHEADINGS: Final = st.sampled_from([code for code in _CODES if len(code) == 6])
_HEADINGS: Final = st.sampled_from([code for code in _CODES if len(code) == 4])
_FULL_WIDTH: Final = str.maketrans("0123456789.-", "０１２３４５６７８９．－")


def _found(text: str) -> list[tuple[str, str]]:
    return [(one.surface, one.code) for one in spot(text, NOMENCLATURE.standing)]


_WRITTEN: Final = st.one_of(
    _LONG.flatmap(
        lambda code: st.sampled_from(
            [f"제{display(code)}호", f"HSK {code}", f"HS {display(code)}", f"HS코드 {code[:4]}.{code[4:6]}.{code[6:]}"]
        )
    ),
    _SUBHEADINGS.flatmap(
        lambda code: st.sampled_from(
            [f"HS {code}", f"subheading {display(code)}", f"제{display(code)}호", f"품목번호 {display(code)}"]
        )
    ),
    _HEADINGS.flatmap(
        lambda code: st.sampled_from([f"heading {code[:2]}.{code[2:]}", f"관세율표 제{code}호", f"heading {code}"])
    ),
)
_AROUND: Final = st.sampled_from(
    [
        ("이 물품은 ", "로 분류된다."),
        ("goods of ", " are originating."),
        ("", ""),
        ("(", ")"),
        ("2021. 3. 4. ", "에 대하여 1,200원"),
    ]
)


@given(_WRITTEN, _AROUND, st.booleans())
def test_a_code_is_found_however_it_is_written(written: str, around: tuple[str, str], is_wide: bool) -> None:
    shown = written.translate(_FULL_WIDTH) if is_wide else written
    found = _found(around[0] + shown + around[1])
    assert [code for _, code in found] == [re.sub(r"\D", "", written)]


@given(st.text(alphabet="0123456789.-/,제호 \nHS년원관세headings및,()０．年", max_size=80))
def test_what_is_found_is_a_slice_of_the_text_and_in_order(text: str) -> None:
    ends = 0
    for one in spot(text, NOMENCLATURE.standing):
        assert text[one.start : one.end] == one.surface
        assert one.start >= ends
        assert 0 < one.confidence <= 1
        assert any(NOMENCLATURE.standing(code) != "unknown" for code in (one.code, *ancestors(one.code)))
        ends = one.end


@given(
    st.dates(date(1900, 1, 1), date(2099, 12, 31)),
    st.sampled_from(["{0:%Y.%m.%d}", "{0:%Y. %m. %d.}", "{0:%Y-%m-%d}", "{0:%Y%m%d}", "{0:%Y.%m}", "{0:%Y년 %m월}"]),
)
def test_no_date_is_a_code(day: date, form: str) -> None:
    assert _found(f"원고는 {form.format(day)} 관세를 납부하였다.") == []


@given(_SUBHEADINGS, st.sampled_from(["USD {}", "${}", "{} kg", "{}%", "{} million", "{}원", "₩{}", "1,{}", "{} 달러"]))
def test_no_amount_is_a_code(code: str, form: str) -> None:
    assert _found(f"the price was {form.format(display(code))} in all") == []


@given(
    _HEADINGS,
    st.sampled_from(
        [
            "법률 제{}호",
            "대통령령 제{}호",
            "고시 제{}호",
            "특허 제{}호",
            "010-{}-1234",
            "{}호 사무실",
            "02-{}-5678",
            "Invoice No. {}",
            "2008구합{}",
        ]
    ),
)
def test_nothing_else_that_is_numbered_is_a_code(code: str, form: str) -> None:
    assert _found(f"이에 따라 {form.format(code)} 관련 수입") == []


@given(_LONG, st.integers(5, 11), st.sampled_from(["\n", "\r\n", " \n  "]))
def test_a_code_that_a_line_tears_is_whole(code: str, at: int, line_end: str) -> None:
    written = display(code)
    torn = written[:at] + line_end + written[at:]
    assert [one for _, one in _found(f"HS {torn} 에 해당한다")] == [code]


@given(st.lists(_SUBHEADINGS, min_size=2, max_size=5, unique=True), st.sampled_from([", ", " or ", " 및 ", "\n", "; "]))
def test_two_codes_are_two(codes: list[str], between: str) -> None:
    written = between.join(map(display, codes))
    assert [code for _, code in _found(f"subheading {written} of the tariff")] == codes


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("headings 87.01 through 87.09 or heading 87.11", ["8701", "8709", "8711"]),
        ("HS 8471.30-8471.50", ["847130", "847150"]),
        ("HS 0511 91, 2301 20 00", ["051191", "23012000"]),
        ("HS 2022 and HS2017", []),
        ("품목분류는 2002년 HS협약", []),
        ("IP 192.168.8471.30", []),
        ("HS 9999.99", []),
    ],
)
def test_lists_ranges_and_editions(text: str, codes: list[str]) -> None:
    assert [code for _, code in _found(text)] == codes


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        # Torn where no line ends, also behind members of a list that nothing else says to be codes.
        ("heading 63. 06 or subheading 6307.20", ["6306", "630720"]),
        ("HS 1001.9000, 1101.0000, 1701. 9100 and 1701. 9990.", ["10019000", "11010000", "17019100", "17019990"]),
        ("Sub-headings 0511 91, 2301 20 00 and 1902 20 10", ["051191", "23012000", "19022010"]),
        ("heading 84. 10. 99.", []),
        ("heading 84. 10 kg of it", []),
        ("under heading 84. 8471 of them", []),
        # Divisions of headings in old tariffs.
        ("heading Nos 27.10, 27.11 A and B I, 27.12, 27.13 B and 27.14", ["2710", "2711", "2712", "2713", "2714"]),
        ("heading No 28.40 B II (phosphates), 31.03 (fertilizers)", ["2840", "3103"]),
        ("heading 84.71 and some 84.73", ["8471"]),
        # Glued together when a page was read.
        ("1-lSHeadings 41.01 to 41.03", ["4101", "4103"]),
        ("the Tariffheading 41.01", []),
        # Said once, named again by its sign alone.
        ("품목번호 0507호, 즉 0507호의 녹용", ["0507", "0507"]),
        ("HSK 0507.90-1110 및 0507호의 녹용", ["0507901110", "0507"]),
        ("품목번호 0507호와 8471호의 물품은", ["0507", "8471"]),
        ("품목번호 0507호. 한편 8471호의 물품은", ["0507"]),
        ("품목번호 0507호. 이후 0507호실에 보관", ["0507"]),
        # A digit too few or too many at the end.
        ("HSK 제8536.69-100호의 소켓", ["853669"]),
        ("HSK 8536.69-10000 소켓", ["853669"]),
        ("가격 8536.69-100 소켓", []),
    ],
)
def test_codes_that_are_miswritten_torn_or_named_again(text: str, codes: list[str]) -> None:
    assert [code for _, code in _found(text)] == codes


@pytest.mark.parametrize("text", ["8471.30", "847130", " 8471.30-0000 ", "8471300000"])
def test_a_text_that_is_only_a_code_is_one(text: str) -> None:
    assert len(_found(text)) == 1


@given(st.sampled_from(_CODES), st.sampled_from(["{}", "제{}호", "HS {}", "hs코드 {}", " {} "]))
def test_what_is_shown_is_read_again(code: str, form: str) -> None:
    assert digits_of(form.format(display(code))) == code
    assert digits_of(form.format(display(code)).translate(_FULL_WIDTH)) == code


@pytest.mark.parametrize("written", ["", "노트북", "847", "84713", "0000", "8471.30-00000", "12345678901", "8471 30 x"])
def test_what_is_no_code_is_none(written: str) -> None:
    assert digits_of(written) is None
