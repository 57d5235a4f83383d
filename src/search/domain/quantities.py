"""Numbers and their units: 1,200,000원, 25 kg, 15 % and $1.5 million are one number each, however they are written."""

import re
from decimal import Decimal
from typing import Final

from shared.patterns import pattern

_LATIN: Final = (
    "kg g mg t lb lbs oz kt ton tons tonne tonnes mm cm m km um nm in inch inches ft feet yd mi nmi sqm ha l ml cl dl "
    "kl gal bbl cc cbm m2 m3 km2 cm2 cm3 mm2 ft2 ft3 teu feu hc hq gp usd krw eur jpy cny gbp chf hkd sgd aud cad vnd "
    "inr twd won kw kwh mw mwh gw w wh v kv a ma mah hz khz mhz ghz db pa kpa mpa bar psi n nm kn kcal cal j kj mj gb "
    "mb kb tb bps mbps gbps b hr hrs h min mins sec s ms day days week weeks month months year years hour hours minute "
    "minutes second seconds am pm pcs pc ea ct ctn ctns pkg pkgs box boxes set sets pallet pallets percent pct ppm ppb "
    "ph rpm dpi px pt x k c f degrees"
)
_HANGUL: Final = (
    "원 만원 천원 백만원 억원 조원 천만원 십억원 달러 만달러 억달러 유로 엔 위안 파운드 개 개월 개년 개사 "
    "개국 개소 개입 년 년도 월 일 시 시간 분 초 주 주일 주년 회 회차 번 번째 건 명 인 톤 만톤 대 권 장 매 "
    "쪽 페이지 봉 봉지 상자 박스 킬로그램 킬로 그램 밀리그램 킬로미터 미터 센티미터 밀리미터 센티 밀리 "
    "피트 인치 야드 마일 리터 밀리리터 배럴 갤런 퍼센트 프로 도 평 층 호 호실 호선 세 살 배 위 급 등급 종 "
    "마리 그루 송이 켤레 벌 자루 척 필지 가구 세대 곳 군데 가지 단계 차 차례 점 병 캔 컵 잔 팩 포 포대 통 "
    "롤 세트 제곱미터 세제곱미터 헥타르 와트 킬로와트 킬로와트시 볼트 암페어 헤르츠 칼로리 바이트 "
    "메가바이트 기가바이트 비트 학년 교시 인분 인용 박 컨테이너 팔레트 파렛트 칸 줄 근 돈 냥 되 말 섬 만 "
    "천 백 억 조"
)


def _either(words: str) -> str:
    return "|".join(sorted(words.split(), key=len, reverse=True))


_UNIT: Final = pattern(
    r" ?(?:(?P<sign>[%‰])"
    rf"|°? ?(?P<latin>[ap]\.m\.|(?:{_either(_LATIN)})(?![A-Za-z0-9]|\.[A-Za-z]))"
    rf"|(?P<hangul>{_either(_HANGUL)}))",
    re.IGNORECASE,
)
_CURRENCY: Final = re.compile(
    r"(?:(?<![A-Za-z0-9])(?P<code>usd|krw|eur|jpy|cny|gbp|chf|hkd|sgd|aud|cad|vnd|inr|twd)|(?P<sign>[$€£¥₩])) ?\Z", re.I
)
_LONGEST_CURRENCY: Final = 5
"""With what may not stand before it, and a space."""
_OF_SIGN: Final = {"$": "usd", "€": "eur", "£": "gbp", "¥": "jpy", "₩": "krw"}
_TENS: Final = {"천만": 7, "백만": 6, "십억": 9, "만": 4, "억": 8, "조": 12, "천": 3, "백": 2}
_ENGLISH_TENS: Final = {
    "thousand": 3,
    "million": 6,
    "billion": 9,
    "trillion": 12,
    "k": 3,
    "m": 6,
    "mn": 6,
    "b": 9,
    "bn": 9,
}
# 5M is five metres as well: a currency, or what is counted in millions, says that it is not.
_MAGNITUDE: Final = pattern(
    r"(?<!\d[.,])(?P<number>(?:\d{1,3}(?:,\d{3})+|\d{1,6})(?:\.\d{1,6})?)(?:[ -]?(?P<sure>thousand|million|billion|"
    r"trillion|bn)s?| ?(?P<short>k|mn?|b))(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_COUNTED: Final = pattern(
    r" ?(?:[$€£¥₩]|(?:usd|krw|eur|jpy|cny|gbp|chf|hkd|sgd|aud|cad|vnd|inr|twd|won|dollars?|euros?|pounds?|yen|yuan|"
    r"tons?|tonnes?|teu|feu)(?![A-Za-z0-9])|원|달러|유로|파운드|위안|엔)",
    re.IGNORECASE,
)
UNIT_AFTER: Final = _UNIT.match
"""Whether a unit stands there, at most a space away; its named groups say which."""
_LATIN_UNITS: Final = frozenset(_LATIN.split())
_SEPARATORS: Final = pattern(r"[,']")


def is_unit(word: str) -> bool:
    """Whether a word of small Latin letters is one."""
    return word in _LATIN_UNITS


def plain_number(written: str) -> str:
    """Without what separates thousands."""
    return _SEPARATORS.sub("", written)


def with_currency(number: str, text: str, start: int) -> tuple[str, ...]:
    """Number and currency as one term, when its code or sign stands before the number that starts there."""
    match = _CURRENCY.search(text, max(0, start - _LONGEST_CURRENCY), start)
    if match is None:
        return ()
    return (number + (match["code"] or _OF_SIGN[match["sign"]]).lower(),)


def with_unit(number: str, text: str, end: int) -> tuple[str, ...]:
    """Number and unit as one term, when a unit follows the number that ends there; 120만 is also 1200000."""
    match = UNIT_AFTER(text, end)
    if match is None:
        return ()
    unit: str = match["sign"] or match["latin"] or match["hangul"]
    together = number + unit.lower().replace(".", "")
    if match["hangul"]:
        for magnitude, zeros in _TENS.items():
            if unit.startswith(magnitude):
                value = Decimal(number).scaleb(zeros)
                if value == value.to_integral_value():
                    whole, rest = str(int(value)), unit.removeprefix(magnitude)
                    return (together, whole, whole + rest) if rest else (together, whole)
    return (together,)


def with_magnitude(text: str, start: int) -> tuple[str, ...]:
    """1500000 of the 1.5 million, the 1.5bn or the $1.5M that starts there; with its currency and its unit too."""
    match = _MAGNITUDE.match(text, start)
    if match is None:
        return ()
    zeros = _ENGLISH_TENS[(match["sure"] or match["short"]).lower()]
    value = Decimal(plain_number(match["number"])).scaleb(zeros)
    if value != value.to_integral_value():
        return ()
    whole = str(int(value))
    in_currency = with_currency(whole, text, start)
    if match["short"] and not in_currency and not _COUNTED.match(text, match.end()):
        return ()
    return (whole, *with_unit(whole, text, match.end()), *in_currency)
