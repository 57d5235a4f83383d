"""Documents and queries are told alike: what a model embedded, it is asked for."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process.domain import language as of_documents
from search.domain import language as of_queries
from shared.languages import LATIN, SCRIPTS, weigh, words_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Україна і мито", "uk"),
        ("Таможенная пошлина на ноутбуки", "ru"),
        ("ｶﾝｾﾞｲ", "ja"),
        ("ノートパソコンの関税率", "ja"),
        ("进口货物的关税", "zh"),
        ("關稅法 관세", "ko"),
        ("수입 물품의 관세율", "ko"),
        ("ISO 9001 인증과 HS 8471.30-0000 관세율 확인", "ko"),
        ("Galaxy S24 Ultra 128GB 스마트폰의 HS 코드", "ko"),
        ("3개월", "ko"),
        ("2024年", "zh"),
        ("תעריף המכס על מחשבים", "he"),
        ("الرسوم الجمركية", "ar"),
        ("ภาษีศุลกากรสำหรับคอมพิวเตอร์", "th"),
        ("कंप्यूटर पर सीमा शुल्क", "hi"),
        ("δασμός εισαγωγής", "el"),
        ("Der Zoll auf Notebooks ist nicht hoch", "de"),
        ("Quel est le droit de douane pour les ordinateurs", "fr"),
        ("¿Cuál es el arancel de los ordenadores?", "es"),
        ("Thuế nhập khẩu của máy tính và các linh kiện là bao nhiêu", "vi"),
        ("Bilgisayar için gümrük vergisi ne kadar ve nasıl ödenir", "tr"),
        ("The duty rate of a notebook computer is zero.", "en"),
        ("8471.30-0000", None),
        ("???", None),
    ],
)
def test_a_text_is_in_the_same_language_as_a_document_and_as_a_query(text: str, language: str | None) -> None:
    assert (of_documents.language_of(text), of_queries.language_of(text)) == (language, language)


OTHER_SCRIPTS = [script for script in SCRIPTS if script.name != LATIN]
LETTERS = {script.name: re.findall(f"[{script.ranges}]", "".join(map(chr, range(0x10000)))) for script in OTHER_SCRIPTS}
not_latin = st.sampled_from(OTHER_SCRIPTS).flatmap(
    lambda script: st.text(st.sampled_from(LETTERS[script.name]) | st.sampled_from("0123456789 .-/,"), max_size=40)
)


@given(st.lists(not_latin, min_size=1, max_size=3).map(" ".join))
def test_what_the_scripts_alone_decide_is_the_same_on_both_sides(text: str) -> None:
    assert of_queries.language_of(text) == of_documents.language_of(text)


@given(st.sampled_from(OTHER_SCRIPTS).flatmap(lambda script: st.text(LETTERS[script.name], min_size=1)))
def test_a_text_in_one_script_is_in_a_language_of_that_script(text: str) -> None:
    script = of_documents.script_of(text)
    (language,) = (one.language for one in OTHER_SCRIPTS if one.name == script)
    assert of_queries.language_of(text) in ({"ru", "uk"} if language == "ru" else {language})


@given(not_latin, st.frozensets(st.sampled_from(["ko", "ja", "zh", "ru", "uk", "th"]), min_size=1))
def test_what_is_embedded_in_its_language_is_asked_for_in_it(text: str, languages: frozenset[str]) -> None:
    told = of_documents.language_of(text)
    if told is not None:
        assert of_queries.model_reads(of_queries.language_of(text), languages) == of_documents.is_readable(
            text, told, languages
        )


@pytest.mark.parametrize(
    "query",
    [
        "what is de minimis",
        "monthly average hours daylight los angeles",
        "how many calories do i burn to lose weight",
        "basic dynamic characteristics of structures continuous over many spans",
    ],
)
def test_a_few_english_words_that_other_languages_have_too_are_asked_in_english(query: str) -> None:
    assert of_queries.language_of(query) == "en"


latin = st.text(st.sampled_from("the of and der die é Š ß µ ’ • ½ 12_-.  "), max_size=40)


@given(st.lists(not_latin | latin, max_size=4).map(" ".join))
def test_a_long_text_is_weighed_as_its_parts_are(text: str) -> None:
    assert weigh(text * 600) == pytest.approx({name: 600 * weight for name, weight in weigh(text).items()})


@given(st.lists(not_latin | latin, max_size=4).map(" ".join))
def test_signs_that_are_no_letters_change_no_word_of_a_long_text(text: str) -> None:
    with_signs = f"{text} the {'■ → ∑ ' * 200} of {text}"
    assert words_of("en", with_signs, but_not_of="de") == words_of("en", f"{text} the of {text}", but_not_of="de")
