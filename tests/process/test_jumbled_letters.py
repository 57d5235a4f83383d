"""Whether text looks like a language is told by how often its letters come, however few of them are counted."""

from collections import Counter
from math import hypot

from hypothesis import assume, given
from hypothesis import strategies as st

from process.infrastructure.parsers.jumbled_letters import look_jumbled

ENGLISH = "etaoinshrdlcumwfgypbvkjxqz"
HOW_OFTEN = (
    *(12.7, 9.1, 8.2, 7.5, 7.0, 6.7, 6.3, 6.1, 6.0, 4.3, 4.0, 2.8, 2.8),
    *(2.4, 2.4, 2.2, 2.0, 2.0, 1.9, 1.5, 1.0, 0.8, 0.15, 0.15, 0.1, 0.07),
)


def likeness(text: str) -> float:
    """The cosine, of all letters."""
    counts = Counter(text.lower())
    own = [counts[letter] for letter in ENGLISH]
    product = sum(count * usual for count, usual in zip(own, HOW_OFTEN, strict=True))
    return product / (hypot(*own) * hypot(*HOW_OFTEN))


@given(st.lists(st.tuples(st.sampled_from(ENGLISH + "QXJ .,7"), st.integers(1, 120)), min_size=4, max_size=26))
def test_text_is_jumbled_where_all_of_its_letters_are_unlike_english(runs: list[tuple[str, int]]) -> None:
    text = "".join(sign * count for sign, count in runs)
    assume(sum(sign.isalpha() for sign in text) >= 200)
    like = likeness(text)
    assume(abs(like - 0.62) > 1e-9)
    assert look_jumbled(text) == (like < 0.62)
