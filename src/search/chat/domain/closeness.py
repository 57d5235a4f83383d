"""What a cosine of an embedding model says: as a share between two that it gives itself.

With one model unrelated texts have 0.03 and with another 0.77. So each is asked once for questions and sentences of
which is known what they have to do with each other, and its cosines are read off between the two means.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from search.chat.domain.asking import Language

EXAMPLES: Final[Mapping[Language, Sequence[tuple[str, str]]]] = {
    "ko": (
        ("물은 몇 도에서 끓나요?", "물은 1기압에서 섭씨 100도에 끓는다."),
        ("계약을 해지하려면 언제까지 알려야 하나요?", "해지를 원하는 쪽은 30일 전까지 서면으로 통지해야 한다."),
        ("그 소설을 쓴 사람은 누구인가요?", "이 장편 소설은 여성 작가가 신문에 연재한 작품이다."),
        ("고래는 어떻게 숨을 쉬나요?", "고래는 물 위로 올라와 머리 위의 구멍으로 공기를 들이마신다."),
        ("펌프의 보증 기간은 얼마인가요?", "펌프는 구입한 날부터 24개월 동안 무상으로 수리된다."),
        ("전쟁은 왜 일어났나요?", "두 나라는 국경의 땅을 두고 다투다가 군대를 보냈다."),
        ("서울에서 부산까지 기차로 얼마나 걸리나요?", "고속 열차는 두 도시 사이를 두 시간 반 만에 달린다."),
        ("비타민 C는 어떤 음식에 많은가요?", "귤과 고추, 딸기에는 비타민 C가 풍부하게 들어 있다."),
    ),
    "en": (
        ("At what temperature does water boil?", "Water boils at 100 degrees Celsius at sea level."),
        ("When must notice be given to end the contract?", "Whoever leaves says so in writing 30 days before."),
        ("Who wrote the novel?", "This long story is by a woman whose work was first printed in a newspaper."),
        ("How do whales breathe?", "Whales take in air through a hole on top of the head."),
        ("How long is the warranty of the pump?", "The pump is repaired free of charge for 24 months."),
        ("Why did the war begin?", "Both countries claimed the land at the border and sent troops."),
        ("How long does the train take from London to Paris?", "The fast train needs less than three hours."),
        ("Which foods contain vitamin C?", "Oranges, peppers and strawberries are rich in vitamin C."),
    ),
}
"""Questions, each with a sentence that answers it; every other pair has nothing to do with each other. The same in all
languages, so that a question of one has its answer in another."""
_LEAST_WIDTH: Final = 0.02
"""A model that gives questions hardly more with their answers than with others cannot tell them apart."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Of one model, one language of questions and one of what is told."""

    apart: float
    """The mean cosine of a question and a sentence about something else."""
    answering: float
    """The mean cosine of a question and the sentence that answers it; greater than `apart`."""

    def share(self, cosine: float) -> float:
        """0: as far as what has nothing to do with it, 1: as near as an answer; below and above there is more."""
        return (cosine - self.apart) / (self.answering - self.apart)


def scale_of(cosines: Sequence[Sequence[float]]) -> Scale | None:
    """From each question's cosines (rows) with all sentences, its own in the diagonal; None: it tells nothing apart."""
    count = len(cosines)
    own = math.fsum(row[place] for place, row in enumerate(cosines))
    others = math.fsum(math.fsum(row) for row in cosines) - own
    scale = Scale(others / (count * (count - 1)), own / count)
    return scale if scale.answering - scale.apart >= _LEAST_WIDTH else None
