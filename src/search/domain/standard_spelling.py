"""Korean words that many write otherwise than the rules say, loan words most of all: 컨텐츠 is 콘텐츠, 밧데리 a 배터리.

The table is ours. The first of each is what the National Institute of Korean Language has, the others stand in
documents beside it. None is in it that other words have inside (포탈 in 조세포탈, 히타 in 히타이트).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from shared.patterns import pattern

_TABLE: Final = """
콘텐츠 컨텐츠 컨텐트 콘텐트, 메시지 메세지, 데이터 데이타, 센터 센타, 워크숍 워크샵, 리더십 리더쉽, 파트너십 파트너쉽,
멤버십 멤버쉽, 인턴십 인턴쉽, 오너십 오너쉽, 스폰서십 스폰서쉽, 라이선스 라이센스, 라이선싱 라이센싱,
비즈니스 비지니스, 액세서리 악세사리 악세서리 액세사리, 액세스 엑세스 억세스 악세스, 카탈로그 카달로그 카다로그,
팸플릿 팜플렛 팜플릿 팸플렛, 초콜릿 초콜렛 쵸콜릿 쵸콜렛, 소시지 소세지, 알코올 알콜, 스케줄 스케쥴, 앙케트 앙케이트,
컨테이너 콘테이너, 컨소시엄 컨소시움 콘소시엄, 프레젠테이션 프리젠테이션, 매뉴얼 메뉴얼, 아웃렛 아울렛, 로열티 로얄티,
로열 로얄, 디렉터리 디렉토리, 애플리케이션 어플리케이션, 프라이팬 후라이팬, 플래카드 플랭카드 플랜카드 플랫카드,
커튼 커텐, 뷔페 부페, 가톨릭 카톨릭, 심포지엄 심포지움, 바비큐 바베큐, 도넛 도너츠, 케첩 케찹, 슈퍼마켓 수퍼마켓,
소파 쇼파, 스테인리스 스텐레스 스테인레스 스텐리스, 스티로폼 스티로폴, 사이트 싸이트, 사이즈 싸이즈, 서비스 써비스,
시스템 씨스템, 앰뷸런스 앰블란스 앰뷸란스 엠뷸런스, 엘리베이터 엘레베이터 엘레베이타 엘리베이타,
에스컬레이터 에스칼레이터, 에어컨 에어콘, 리모컨 리모콘, 오리지널 오리지날, 재킷 자켓 쟈켓, 주얼리 쥬얼리,
주니어 쥬니어, 주스 쥬스, 차트 챠트, 카페 까페, 케이크 케익 케잌, 타깃 타겟, 콘셉트 컨셉트 컨셉, 콘퍼런스 컨퍼런스,
컨트롤 콘트롤, 컴퓨터 컴퓨타 콤퓨터, 컴프레서 컴프레샤 컴프레셔 콤프레샤 콤프레서 콤프레셔, 캐비닛 캐비넷 케비넷,
코미디 코메디, 컬렉션 콜렉션, 크리스천 크리스찬, 탤런트 탈렌트, 텔레비전 텔레비젼 테레비, 패널 판넬, 패키지 팩키지,
플라스틱 프라스틱, 플랫폼 플렛폼, 필름 필림, 판타지 환타지, 모터 모타, 배터리 밧데리 밧테리 바테리,
브래킷 브라켓 브라킷, 팔레트 파레트 파렛트 팔렛트 빠레트 팰릿, 세팅 셋팅, 스펀지 스폰지, 슬래브 슬라브, 스태프 스탭,
어댑터 아답터 아답타 어댑타 어뎁터, 알루미늄 알미늄 알류미늄 알미니움, 인버터 인버타, 커터 컷타 캇타,
컨베이어 콘베어 콘베이어 컨베어, 클러치 크랏치, 폴리에스터 폴리에스텔 폴리에스테르, 플랜지 후렌지 후랜지 플렌지,
해머 햄머, 비닐 비니루, 밸브 발브 벨브, 개스킷 가스켓 가스킷, 나일론 나이론, 라디에이터 라지에타 라디에타 라지에터,
리벳 리베트, 모니터 모니타, 믹서 믹사, 브러시 브러쉬, 스위치 스윗치, 실린더 씰린더 시린더,
액추에이터 액츄에이터 액튜에이터, 와셔 와샤, 임펠러 임펠라, 커넥터 콘넥터 컨넥터 커넥타, 크레인 크래인, 클레임 크레임,
포워더 포와더, 시뮬레이션 씨뮬레이션 시물레이션, 알고리즘 알고리듬, 리포트 레포트, 내비게이션 네비게이션,
렌터카 렌트카, 렌털 렌탈, 디지털 디지탈, 아날로그 아나로그, 마케팅 마켓팅, 글로벌 글로발, 로컬 로칼, 비전 비젼,
클라이언트 크라이언트, 프린터 프린타, 헤드폰 해드폰, 하이브리드 하이브릿 하이브리트,
인터내셔널 인터네셔널 인터내쇼날 인터내셔날, 내셔널 내쇼날 내셔날, 프로페셔널 프로패셔널, 트럭 츄럭, 콤팩트 컴팩트,
서포터스 서포터즈, 앰배서더 엠버서더 앰버서더, 템플릿 템플렛, 배지 뱃지, 캐러멜 카라멜, 요구르트 요거트, 마니아 매니아,
부르주아 부르조아, 르포 르뽀, 콩트 꽁트, 블록 블럭, 블록체인 블럭체인, 며칠 몇일, 개수 갯수, 대가 댓가, 초점 촛점,
허점 헛점, 시가 싯가, 역할 역활, 희한 희안, 설거지 설겆이, 육개장 육계장, 찌개 찌게, 승낙 승락, 회계연도 회계년도,
사업연도 사업년도, 일찍이 일찌기, 오랜만 오랫만, 뒤처리 뒷처리, 뒤편 뒷편, 위층 윗층, 아래층 아랫층,
사글세 삯월세 삭월세, 전셋값 전세값, 최댓값 최대값, 최솟값 최소값, 절댓값 절대값, 기댓값 기대값, 대푯값 대표값,
초깃값 초기값, 꼭짓점 꼭지점, 순댓국 순대국, 만둣국 만두국, 등굣길 등교길, 하굣길 하교길, 자릿수 자리수, 머리말 머릿말,
인사말 인삿말
"""
_OTHERS: Final = {first: others for first, *others in map(str.split, _TABLE.split(","))}
_STANDARD: Final = {other: first for first, others in _OTHERS.items() for other in others}


class _Words:
    """Of one side of the table, to be looked for in a text."""

    def __init__(self, words: Iterable[str]) -> None:
        self._by_head: dict[str, list[str]] = {}
        for word in words:
            self._by_head.setdefault(word[:2], []).append(word)
        first, second = map("".join, zip(*self._by_head, strict=True))
        self._may_begin = pattern(f"[{first}](?=[{second}])")

    def present(self, text: str) -> list[str]:
        """From long to short: 비젼 is no part of 텔레비젼."""
        heads = {text[match.start() : match.start() + 2] for match in self._may_begin.finditer(text)}
        found = [word for head in heads for word in self._by_head.get(head, ()) if word in text]
        return sorted(found, key=lambda word: (-len(word), word))


_OTHER_WORDS: Final = _Words(_STANDARD)
_STANDARD_WORDS: Final = _Words(_OTHERS)


def in_standard_spelling(text: str) -> str:
    """The text with these words as the rules have them."""
    for other in _OTHER_WORDS.present(text):
        text = text.replace(other, _STANDARD[other])
    return text


def spelled_otherwise(text: str) -> Iterator[str]:
    """What the rules have instead, once for each time that one of these words stands in the text."""
    for other in _OTHER_WORDS.present(text):
        for _ in range(text.count(other)):
            yield _STANDARD[other]
        text = text.replace(other, " ")


def other_spellings(text: str) -> Iterator[str]:
    """How else the words of a text in standard spelling are written."""
    for first in _STANDARD_WORDS.present(text):
        yield from _OTHERS[first]
