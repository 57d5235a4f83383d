"""Numbers written out as East Asian offices write sums: the spreadsheet formats [DBNum1], [DBNum2] and [DBNum4]."""

from typing import Final

# Digits, what ten, a hundred and a thousand are, and the steps of ten thousand, by the format's own number.
_FORMS: Final = {
    "1": ("〇一二三四五六七八九", "十百千", "萬億兆"),
    "2": ("零壹貳參四伍六七八九", "拾百阡", "萬億兆"),
    "4": ("영일이삼사오육칠팔구", "십백천", "만억조"),
}
_LARGEST: Final = 10**16


def in_words(number: int, form: str) -> str:
    """The whole number; empty for a form that is not known, or where its steps end."""
    if form not in _FORMS or not 0 <= number < _LARGEST:
        return ""
    digits, places, steps = _FORMS[form]
    groups = []
    for step in ("", *steps):
        number, group = divmod(number, 10_000)
        said = "".join(
            digits[int(digit)] + (places[3 - at - 1] if at < 3 else "")
            for at, digit in enumerate(f"{group:04}")
            if digit != "0"
        )
        groups.append(said + step if said else "")
    return "".join(reversed(groups)) or digits[0]
