"""Where in the metadata a filter or a facet looks: `metadata.a.b`, and `metadata."a.b"` for a key with a dot.

Plain names with dots between them are either: keys inside keys, or keys with dots in them. Light, for the process of
the embedded index reads it.
"""

import re
from functools import lru_cache
from typing import Final

_KEY: Final = r'(?:[\w-]{1,100}|"[^"\\]{1,100}")'
_FIELD: Final = re.compile(rf"metadata(?:\.{_KEY}){{1,8}}")
_KEYS: Final = re.compile(rf"\.({_KEY})")
_MOST_JOINED: Final = 5
"""Keys that are tried in every way of joining them; of more, all apart and all in one."""


def is_metadata(field: str) -> bool:
    """Whether it names a part of the metadata that a document may have."""
    return _FIELD.fullmatch(field) is not None


@lru_cache(maxsize=1024)
def metadata_paths(field: str) -> tuple[tuple[str, ...], ...]:
    """The keys, outermost first, of every place it may mean; the one of keys inside keys first."""
    written: list[str] = _KEYS.findall(field)
    keys = [key.strip('"') for key in written]
    if len(keys) == 1 or any(key.startswith('"') for key in written):
        return (tuple(keys),)
    if len(keys) > _MOST_JOINED:
        return (tuple(keys), (".".join(keys),))
    return tuple(tuple(_joined(keys, joints)) for joints in range(1 << (len(keys) - 1)))


def plain_field(field: str) -> str:
    """Without quotes."""
    return field.replace('"', "")


def _joined(keys: list[str], joints: int) -> list[str]:
    """Key by key; a dot and no step where the bit of `joints` is set."""
    path = keys[:1]
    for place, key in enumerate(keys[1:]):
        if joints >> place & 1:
            path[-1] += f".{key}"
        else:
            path.append(key)
    return path
