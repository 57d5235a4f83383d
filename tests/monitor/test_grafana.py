"""The dashboard for Grafana asks only for numbers and labels that there are."""

import json
import re
from typing import Any, Final

import pytest
from shown_metrics import ROOT, shown

DASHBOARD: Final[dict[str, Any]] = json.loads((ROOT / "docs/operations/grafana-seoga.json").read_text(encoding="utf-8"))
# What Prometheus adds to every number.
_OF_EVERY_SERIES: Final = frozenset(("job", "instance", "le"))


def _lines() -> dict[str, set[str]]:
    """Every name that a line of `/metrics` has, with its labels."""
    found = dict[str, set[str]]()
    for name, family in shown().items():
        endings = ("_bucket", "_count", "_sum") if family.type == "histogram" else ("",)
        found |= {f"seoga_{name}{ending}": family.labels for ending in endings}
    return found


def _expressions() -> list[str]:
    targets = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    annotations = [one["expr"] for one in DASHBOARD["annotations"]["list"]]
    return targets + annotations


@pytest.mark.slow
def test_every_number_that_a_panel_asks_for_is_shown_with_its_labels() -> None:
    lines, seen = _lines(), set[str]()
    for expression in _expressions():
        for name in re.findall(r"\bseoga_\w+", expression):
            assert name in lines, expression
            seen.add(name)
            grouped = re.findall(r"by \(([^)]*)\)", expression)
            asked = {label.strip() for one in grouped for label in one.split(",") if label.strip()}
            asked |= set(re.findall(r"[{,](\w+)[=!]", expression))
            assert asked <= lines[name] | _OF_EVERY_SERIES, (expression, lines[name])
    assert len(seen) > 25


def test_expressions_are_whole_and_panels_lie_beside_one_another() -> None:
    for expression in _expressions():
        for opening, closing in ("()", "{}", "[]"):
            assert expression.count(opening) == expression.count(closing), expression
    places = set[tuple[int, int]]()
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & places, panel["title"]
        places |= cells
