"""Answers in other words: what means the same is told and borne out where the model reads it, and nothing else is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from one_analyzer import the_analyzer
from search_builders import SmallModel
from typing_extensions import override

from search.chat.application.citing import Citing
from search.chat.application.ports.answer_generator import GeneratedEnd, GeneratedText, Task
from search.chat.application.ports.likeness import Likeness
from search.chat.domain.asking import Passage
from search.chat.domain.closeness import EXAMPLES, Scale, scale_of
from search.chat.domain.relevance import Scores
from search.chat.infrastructure.extractive import ExtractiveGenerator
from search.chat.infrastructure.model_likeness import ModelLikeness
from shared.kernel import Unavailable
from shared.ports.model import TextKind, Vectors

KEPT = "Papers stay in the archive for five years."
SHIPS = "Ships leave from Busan every morning."
ASKED = "How long are documents stored?"


class Table(Likeness):
    """Means as it is told; what it is not told of means something else."""

    def __init__(self, **near: float) -> None:
        self._near = near
        self.asked = 0

    @override
    async def of(self, text: str, others: Sequence[str]) -> Sequence[float] | None:
        self.asked += 1
        return [next((near for word, near in self._near.items() if word in one), 0.0) for one in others]

    @override
    async def scale(self, question: str) -> Scale | None:
        return Scale(0.0, 1.0)

    @override
    async def shares(self, question: str, sentences: Sequence[str]) -> Sequence[float] | None:
        return await self.of(question, sentences)


def a_passage(text: str) -> Passage:
    return Passage("d", "guide.txt", 1, "default", "d:1:0", 0, text, 0, len(text), 1.0)


async def answer(question: str, text: str, likeness: Likeness | None) -> str:
    generator = ExtractiveGenerator(the_analyzer(), likeness)
    task = Task(question, "en", (a_passage(text),))
    return "".join([piece.text async for piece in generator.generate(task) if isinstance(piece, GeneratedText)])


@pytest.mark.parametrize(
    ("likeness", "told"),
    [
        (Table(Papers=1.3, Ships=1.2), f"{KEPT} [1]"),
        (Table(Papers=0.9, Ships=1.0), ""),
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


async def test_meaning_alone_does_not_answer_where_words_are_there_and_do_not() -> None:
    found = Scores([3.0] * 8, [0.1] * 8, 25.0, 10_000)
    passage = a_passage("Documents are printed in the cellar. Papers stay in the archive for five years.")
    task = Task("How long are printed documents of the cellar stored?", "en", (passage,), scores=found)
    generator = ExtractiveGenerator(the_analyzer(), Table(Papers=1.3))
    assert [one async for one in generator.generate(task)] == [GeneratedEnd("nothing_found")]


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


class Narrow(SmallModel):
    """The same, but that all of its cosines lie between 0.8 and 1, as some models' do. Reads Korean too."""

    def __init__(self) -> None:
        super().__init__(languages=frozenset(("en", "ko")), fingerprint="narrow")

    @override
    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> Vectors:
        own = await super().embed(texts, kind=kind)
        return np.hstack((np.full((len(own), 1), 0.8**0.5, np.float32), own * np.float32(0.2**0.5)))


async def test_models_whose_cosines_lie_elsewhere_say_the_same() -> None:
    wide, narrow = ModelLikeness(SmallModel()), ModelLikeness(Narrow())
    asked = "How do whales breathe in the sea?"
    shares = [await one.shares(asked, [SHIPS, "Whales breathe in air.", KEPT]) for one in (wide, narrow)]
    assert shares[0] is not None and shares[1] == pytest.approx(shares[0], abs=0.01)
    assert shares[0][1] > shares[0][0]
    scales = [await one.scale(asked) for one in (wide, narrow)]
    assert scales[0] is not None and scales[1] is not None and scales[1].apart > 0.75 > scales[0].answering


async def test_examples_are_asked_of_a_model_once_and_of_another_one_again() -> None:
    model = SmallModel()
    likeness = ModelLikeness(model)
    first = await likeness.scale("What is it?")
    embedded = len(model.embedded)
    assert first is not None and embedded == 2 * len(EXAMPLES["en"])
    assert await likeness.scale("And that?") == first and len(model.embedded) == embedded
    model.fingerprint = "small-2"
    await likeness.scale("And now?")
    assert len(model.embedded) == 2 * embedded


async def test_nothing_is_known_of_languages_without_examples_and_of_models_that_tell_nothing_apart() -> None:
    many = frozenset(("en", "de", "ru"))
    assert await ModelLikeness(SmallModel(languages=many)).scale("Сколько стоит доставка товара?") is None
    assert scale_of([[0.5, 0.5], [0.5, 0.5]]) is None
    scale = scale_of([[0.9, 0.1], [0.3, 0.7]])
    assert scale is not None and (scale.apart, scale.answering) == pytest.approx((0.2, 0.8))


async def test_examples_are_learnt_again_when_the_model_was_away() -> None:
    model = Flaky()
    likeness = ModelLikeness(model)
    assert await likeness.scale("What is it?") is None
    model.is_back = True
    assert await likeness.scale("What is it?") is not None


class Flaky(SmallModel):
    """Is not there at first."""

    is_back = False

    @override
    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> Vectors:
        if not self.is_back:
            raise Unavailable("It has just gone.")
        return await super().embed(texts, kind=kind)


async def test_a_model_that_goes_meanwhile_cannot_tell() -> None:
    assert await ModelLikeness(Gone()).of(KEPT, [SHIPS]) is None
