"""Hangul that Korean word processors keep in Unicode's private use area, as Hanyang Systems' fonts have it there.

5,661 letters, most of them syllables of the old script, for which Unicode has conjoining jamo (KS X 1026-1). The whole
table is in the package hypua2jamo, which is used where it is installed: its licence (LGPL) is not this project's.
"""

import re
from collections.abc import Callable
from importlib import import_module
from typing import Final

from process.infrastructure.parsers.draft import Draft

_SYLLABLES: Final = {
    # The word processor's own name: of the old syllables the one that today's documents have.
    "\uf53a": "한",
}
_PRIVATE: Final = re.compile("[\ue0bc-\uefff\uf100-\uf66e\uf784-\uf800\uf806-\uf864\uf86a-\uf8f7]")
"""U+F000 to U+F0FF, which lies between, are signs of symbol fonts: bullets, arrows."""


def as_unicode(text: str) -> str:
    """With the Hangul that stands for it; what is not known stays."""
    if text.isascii() or not _PRIVATE.search(text):
        return text
    table = _whole_table()
    return _PRIVATE.sub(lambda found: _SYLLABLES.get(found[0]) or table(found[0]), text)


def tell_private_letters(draft: Draft) -> None:
    """A warning where some stayed."""
    count = len(_PRIVATE.findall(draft.text))
    if count:
        letters = "1 letter of old Hangul is" if count == 1 else f"{count:,} letters of old Hangul are"
        draft.warnings.append(
            f"{letters} private to fonts of Hanyang and Hancom and cannot be searched for as Hangul. Where the Python "
            "package hypua2jamo is installed beside Seoga they become Unicode's letters."
        )


def _whole_table() -> Callable[[str], str]:
    try:
        translate: Callable[[str], str] = import_module("hypua2jamo").translate
    except (ImportError, AttributeError):  # another package of that name
        return str
    return translate
