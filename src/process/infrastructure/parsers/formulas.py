"""Formulas of Office (OMML) on one line: fractions, brackets, roots and sums keep what tells their parts apart."""

from typing import Any, Final

MATH: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
PARTS: Final = {
    MATH + "f": (MATH + "num", MATH + "den"),
    MATH + "d": (MATH + "e",),
    MATH + "rad": (MATH + "deg", MATH + "e"),
    MATH + "nary": (MATH + "sub", MATH + "sup", MATH + "e"),
}
"""Elements that mean more than their parts one after the other, and which parts each has."""
_BRACKETS: Final = (("begChr", "("), ("sepChr", "|"), ("endChr", ")"))


def put_together(element: Any, parts: list[str]) -> str:
    """The text of such an element; `parts` are those it has, in the order of the file."""
    match element.tag.removeprefix(MATH):
        case "f" if len(parts) == 2:
            is_without_bar = _sign(element, "type", "bar") == "noBar"
            return " ".join(parts) if is_without_bar else "/".join(map(grouped, parts))
        case "d":
            begin, between, end = (_sign(element, name, usual) for name, usual in _BRACKETS)
            return f"{begin}{between.join(parts)}{end}"
        case "rad":
            return f"{''.join(parts[:-1])}√{grouped(parts[-1])}" if parts else ""
        case "nary":
            return f"{_sign(element, 'chr', '∫')}{' '.join(filter(None, parts))}"
    return "".join(parts)


def _sign(element: Any, name: str, usual: str) -> str:
    found = element.find(f"{element.tag}Pr/{MATH}{name}")
    return usual if found is None else found.get(MATH + "val", "")


def grouped(text: str) -> str:
    """In parentheses, where it is more than one number or name."""
    return text if text.replace(".", "").replace(",", "").isalnum() or not text else f"({text})"
