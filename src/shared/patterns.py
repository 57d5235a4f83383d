"""Regular expressions that are compiled when they are first used, not when their module is imported."""

import re
from typing import Any, Final, cast

_PARTS: Final = tuple(name for name in dir(re.Pattern) if not name.startswith("_"))


def pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """As `re.compile`, which for the large ones of a server takes 40 ms of each start.

    Each use after the first goes to the compiled one directly. One that is wrong says so at its first use.
    """
    return cast("re.Pattern[str]", _Pattern(text, flags))


class _Pattern:
    """Until something of it is asked for it is a text; from then on it has the parts of what was compiled."""

    def __init__(self, text: str, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> Any:
        """Only for what is not there yet. Two threads that come at once set the same."""
        if name not in _PARTS:
            raise AttributeError(name)
        compiled = re.compile(self._text, self._flags)
        for part in _PARTS:
            setattr(self, part, getattr(compiled, part))
        return getattr(compiled, name)
