"""What came of an evaluation: its measures, and how it differs from an earlier one. Plain values, as JSON has them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from search.domain.judging import MEASURES, difference, interval, mean
from shared.kernel import InvalidInput

_MOST_LOSERS: Final = 10
_COMPARED: Final = "ndcg_10"


def summary(questions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`metrics`, `intervals`, `per_language`, `per_question` of judged questions (`id, text, language` and values)."""
    by_language: dict[str, list[Mapping[str, Any]]] = {}
    for question in questions:
        by_language.setdefault(question["language"] or "other", []).append(question)
    return {
        "metrics": _means(questions),
        "intervals": {name: list(interval([question[name] for question in questions])) for name in MEASURES},
        "per_language": {
            language: {"questions": len(asked), **_means(asked)} for language, asked in sorted(by_language.items())
        },
        "per_question": list(questions),
    }


def compared(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Two runs' `per_question`, over the questions they share. Raises InvalidInput when they share none."""
    known = {question["id"]: question for question in before}
    shared = [question for question in now if question["id"] in known]
    if not shared:
        raise InvalidInput("The two evaluations have no question in common.")
    differences = {}
    for name in MEASURES:
        found = difference([known[each["id"]][name] for each in shared], [each[name] for each in shared])
        differences[name] = {"difference": found.mean, "interval": [found.low, found.high], "p": found.p}
    changes = sorted(
        (
            {
                "id": each["id"],
                "text": each["text"],
                "before": known[each["id"]][_COMPARED],
                "after": each[_COMPARED],
            }
            for each in shared
        ),
        key=lambda change: change["after"] - change["before"],
    )
    return {
        "questions": len(shared),
        "differences": differences,
        "losers": [change for change in changes if change["after"] < change["before"]][:_MOST_LOSERS],
        "winners": [change for change in changes[::-1] if change["after"] > change["before"]][:_MOST_LOSERS],
    }


def _means(questions: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {name: mean([question[name] for question in questions]) for name in MEASURES}
