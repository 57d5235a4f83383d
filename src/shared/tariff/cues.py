"""What stands beside a number and tells whether it is a tariff code: words before it, words after it, lists."""

import re
from typing import Final

from shared.patterns import pattern

REACH: Final = 64
"""Characters before a number that may hold its cue."""

_NUMBERED: Final = (
    r"(?:\W{0,3}(?:nos?\b\.?|(?:numbers?|codes?|items?|ex|position|under|of|the|is|are|상|의|은|는|이|가|를|을|로)\b))*"
)
_CUE: Final = pattern(
    rf"""(?:
    (?:\b|(?-i:(?<=[A-Za-z])(?=[HS])))(?:sub[- ]?)?headings?
    | \btariff\ (?:items?|lines?|codes?|classifications?|headings?|numbers?|provisions?)
    | \b(?:HTSUS|HTS|HSK|HS|CN|TARIC)(?:\ ?(?:codes?|numbers?|nos?|코드|부호|번호|품목번호|품목분류))?
    | \b(?:commodity|customs|harmoni[sz]ed|export|import|schedule\ b)\ (?:system\ )?(?:codes?|numbers?)
    | \bHarmoni[sz]ed\ (?:Commodity\ Description\ and\ Coding\ )?System
    | \bclassif(?:ied|iable|y|ication)\ (?:under|in|as|within)
    | 세번(?:부호|번호)? | 품목\ ?(?:번호|코드|분류(?:\ ?번호|\ ?코드)?) | 관세율표(?:\ ?번호)?
    | (?:통계|분류)\ ?(?:부호|번호)
    ){_NUMBERED}[\s:#=|(\[“"'‘「*]{{0,4}}제?\s?$""",
    re.IGNORECASE | re.VERBOSE,
)
_AFTER: Final = pattern(r"\s?호(?![가-힣]*실)|\s?\(?\s?(?:HSK?|HTS)\b", re.IGNORECASE)
_OF_HEADING: Final = pattern(r"제\s?$")
_NUMBER_SIGN: Final = pattern(r"\s?호(?!실|선|차|기\b|봉|법정)")
# Who else numbers with 제…호: laws, notices, patents, licences, cases, rooms.
_OF_ANOTHER: Final = pattern(
    r"(?:법률?|령|규칙|고시|훈령|예규|조례|공고|지침|지시|협정|조약|특허|실용신안|디자인|상표|등록|출원|면허|허가|신고|접수|문서|"
    r"공보|관보|호외|사건|증명서|필증|번지|동|층|법정|조|항|채권|주파수|국도|지방도|공시|결정|판결|인증|승인|검정|전표|계좌|차량)"
    r"\s?(?:번호)?\s?(?:\([^()]{0,40}\)\s?)?제\s?$"
)
_MONEY: Final = pattern(r"(?:[$€£¥₩]|\b(?:USD|EUR|KRW|GBP|JPY|CNY|US\$|달러|유로))\s?$", re.IGNORECASE)
_UNIT: Final = pattern(
    r"\s?(?:%|％|퍼센트|원|달러|유로|엔|톤|킬로|그램|미터|리터|평|㎏|㎜|㎝|㎡|℃|°|명|건|개|년|월|일|시|분|초|회|배|점|만|억|천|조\b|"
    r"(?:kg|g|mg|t|tons?|mm|cm|m|km|ml|l|lbs?|oz|hz|khz|mhz|ghz|v|w|kw|mw|kwh|mb|gb|tb|psi|bar|rpm|dollars?|euros?|won|"
    r"million|billion|percent|per\ cent|points?|people|pages?|units?)\b)",
    re.IGNORECASE,
)
_DAY_FOLLOWS: Final = pattern(r"\s?[.\-/]\s?\d{1,2}(?!\d)|\s?[년월일]")
_ANOTHER_NUMBER: Final = pattern(
    r"(?:\b(?:tel|phone|fax|mobile|call|invoice|order|article|art|section|rule|case|page|p|pp|paragraph|para|annex|chapter|"
    r"version|ver|v|room|serial|model|part|ref|reference|contract|policy|cas|einecs|iso|iec|en|ks|din|ip)"
    r"|전화|팩스|휴대폰|계좌|모델|품번|버전|제품번호|신고번호|사건번호|등록번호|조)"
    r"(?:\W{0,3}(?:nos?|numbers?|번호)\b)?[\s.:#(]{0,4}$",
    re.IGNORECASE,
)
_YEAR_FOLLOWS: Final = pattern(r"\s?년(?!산)")
_ANOTHER_PAIR: Final = pattern(r"\s?[.\-/]\s?\d")
_EDITION: Final = pattern(r"\bHSK?\s?(?:edition|version|코드|\()?\s?$|\bHarmoni[sz]ed System\W{0,2}$", re.IGNORECASE)
EDITIONS: Final = frozenset(["1988", "1992", "1996", "2002", "2007", "2012", "2017", "2022", "2028"])
_TOPIC: Final = pattern(
    r"\b(?:sub)?headings?\b|\btariff|\bHSK?\b|\bHTS|harmoni[sz]ed|customs|세번|관세|품목\s?분류|품목번호|HS코드|수입신고|통관",
    re.IGNORECASE,
)
_LINK: Final = pattern(
    r"""(?:\s | , | ; | / | & | ~ | ∼ | - | · | ㆍ | 、 | 호 | 제 | ["“”'‘’]
    | \b(?:and|or|to|through|thru|ex|nos?\.?|of|the|from|any|other|than|except|excluding|including|but|not|up)\b
    | \b(?:either|between)\b | \b(?:sub-?)?headings?\b | \btariff\ items?\b
    | 및 | 또는 | 이나 | 내지 | 와 | 과 | 나 | 부터 | 까지 | 의 | 에서 | 소호
    | (?-i:\b(?:[A-Z]|[IVX]{2,4})\b)
    | \([^()]{0,160}\) | \.(?:[a-z]{2}\b|x{2}) )*""",
    re.IGNORECASE | re.VERBOSE,
)


def has_cue(before: str) -> bool:
    """Whether the words right before it say that a code follows. `before` is at most `REACH` characters."""
    return _CUE.search(before) is not None


def has_cue_after(after: str) -> bool:
    """Whether the words right behind it say that it was a code."""
    return _AFTER.match(after) is not None


def is_numbered(before: str, after: str) -> bool:
    """제…호, the form of a heading in Korean rules, and of much else: `is_another` tells."""
    return _OF_HEADING.search(before) is not None and _NUMBER_SIGN.match(after) is not None


def is_another(before: str, after: str) -> bool:
    """Whether what stands beside it says that it is money, a measure, a date, a telephone, a law, a part number."""
    return bool(
        _MONEY.search(before)
        or _OF_ANOTHER.search(before)
        or _ANOTHER_NUMBER.search(before)
        or _UNIT.match(after)
        or _DAY_FOLLOWS.match(after)
    )


def goes_on(after: str) -> bool:
    """Whether more digits follow behind a mark, as in a date."""
    return _ANOTHER_PAIR.match(after) is not None


def is_named_by_sign(after: str) -> bool:
    """Whether 호 follows, as behind a heading, and no word that makes it a room, a line, a ship."""
    return _NUMBER_SIGN.match(after) is not None


def is_law(before: str) -> bool:
    """Whether what is numbered with 제…호 is a law, a notice, a patent."""
    return _OF_ANOTHER.search(before) is not None


def is_year(digits: str, before: str, after: str) -> bool:
    """HS 2022 is an edition of the nomenclature, and 2002년 a year; a heading 2007 would be said to be one."""
    if len(digits) == 4 and _YEAR_FOLLOWS.match(after):
        return True
    return digits in EDITIONS and _EDITION.search(before) is not None


def is_about_tariffs(text: str) -> bool:
    """Whether the words around it are those of customs."""
    return _TOPIC.search(text) is not None


def links(between: str) -> bool:
    """Whether what stands between two numbers makes them one list: `8702.10 or 8702.90`, `87.01 through 87.08`."""
    return len(between) <= 200 and _LINK.fullmatch(between) is not None
