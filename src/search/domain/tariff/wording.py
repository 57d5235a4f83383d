"""From how people ask to how the tariff speaks: what a question says besides the goods goes, everyday names change."""

import re
from collections.abc import Iterable
from typing import Final

from shared.patterns import pattern

# Said of any goods in a question about duties; particles and endings may follow.
_ASKED_KO: Final = pattern(
    r"(?<![가-힣])(?:수입|수출|관세율?|관세|세율|통관|신고|품목\s?분류|품목\s?번호|세번|부과|분류|코드|번호|부호|얼마|무엇|무슨|어떤|어떻게|"
    r"알려|가르쳐|찾아|궁금|필요|해당|적용|제품|상품|물품|물건|대한|대해|관한|경우|국내|해외|외국|한국|중국|미국|일본|베트남|"
    r"몇|뭐|뭔|되나|인가|인지|할\s?때|하면|하려|해야)"
    r"(?:하[가-힣]*|할|한|해[가-힣]*|시|되[가-힣]*|된|됩[가-힣]*|일[가-힣]*|인[가-힣]*|입[가-힣]*|에서|에는|에|으로|로|을|를|이[가-힣]*|"
    r"가|은|는|의|와|과|도|들|야|요|나요|까요?|주[가-힣]*|줘[가-힣]*|줄[가-힣]*|세요)?(?![가-힣])"
)
_ASKED_EN: Final = pattern(
    r"\b(?:what|which|how|much|many|is|are|the|import(?:ing|ed|s)?|export(?:ing|ed|s)?|tariffs?|dut(?:y|ies)|rates?|tax(?:es)?|customs?|"
    r"hsk?|hts|codes?|classif\w+|headings?|subheadings?|find|tell|need|please|under|does|apply|into|korea|from|china|goods?|products?|"
    r"items?|sell|buy|ship(?:ping)?|brand|high quality|new|hot|sale|wholesale|free shipping)\b",
    re.IGNORECASE,
)
# Behind a code, without a space.
_PARTICLE: Final = pattern(
    r"(?:에서|에는|에도|에|으로|로|부터|까지|은|는|이란|란|이[가-힣]{0,3}|가|을|를|의|와|과|도|만)(?![가-힣])"
)
# Sizes, models and amounts: 48V, 205/55R16, 500ml, 3.5%.
_AMOUNT: Final = pattern(
    r"(?<![^\W\d_])(?:\d[\w.,/%\-]*|[A-Za-z]{1,3}-?\d+\w*)(?:\s?(?:퍼센트|인치|inch(?:es)?|리터|그램|킬로|매|개|병))?"
)

_EVERYDAY: Final = """
노트북|랩톱=휴대용 자동자료처리기계 컴퓨터
노트북 컴퓨터=휴대용 자동자료처리기계 컴퓨터
데스크톱|데스크탑|PC=자동자료처리기계 컴퓨터
태블릿=휴대용 자동자료처리기계 태블릿
핸드폰|휴대폰|휴대전화=스마트폰 휴대전화
텔레비전|티브이|TV=텔레비전 수신용 기기
드론=무인기
장난감=완구
전자레인지=마이크로파 오븐
에어컨=공기조절기
배터리|밧데리=축전지
리튬이온 배터리|리튬 배터리=리튬이온 축전지
건전지=일차전지
살충제=살충제 방제용 살충
비닐봉지|비닐봉투|쇼핑백=플라스틱 봉투 에틸렌 중합체 포대
페트병=플라스틱 병
마스크=방직용 섬유 그 밖의 제품 마스크
자동차 부품=차량 부분품 부속품 자동차
부품=부분품
신발=신발류
운동화=스포츠용 신발류
볼트=볼트 스크루
나사=스크루
케이블=절연 전선 케이블
충전기=정지형 변환기 충전기
이어폰|헤드폰=헤드폰 이어폰
설탕=정제당 자당 사탕수수당
탄산음료|사이다|콜라=물 설탕 감미료 향미 음료
소고기=쇠고기
닭고기=가금 닭
계란|달걀=새의 알 닭
우유=밀크
분유=밀크 가루
치즈=치즈
생선=어류
통조림=조제 보존 밀폐용기
라면|국수|파스타=파스타 면
과자=비스킷 베이커리 제품
빵=베이커리 제품
식용유=식용 기름
팜유=팜유
휘발유 승용차=승용자동차 불꽃점화식 피스톤
경유차|디젤차=승용자동차 압축점화식 디젤
전기차|전기자동차=전동기 추진 승용자동차
승용차=승용자동차
트럭|화물차=화물자동차
오토바이=모터사이클
타이어=고무 공기타이어
열연=열간압연 평판압연제품
냉연=냉간압연 평판압연제품
철판|강판=철강 평판압연제품
동판=구리 판
태양광|태양전지|솔라=광전지 태양
손 소독제|소독제=소독제
화장품=화장품 기초화장용
샴푸=샴푸
향수=향수
약|의약품=의약품
청바지=데님 바지
티셔츠=티셔츠 셔츠
패딩|점퍼=아노락 방풍재킷
핸드백|가방=핸드백 가방
안경=안경 선글라스
시계=시계
의자=의자
침대=침실용 목제 가구
나무 가구|원목 가구=목제 가구
프린터|복사기=인쇄기 프린터
모니터=모니터
반도체=전자집적회로 반도체
로봇=산업용 로봇
공기청정기=기체 여과기 청정기
정수기=물 여과기 정수기
청소기=진공청소기
강아지 사료|고양이 사료|애완동물 사료|펫푸드=개 고양이 사료 소매용
laptop|notebook computer|notebook pc=portable automatic data processing machines
computer|desktop=automatic data processing machines
tablet pc=portable automatic data processing machines
cell phone|mobile phone|cellphone|galaxy s|iphone=smartphones cellular telephone sets
tv|television set=reception apparatus television
drone|quadcopter|uav=unmanned aircraft
medicine|drug|pharma|aspirin=medicaments therapeutic prophylactic measured doses
battery pack|rechargeable battery=electric accumulators
lithium ion battery|lithium battery|li-ion battery=electric accumulators lithium-ion
charging cable|usb cable|power cord|cable=insulated electric conductors
usb=electric conductors connectors
chip|microchip|semiconductor=electronic integrated circuits
solar panel|photovoltaic=photovoltaic cells assembled in modules
car|sedan|automobile=motor cars vehicles principally transport of persons
electric car|ev=motor cars vehicles electric motor propulsion persons
petrol engine|gasoline engine=spark-ignition internal combustion piston engine
truck=motor vehicles transport of goods
tyre|tire=new pneumatic tyres rubber
car parts|auto parts|spare parts=motor vehicles parts accessories
sugar=cane sugar sucrose
soda|sparkling water|soft drink|cola=waters flavoured sweetened carbonated
whiskey|bourbon|scotch=whiskies
hand sanitizer|sanitizer=disinfectants
shoe|sneaker|boot=footwear
plastic bag|grocery bag=sacks and bags of polymers of ethylene plastics
t-shirt|tshirt|tee=t-shirts singlets vests
jeans=trousers denim
yoga pants|leggings=trousers synthetic fibres knitted
hoodie|sweatshirt=jerseys pullovers sweatshirts
face mask|surgical mask=made up textile articles masks
bolt=screws bolts
steel coil|steel sheet=flat-rolled products iron steel coils
video game|gaming console|game console=video game consoles
toy|plush=toys
earring|necklace|bracelet|pendant|brooch|charm=imitation jewellery
backpack|handbag|purse|tote=handbags travel bags
phone case|case cover=cases containers plastics
led light|led lamp|light bulb=light-emitting diode lamps
wardrobe|bed frame|nightstand=wooden furniture bedroom
coffee capsules|instant coffee=coffee extracts
raw coffee beans|green coffee=coffee not roasted
herbal tea=plants parts pharmacy
soy sauce=soya sauce
sunglasses=sunglasses
wig|hair extension=wigs false beards human hair
makeup|lipstick|cosmetic=beauty make-up preparations
screwdriver|wrench=hand tools spanners
curtain=curtains drapes
sticker|decal=printed decalcomanias
poster=printed pictures designs
"""


def _is_korean(word: str) -> bool:
    return any("가" <= sign <= "힣" for sign in word)


_WORDS: Final = {
    said: meant.strip()
    for names, _, meant in (line.partition("=") for line in _EVERYDAY.strip().splitlines())
    for said in (name.strip().lower() for name in names.split("|"))
}
# The longest name first; an English one may be a plural, a Korean one has particles behind it.
_EVERYDAY_NAME: Final = pattern(
    "|".join(
        f"{re.escape(word)}" if _is_korean(word) else rf"\b{re.escape(word)}(?:e?s)?\b"
        for word in sorted(_WORDS, key=len, reverse=True)
    ),
    re.IGNORECASE,
)


def goods_of(question: str) -> str:
    """The goods that a question is about, in the words of the tariff; the question itself where nothing is left."""
    goods = _besides_asking(question)
    if not re.search(r"\w", goods):
        return question
    return " ".join(_EVERYDAY_NAME.sub(_meant, goods).split())


def without_codes(question: str, spans: Iterable[tuple[int, int]]) -> str:
    """The question with a blank for each code that was spotted in it; empty where it asks for nothing but these."""
    for start, end in sorted(spans, reverse=True):
        particle = _PARTICLE.match(question, end)
        question = f"{question[:start]} {question[particle.end() if particle else end :]}"
    return question if re.search(r"\w", _besides_asking(question)) else ""


def _besides_asking(question: str) -> str:
    return _ASKED_EN.sub(" ", _ASKED_KO.sub(" ", _AMOUNT.sub(" ", question)))


def _meant(found: re.Match[str]) -> str:
    said = found[0].lower()
    meant = _WORDS.get(said) or _WORDS.get(said.removesuffix("s")) or _WORDS.get(said.removesuffix("es")) or said
    return f" {meant} "
