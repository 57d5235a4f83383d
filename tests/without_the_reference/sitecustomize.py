"""Python runs this as it starts where this folder is on its path: what WITHOUT_MODULES names is as good as absent."""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Final

_ABSENT: Final = frozenset(os.environ.get("WITHOUT_MODULES", "").split(","))


class _Others(PathFinder):
    """Finds what Python would, but for these; nothing of them is in `sys.modules`, where tests look."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return None if fullname in _ABSENT else super().find_spec(fullname, path, target)


sys.meta_path = [_Others if finder is PathFinder else finder for finder in sys.meta_path]
