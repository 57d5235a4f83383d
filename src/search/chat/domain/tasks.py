"""The tasks that a question is answered by, and how well they ran side by side."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

TaskName = Literal["answer", "detail_pages", "history"]
TaskStatus = Literal["done", "failed", "timed_out", "cancelled", "skipped"]


@dataclass(frozen=True, slots=True)
class TaskReport:
    """How one task ended."""

    status: TaskStatus
    seconds: float = 0.0
    """At work."""
    wait_seconds: float = 0.0
    """Until it began, and for what others had to give it."""


def speedup(reports: Collection[TaskReport], wall_seconds: float) -> float:
    """How much longer the tasks would have taken one after the other: their sum over the wall time."""
    return sum(report.seconds for report in reports) / wall_seconds if wall_seconds > 0 else 0.0


def parallel_efficiency(reports: Collection[TaskReport], wall_seconds: float) -> float:
    """1 when all else happened within the longest task: the longest over the wall time."""
    longest = max((report.seconds for report in reports), default=0.0)
    return min(1.0, longest / wall_seconds) if wall_seconds > 0 else 0.0
