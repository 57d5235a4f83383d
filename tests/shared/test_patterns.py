"""Regular expressions that are compiled when they are first used."""

import re

import pytest

from shared.patterns import pattern


def test_does_what_the_compiled_one_does() -> None:
    written = r"(?P<first>[a-z])(\w*)"
    words, compiled = pattern(written, re.IGNORECASE), re.compile(written, re.IGNORECASE)
    text = "Duty on Notebooks"
    assert words.findall(text) == compiled.findall(text)
    assert [found.span() for found in words.finditer(text)] == [found.span() for found in compiled.finditer(text)]
    assert words.sub("-", text) == compiled.sub("-", text)
    assert (words.pattern, words.flags, words.groups) == (compiled.pattern, compiled.flags, compiled.groups)
    assert words.groupindex == compiled.groupindex
    assert words.fullmatch("1") is None


def test_nothing_is_compiled_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    compile_now = re.compile

    def compile_and_note(text: str, flags: int) -> re.Pattern[str]:
        compiled.append(text)
        return compile_now(text, flags)

    monkeypatch.setattr(re, "compile", compile_and_note)
    number = pattern(r"\d+")
    assert compiled == []
    assert number.match("12") and number.search("a1")
    assert compiled == [r"\d+"]


def test_a_wrong_one_says_so_when_it_is_used() -> None:
    with pytest.raises(re.error):
        pattern("(").match("(")


def test_has_nothing_that_a_compiled_one_has_not() -> None:
    with pytest.raises(AttributeError):
        _ = pattern("a").compiled  # type: ignore[attr-defined]
