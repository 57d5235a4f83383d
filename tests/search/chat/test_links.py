"""What a language model writes links to nothing, however its words are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.chat.domain.links import WithoutLinks


def told(pieces: list[str]) -> str:
    clean = WithoutLinks()
    return "".join(map(clean.feed, pieces)) + clean.finish()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("See [the guide](http://a.example/x) first.", "See [the guide] first."),
        ("Go to https://a.example/x?y=1 now", "Go to … now"),
        ("www.a.example is it", "… is it"),
        ("a < b and c > d, 3<4", "a < b and c > d, 3<4"),
        ("the rate is 8% [1]. 제8471호는 0%이다 [2].", "the rate is 8% [1]. 제8471호는 0%이다 [2]."),
        ("an <img src=x onerror=alert(1)> here", "an  here"),
        ("end <script", "end "),
    ],
)
@given(sizes=st.lists(st.integers(1, 9), max_size=30))
def test_addresses_and_elements_go_and_the_rest_stays(said: str, expected: str, sizes: list[int]) -> None:
    pieces, rest = [], said
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    assert told([*pieces, rest]) == expected
