"""Numbers as word processors write them (ECMA-376-1, 17.18.59 ST_NumberFormat)."""

from collections.abc import Callable, Sequence
from typing import Final

_KOREAN_DIGITS: Final = "영일이삼사오육칠팔구"
_HANJA_DIGITS: Final = "〇一二三四五六七八九"
_LEGAL_DIGITS: Final = "零壹貳參肆伍陸柒捌玖"
_CHINESE_LEGAL_DIGITS: Final = "零壹贰叁肆伍陆柒捌玖"
_GANADA: Final = "가나다라마바사아자차카타파하"
_CHOSUNG: Final = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"
_STEMS: Final = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES: Final = "子丑寅卯辰巳午未申酉戌亥"
_AIUEO: Final = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
_IROHA: Final = "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセス"
_RUSSIAN: Final = "абвгдежзиклмнопрстуфхцчшщыэюя"
_HEBREW: Final = "אבגדהוזחטיכלמנסעפצקרשת"
_ARABIC: Final = "أبتثجحخدذرزسشصضطظعغفقكلمنهوي"
_THAI_DIGITS: Final = "๐๑๒๓๔๕๖๗๘๙"
_HINDI_DIGITS: Final = "०१२३४५६७८९"
_NATIVE_ONES: Final = ("", "하나", "둘", "셋", "넷", "다섯", "여섯", "일곱", "여덟", "아홉")
_NATIVE_TENS: Final = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
_ONES_TEXT: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_ONES: Final = _ONES_TEXT.split()
_TENS_TEXT: Final = "- - twenty thirty forty fifty sixty seventy eighty ninety"
_TENS: Final = _TENS_TEXT.split()
_ORDINALS: Final = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_MOST_ROMAN: Final = 32_767


def number_text(number: int, format_name: str) -> str:
    """The number in a format by its name; as a decimal in one that is unknown, or where the format ends before it."""
    if format_name in ("none", "bullet"):
        return ""
    if number <= 0:
        return str(number)
    write = _FORMATS.get(format_name)
    return str(number) if write is None else write(number)


def roman(number: int) -> str:
    """Upper case; from 4,000 on with more letters M, as Word does."""
    if number > _MOST_ROMAN:
        return str(number)
    parts = []
    for size, sign in (
        *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC")),
        *((50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
    ):
        count, number = divmod(number, size)
        parts.append(sign * count)
    return "".join(parts)


def _letters(first: str) -> Callable[[int], str]:
    """a … z, aa, bb …: a letter once more after each round."""
    return lambda number: chr(ord(first) + (number - 1) % 26) * min(1 + (number - 1) // 26, 40)


def _looped(signs: Sequence[str]) -> Callable[[int], str]:
    return lambda number: signs[(number - 1) % len(signs)]


def _repeated(signs: Sequence[str]) -> Callable[[int], str]:
    return lambda number: signs[(number - 1) % len(signs)] * min(1 + (number - 1) // len(signs), 40)


def _from(first: str, last: int) -> Callable[[int], str]:
    """Signs that follow one another in Unicode, up to a number; decimals behind it."""
    return lambda number: chr(ord(first) + number - 1) if number <= last else str(number)


def _digits(signs: str) -> Callable[[int], str]:
    return lambda number: "".join(signs[int(digit)] for digit in str(number))


def _counting(digits: str, places: str, myriads: str, *, says_one: bool) -> Callable[[int], str]:
    """With words for ten, hundred, thousand and each ten thousand; `says_one`: 一十 and not 十."""

    def below_myriad(number: int) -> str:
        parts = []
        for place, digit in zip(range(3, -1, -1), map(int, f"{number:04d}"), strict=True):
            if digit:
                shown = "" if digit == 1 and place and not says_one else digits[digit]
                parts.append(shown + (places[place - 1] if place else ""))
        return "".join(parts)

    def write(number: int) -> str:
        if number >= 10**12:
            return str(number)
        high, parts = [], []
        while number:
            number, group = divmod(number, 10_000)
            high.append(group)
        for power in range(len(high) - 1, -1, -1):
            if high[power]:
                parts.append(below_myriad(high[power]) + (myriads[power - 1] if power else ""))
        return "".join(parts)

    return write


def _native_korean(number: int) -> str:
    return _NATIVE_TENS[number // 10] + _NATIVE_ONES[number % 10] if number < 100 else str(number)


def _words(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{_ONES[hundreds]} hundred" + (f" {_words(rest)}" if rest else "")
    if number < 1_000_000:
        thousands, rest = divmod(number, 1000)
        return f"{_words(thousands)} thousand" + (f" {_words(rest)}" if rest else "")
    return str(number)


def _ordinal_words(number: int) -> str:
    words = _words(number)
    start, last = (
        words[: max(words.rfind(" "), words.rfind("-")) + 1],
        words[max(words.rfind(" "), words.rfind("-")) + 1 :],
    )
    ending = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return (start + ending).capitalize()


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


_HANJA: Final = _counting(_HANJA_DIGITS, "十百千", "万億兆", says_one=False)
_FORMATS: Final[dict[str, Callable[[int], str]]] = {
    "decimal": str,
    "decimalHalfWidth": str,
    "decimalZero": lambda number: f"{number:02d}",
    "upperRoman": roman,
    "lowerRoman": lambda number: roman(number).lower(),
    "upperLetter": _letters("A"),
    "lowerLetter": _letters("a"),
    "ordinal": _ordinal,
    "cardinalText": lambda number: _words(number).capitalize(),
    "ordinalText": _ordinal_words,
    "hex": lambda number: f"{number:X}",
    "numberInDash": lambda number: f"- {number} -",
    "chicago": _repeated("*†‡§"),
    "ganada": _looped(_GANADA),
    "chosung": _looped(_CHOSUNG),
    "koreanDigital": _digits(_KOREAN_DIGITS),
    "koreanDigital2": _digits("零" + _HANJA_DIGITS[1:]),
    "koreanCounting": _counting(_KOREAN_DIGITS, "십백천", "만억조", says_one=False),
    "koreanLegal": _native_korean,
    "decimalEnclosedCircle": _from("①", 20),
    "decimalEnclosedCircleChinese": _from("①", 20),
    "decimalEnclosedParen": _from("⑴", 20),
    "decimalEnclosedFullstop": _from("⒈", 20),
    "ideographEnclosedCircle": _from("㊀", 10),
    "decimalFullWidth": lambda number: "".join(chr(0xFF10 + int(digit)) for digit in str(number)),
    "decimalFullWidth2": lambda number: "".join(chr(0xFF10 + int(digit)) for digit in str(number)),
    "ideographDigital": _digits(_HANJA_DIGITS),
    "japaneseDigitalTenThousand": _digits(_HANJA_DIGITS),
    "taiwaneseDigital": _digits("○" + _HANJA_DIGITS[1:]),
    "japaneseCounting": _HANJA,
    "taiwaneseCounting": _HANJA,
    "taiwaneseCountingThousand": _HANJA,
    "chineseCounting": _HANJA,
    "chineseCountingThousand": _HANJA,
    "japaneseLegal": _counting("零壱弐参四伍六七八九", "拾百阡", "萬億兆", says_one=True),
    "ideographLegalTraditional": _counting(_LEGAL_DIGITS, "拾佰仟", "萬億兆", says_one=True),
    "chineseLegalSimplified": _counting(_CHINESE_LEGAL_DIGITS, "拾佰仟", "萬億兆", says_one=True),
    "ideographTraditional": _looped(_STEMS),
    "ideographZodiac": _looped(_BRANCHES),
    "ideographZodiacTraditional": lambda number: _STEMS[(number - 1) % 10] + _BRANCHES[(number - 1) % 12],
    "aiueo": _looped(_AIUEO),
    "aiueoFullWidth": _looped(_AIUEO),
    "iroha": _looped(_IROHA),
    "irohaFullWidth": _looped(_IROHA),
    "russianLower": _repeated(_RUSSIAN),
    "russianUpper": _repeated(_RUSSIAN.upper()),
    "hebrew2": _repeated(_HEBREW),
    "arabicAlpha": _repeated(_ARABIC),
    "thaiNumbers": _digits(_THAI_DIGITS),
    "hindiNumbers": _digits(_HINDI_DIGITS),
}
