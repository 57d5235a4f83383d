"""Languages are told from script and common words."""

import pytest

from process.domain.language import language_of, script_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("노트북 컴퓨터의 관세율은 0%입니다.", "ko"),
        ("Galaxy S24 Ultra 128GB 스마트폰의 HS 코드", "ko"),
        ("The duty rate of a notebook computer is zero.", "en"),
        ("Die Einfuhr der Waren ist nicht ohne Genehmigung möglich.", "de"),
        ("Les marchandises sont soumises à une taxe dans la Communauté.", "fr"),
        ("Las mercancías que se importan están sujetas a un arancel.", "es"),
        ("これは日本語の文章です。", "ja"),
        ("进口货物应当缴纳关税。", "zh"),
        ("Товары облагаются таможенной пошлиной.", "ru"),
        ("البضائع المستوردة", "ar"),
        ("Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore", None),
        ("8471.30 / 2024-11-05", None),
        ("", None),
    ],
)
def test_tells_the_language_of_a_text(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_a_short_text_is_in_the_language_around_it_when_its_script_allows() -> None:
    assert language_of("Invoice 2024-001", default="en") == "en"
    assert language_of("Invoice 2024-001", default="ko") is None
    assert language_of("8471.30", default="ko") == "ko"


def test_a_text_without_letters_has_no_script() -> None:
    assert script_of("12 + 3") is None
    assert script_of("한글 text") == "hangul"
