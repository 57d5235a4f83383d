"""What `/metrics` shows, as it stands in the code: each number's type and labels, found where it is counted."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from shared.infrastructure.metric_catalogue import HELP

ROOT: Final = Path(__file__).parents[1]
_KNOWN: Final = frozenset(name.removesuffix("_total") for name in HELP)
_TYPES: Final = {"gauge": "gauge", "count": "counter", "observe": "histogram", "timed": "histogram"}


@dataclass
class Shown:
    """One family, without `seoga_`."""

    type: str
    labels: set[str] = field(default_factory=set)


@cache
def shown() -> dict[str, Shown]:
    """By the name that `# TYPE` tells: a counter's ends in `_total`."""
    # Counted by what adds a label, or knows no metrics.
    found = {f"store_{what}_total": Shown("counter", {"store"}) for what in ("damage", "disk_errors")}
    found["log_lines_dropped_total"] = Shown("counter")
    for path in (ROOT / "src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text if any(f"{called}(" in text for called in _TYPES) else "")
        for called, name, call in _calls(tree):
            shown_name = f"{name.removesuffix('_total')}_total" if called == "count" else name
            family = found.setdefault(shown_name, Shown(_TYPES[called]))
            for keyword in call.keywords:
                family.labels |= {keyword.arg} if keyword.arg else _keys_of(keyword.value, tree)
    return found


def _calls(tree: ast.AST) -> Iterator[tuple[str, str, ast.Call]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = _last_name(node.func).lstrip("_")
        place = 1 if called == "timed" else 0
        if called in _TYPES and len(node.args) > place:
            name = node.args[place]
            value = name.value if isinstance(name, ast.Constant) else None
            if isinstance(value, str) and value.removesuffix("_total") in _KNOWN:
                yield called, value, node


def _keys_of(labels: ast.expr, tree: ast.AST) -> set[str]:
    """Of `**labels`: a mapping that the same file writes out under that name."""
    found: set[str] = set()
    for node in ast.walk(tree):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(_last_name(target) == _last_name(labels) for target in targets):
            value = getattr(node, "value", None)
            if isinstance(value, ast.Dict):
                found |= {str(key.value) for key in value.keys if isinstance(key, ast.Constant)}
    return found


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
