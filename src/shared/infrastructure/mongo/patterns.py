"""Regular expressions that find text as it is."""

import re


def containing(text: str, *, ascii_only: bool = False) -> str:
    """A pattern for text that contains it, with letters in either case: all that have one of each, or ASCII's alone."""
    return "".join(_either(one) if one.isascii() or not ascii_only else _escaped(one) for one in text)


def _either(letter: str) -> str:
    lower, upper = letter.lower(), letter.upper()
    return f"[{lower}{upper}]" if lower != upper and len(lower) == len(upper) == 1 else _escaped(letter)


def _escaped(character: str) -> str:
    # A pattern cannot hold NUL itself.
    return f"\\x{ord(character):02x}" if character < " " else re.escape(character)
