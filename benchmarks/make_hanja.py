"""Makes the packaged readings of Hanja: `python -m benchmarks.make_hanja UNIHAN_READINGS`.

UNIHAN_READINGS is `Unihan_Readings.txt` of the Unicode Character Database (https://www.unicode.org/Public/UCD/).
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from search.domain.hanja import READINGS_FILE

_LINE: Final = re.compile(r"U\+([0-9A-F]{4})\tkHangul\t(.+)")
_UNIFIED: Final = ("\u3400", "\u9fff")
"""The others are what these become when text is folded."""
_BASIC, _NAMES, _STANDARD = "E", "N", "0"
"""What Unihan says of a reading: of the characters taught at school, of those allowed in names, of KS X 1001."""
_PREFERRED: Final = {"滑": "활", "咽": "인", "喇": "라", "什": "집"}
"""Where Unihan does not say which of two is the usual one."""
_HEAD: Final = """\
# Korean readings of Chinese characters, from the field kHangul of the Unihan database.
# Copyright 1991-2022 Unicode, Inc. Unicode License v3, https://www.unicode.org/license.txt
# First the usual reading of each, then, behind a plus sign, other ones that words have.
# As they are inside of words: what they are at the beginning follows from that. Made by benchmarks/make_hanja.py.
"""


def _readings(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Each character, its usual reading, and others."""
    for point, field in _LINE.findall(text):
        character = chr(int(point, 16))
        if not _UNIFIED[0] <= character <= _UNIFIED[1]:
            continue
        flags = dict(one.split(":") for one in field.split())
        # With no flag but its standard's it is what another reading is at the beginning of a word.
        own = [one for one, said in flags.items() if len(said) > 1 or not said.isdigit()] or list(flags)
        usual = min(own, key=lambda one: (one != _PREFERRED.get(character), *_rank(flags[one])))
        others = [one for one in own if one != usual and (_STANDARD in flags[one] or _BASIC in flags[usual])]
        yield character, usual, others


def _rank(said: str) -> tuple[bool, bool, bool]:
    return _BASIC not in said, _STANDARD not in said, _NAMES not in said


def main(file: Path) -> None:
    """Writes it."""
    first: dict[str, str] = defaultdict(str)
    more: dict[str, str] = defaultdict(str)
    for character, usual, others in _readings(file.read_text(encoding="utf-8")):
        first[usual] += character
        for other in others:
            more[f"+{other}"] += character
    lines = [f"{reading} {characters}\n" for part in (first, more) for reading, characters in sorted(part.items())]
    READINGS_FILE.write_text(_HEAD + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
