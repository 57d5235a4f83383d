"""What the analysis of text asks of Kiwi. Texts are folded ones."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Morpheme(NamedTuple):
    """The smallest part of a word that means something, and where it stands in its text (code points)."""

    form: str
    tag: str
    """Sejong's part of speech, as Kiwi has it."""
    start: int
    length: int


class Morphology(Protocol):
    """Takes Korean apart. All of it raises Unavailable while Kiwi cannot be loaded."""

    async def of_chunks(self, texts: Sequence[str]) -> list[list[str]]:
        """Of each text the forms that say something. Long work, which queries do not wait for.

        Raises ChildEnded when Kiwi broke at these texts.
        """
        ...

    async def of_query(self, text: str) -> list[str]:
        """The forms that say something."""
        ...

    async def morphemes(self, texts: Sequence[str]) -> list[list[Morpheme]]:
        """Everything that each text is made of, in its order."""
        ...

    async def is_plausible(self, word: str) -> bool:
        """Whether it is made of what the dictionary has, as words are."""
        ...

    async def close(self) -> None:
        """Ends what it started. It is not asked afterwards."""
        ...
