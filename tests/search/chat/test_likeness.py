"""Answers in other words: what means the same is told and borne out where the model reads it, and nothing else is."""

from collections.abc import Sequence
from typing import Any

import pytest
from one_analyzer import the_analyzer
from search_builders import SmallModel
from typing_extensions import override

from search.chat.application.citing import Citing
from search.chat.application.ports.answer_generator import GeneratedText, Task
from search.chat.application.ports.likeness import Likeness
from search.chat.domain.asking import Passage
from search.chat.infrastructure.extractive import ExtractiveGenerator
from search.chat.infrastructure.model_likeness import ModelLikeness
from shared.kernel import Unavailable

KEPT = "Papers stay in the archive for five years."
SHIPS = "Ships leave from Busan every morning."
ASKED = "How long are documents stored?"


class Table(Likeness):
    """Means as it is told; what it is not told of means something else."""

    def __init__(self, **cosines: float) -> None:
        self._cosines = cosines
        self.asked = 0

    @override
    async def of(self, text: str, others: Sequence[str], *, is_question: bool = False) -> Sequence[float] | None:
        self.asked += 1
        return [next((cosine for word, cosine in self._cosines.items() if word in one), 0.0) for one in others]


def a_passage(text: str) -> Passage:
    return Passage("d", "guide.txt", 1, "default", "d:1:0", 0, text, 0, len(text), 1.0)


async def answer(question: str, text: str, likeness: Likeness | None) -> str:
    generator = ExtractiveGenerator(the_analyzer(), likeness)
    task = Task(question, "en", (a_passage(text),))
    return "".join([piece.text async for piece in generator.generate(task) if isinstance(piece, GeneratedText)])


@pytest.mark.parametrize(
    ("likeness", "told"),
    [
        (Table(Papers=0.7, Ships=0.6), f"{KEPT} [1]"),
        (Table(Papers=0.5, Ships=0.55), ""),
        (None, ""),
        (ModelLikeness(SmallModel(available=False)), ""),
        (ModelLikeness(SmallModel(languages=frozenset())), ""),
        (ModelLikeness(SmallModel(present=False)), ""),
    ],
    ids=["alike", "not enough", "without", "away", "not read", "absent"],
)
async def test_what_means_the_same_answers_where_no_words_do(likeness: Likeness | None, told: str) -> None:
    assert await answer(ASKED, f"{SHIPS} {KEPT}", likeness) == told


async def test_a_sentence_with_the_words_needs_no_model() -> None:
    likeness = Table(Papers=0.9)
    assert "Documents are stored" in await answer(ASKED, f"{KEPT} Documents are stored for two years.", likeness)
    assert likeness.asked == 0


@pytest.mark.parametrize(
    ("sentence", "cosine", "is_borne_out"),
    [
        ("Documents remain archived over a period of five years.", 0.85, True),
        ("Documents remain archived over a period of five years.", 0.7, False),
        ("Documents remain archived over a period of six years.", 0.95, False),
        ("Documents remain archived over a period of 6 years.", 0.95, False),
        ("Documents never stay archived over a period of five years.", 0.95, False),
        ("Documents remain archived with Haneul over five years.", 0.95, False),
        ("Sugar melts.", 0.95, False),
    ],
)
async def test_other_words_are_borne_out_when_all_agrees_that_must(
    sentence: str, cosine: float, is_borne_out: bool
) -> None:
    citing = Citing(the_analyzer(), (a_passage(f"{SHIPS} {KEPT}"),), (), Table(Papers=cosine))
    citation = await citing.cite(sentence, ())
    assert (citation is not None and citation.supported) == is_borne_out


async def test_a_model_tells_only_of_texts_that_it_reads() -> None:
    likeness = ModelLikeness(SmallModel())
    found = await likeness.of(KEPT, [KEPT, SHIPS, "서류는 5년 동안 보관한다."])
    assert found is not None and found[0] > 0.99 and found[0] > found[1] and found[2] == -1.0
    assert await likeness.of("서류는 5년 동안 보관한다.", [KEPT]) is None
    assert await likeness.of(KEPT, ["서류는 5년 동안 보관한다."]) == [-1.0]


class Gone(SmallModel):
    """Says that it is there and is not."""

    @override
    async def embed(self, texts: Sequence[str], *, kind: Any) -> Any:
        raise Unavailable("It has just gone.")


async def test_a_model_that_goes_meanwhile_cannot_tell() -> None:
    assert await ModelLikeness(Gone()).of(KEPT, [SHIPS]) is None
