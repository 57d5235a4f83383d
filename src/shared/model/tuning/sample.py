"""The fixed texts by which engines are compared: Korean and English, written for this purpose."""

from typing import Final, Literal

LENGTHS: Final = (20, 100, 180)
"""Words of a text: a question, a passage, a long passage."""

Language = Literal["en", "ko"]
_LANGUAGES: Final[tuple[Language, ...]] = ("en", "ko")
_CHECKED: Final = {20: 12, 100: 6, 180: 3}
"""Texts of each language by words."""

_ENGLISH: Final = (
    "The customs office moved its archive to the third floor because the cellar was damp after every heavy rain.",
    "A tariff is a tax on goods that cross a border, and it is usually paid by whoever brings them in.",
    "Notebooks with paper covers and notebooks with a keyboard share a name but not a heading in the tariff.",
    "She read the report twice, underlined four sentences, and asked who had measured the temperature of the river.",
    "How long may a container wait at the terminal before storage has to be paid for every further day?",
    "Bread rises faster in a warm kitchen, yet the slow dough of a cold night has the better taste.",
    "The function returns an empty list when the file is missing and raises an error when it cannot be read.",
    "In 1987 the bridge carried nine thousand cars a day; last year the counters showed more than forty thousand.",
    "Please send the signed contract, a copy of the passport and form 27-B to the address below before Friday.",
    "The committee found no evidence that the new drug lowers blood pressure in patients older than seventy.",
    "Copper wire, insulated, for a voltage not above 1,000 V, is classified apart from cable with connectors.",
    "Two of the three sensors failed during the storm, so the lower estimate rests on a single instrument.",
    "What does the law say about personal data that is kept by a company which has stopped its business?",
    "An old map of the harbour shows a chapel where the fish market stands, and a mill beyond the wall.",
    "Plants that flower early in the year often store sugar in their roots through the whole of the winter.",
    "The queue is bounded: a caller beyond the limit is told at once to come back after a few seconds.",
    "Interest is charged from the day of payment until the day on which the full amount has been returned.",
    "He could not remember the title of the film, only that it ended with a train leaving an empty station.",
    "Frozen squid rings in batter fall under prepared seafood rather than under molluscs, as the note explains.",
    "The second experiment repeats the first with half the light, and the leaves turn yellow within a week.",
)

_KOREAN: Final = (
    "세관은 장마철마다 지하실에 물이 차는 바람에 오래된 서류를 모두 삼 층 보관실로 옮겼다.",
    "관세는 국경을 넘는 물품에 매기는 세금이며 보통 그 물품을 들여오는 사람이 낸다.",
    "종이로 된 노트북과 자판이 달린 노트북은 이름은 같아도 품목 번호는 서로 다르다.",
    "그녀는 보고서를 두 번 읽고 네 문장에 밑줄을 그은 뒤 강물의 온도를 누가 쟀는지 물었다.",
    "컨테이너를 터미널에 며칠까지 두어야 하루마다 보관료를 더 내지 않아도 되는가?",
    "따뜻한 부엌에서는 반죽이 빨리 부풀지만 추운 밤에 천천히 익은 반죽이 맛은 더 좋다.",
    "이 함수는 파일이 없으면 빈 목록을 돌려주고 읽을 수 없으면 오류를 일으킨다.",
    "1987년에는 하루 구천 대가 다리를 건넜으나 작년에는 사만 대가 넘는 차가 지나갔다.",
    "서명한 계약서와 여권 사본, 그리고 27호 서식을 금요일까지 아래 주소로 보내 주십시오.",
    "위원회는 새 약이 일흔 살이 넘은 환자의 혈압을 낮춘다는 증거를 찾지 못하였다.",
    "전압이 천 볼트를 넘지 않는 절연 구리선은 접속자를 붙인 케이블과 따로 분류한다.",
    "폭풍이 부는 동안 감지기 셋 가운데 둘이 멈추어 낮은 추정값은 한 기기에만 기대고 있다.",
    "영업을 그만둔 회사가 가지고 있는 개인 정보에 대하여 법은 무엇이라고 말하는가?",
    "항구의 옛 지도에는 지금 어시장이 있는 자리에 작은 성당이, 성벽 너머에 방앗간이 그려져 있다.",
    "이른 봄에 꽃이 피는 식물은 겨울 내내 뿌리에 당분을 모아 두는 일이 많다.",
    "대기열에는 한도가 있어서 한도를 넘은 요청은 몇 초 뒤에 다시 오라는 답을 바로 받는다.",
    "이자는 돈을 낸 날부터 전액을 돌려받은 날까지의 기간에 대하여 계산한다.",
    "그는 영화의 제목은 잊었고 기차가 텅 빈 역을 떠나는 장면으로 끝난다는 것만 기억했다.",
    "튀김옷을 입혀 얼린 오징어 링은 연체동물이 아니라 조제한 수산물로 본다고 주해에 적혀 있다.",
    "두 번째 실험은 빛을 절반으로 줄여 되풀이하였고 잎은 한 주 안에 노랗게 변하였다.",
)


def sample_texts(language: Language, words: int, count: int) -> list[str]:
    """`count` texts of exactly so many words; each begins with another sentence as far as there are any."""
    sentences = [sentence.split() for sentence in (_ENGLISH if language == "en" else _KOREAN)]
    texts = []
    for number in range(count):
        taken: list[str] = []
        while len(taken) < words:
            taken += sentences[number % len(sentences)]
            number += 1
        texts.append(" ".join(taken[:words]))
    return texts


def checked_texts() -> list[str]:
    """Of each length as many Korean as English ones: what an engine's vectors are compared on."""
    return [
        text
        for words, count in _CHECKED.items()
        for language in _LANGUAGES
        for text in sample_texts(language, words, count)
    ]
