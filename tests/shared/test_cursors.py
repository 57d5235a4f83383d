"""Cursors: what was written for a list is read there again, and nothing else is."""

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.cursors import LONGEST, WrongCursor, read_cursor, write_cursor
from shared.web.problems import problem_of

numbers = st.integers(0, (1 << 62) - 1)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
CURSOR = write_cursor("list", 7, "가")


def read(text: str, scope: str) -> tuple[int, str]:
    return read_cursor(text, scope, tuple[int, str])


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def spelt(*parts: object) -> str:
    """As `CURSOR`, with other parts."""
    digest = json.loads(base64.urlsafe_b64decode(CURSOR + "=" * (-len(CURSOR) % 4)))[0]
    return encoded(json.dumps([digest, *parts], ensure_ascii=False, separators=(",", ":")).encode())


@given(st.text(), numbers, words)
def test_cursors_come_back_as_they_went(scope: str, number: int, word: str) -> None:
    cursor = write_cursor(scope, number, word)
    assert cursor.isascii() and cursor.replace("-", "").replace("_", "").isalnum()
    assert read(cursor, scope) == (number, word)


@given(st.text(), st.text(), numbers, words)
def test_a_cursor_of_another_list_is_wrong(scope: str, other: str, number: int, word: str) -> None:
    if scope != other:
        with pytest.raises(WrongCursor):
            read(write_cursor(scope, number, word), other)


@given(st.text() | st.text("ABCxyz012-_=", max_size=60) | st.binary().map(encoded))
def test_any_other_text_is_a_wrong_cursor(text: str) -> None:
    with pytest.raises(WrongCursor):
        read(text, "list")


@given(st.integers(0, len(CURSOR) - 1), st.characters())
def test_a_changed_cursor_is_wrong_or_another_place(at: int, character: str) -> None:
    changed = CURSOR[:at] + character + CURSOR[at + 1 :]
    with contextlib.suppress(WrongCursor):
        assert write_cursor("list", *read(changed, "list")) == changed


@pytest.mark.parametrize(
    "text",
    [
        "",
        CURSOR + "=",
        CURSOR + "!",
        CURSOR[:4] + "\n" + CURSOR[4:],
        "A" * (LONGEST + 1),
        "A" * 5_000_000,
        "\ud800",
        CURSOR + "가",
        encoded(b"[" * 300),
        encoded(b"[" * 100_000),
        encoded(b"9" * 300),
        encoded(b"null"),
        encoded(b"{}"),
        encoded(b"[]"),
        encoded(b"\xff"),
        spelt(),
        spelt(7),
        spelt("가", 7),
        spelt(True, "가"),
        spelt(7.0, "가"),
        spelt(-1, "가"),
        spelt(1 << 62, "가"),
        spelt(7, "가", 1),
        spelt(7, None),
        spelt(7, ["가"]),
        encoded(base64.urlsafe_b64decode(spelt(7, "x") + "==").replace(b'"x"', b'"\\ud800"')),
        encoded(base64.urlsafe_b64decode(CURSOR + "==").replace(b",", b", ")),
    ],
    ids=lambda text: f"{text[:24]!r} of {len(text)}",
)
def test_damaged_mistyped_and_absurd_ones_are_wrong(text: str) -> None:
    assert read(CURSOR, "list") == (7, "가") == read(spelt(7, "가"), "list")
    with pytest.raises(WrongCursor) as wrong:
        read(text, "list")
    problem = problem_of(wrong.value)
    assert (problem.status, problem.code) == (400, "wrong_cursor")
    assert "first page" in problem.detail
