"""Structured logs with correlation ids, and the tiny interface behind which numbers are counted."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TextIO, cast, runtime_checkable

from shared.events.envelope import current_cause
from shared.lean_imports import without
from shared.lossy_stream import LossyStream

with without("rich"):  # for tracebacks that are written otherwise here
    import structlog
    from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

Log = FilteringBoundLogger


@runtime_checkable
class Metrics(Protocol):
    """Counts and times things. Names are `noun_verb_unit`; labels are few and bounded."""

    def count(self, name: str, value: float = 1, /, **labels: str) -> None:
        """Adds to a counter that only rises."""
        ...

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """One sample of a distribution, seconds unless the name says otherwise."""
        ...

    def gauge(self, name: str, value: float, /, **labels: str) -> None:
        """What something is now."""
        ...


@contextmanager
def timed(metrics: Metrics, name: str, **labels: str) -> Iterator[None]:
    """Observes how long the block took, in seconds, also when it fails."""
    started = time.perf_counter()
    try:
        yield
    finally:
        metrics.observe(name, time.perf_counter() - started, **labels)


def _add_cause(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    cause = current_cause()
    if cause is not None:
        event.setdefault("correlation_id", cause.correlation_id)
    return event


def configure_logs(*, level: str, format: str) -> None:
    """Everything logged goes to standard error, one line each: `text` for people, `json` for machines.

    A line that cannot be written is dropped; how many were is said by the next one that can, and by
    `log_lines_dropped_total`.
    """
    stream = sys.stderr if isinstance(sys.stderr, LossyStream) else LossyStream(sys.stderr)
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_cause,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer()
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty()),
    ]

    def notice(lines: int, why: str) -> str:
        event: Any = {"event": "log lines were dropped", "action": "log.dropped", "lines": lines, "reason": why}
        for processor in processors:
            event = processor(None, "warning", event)
        return f"{event}\n"

    stream.notice = notice
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, stream)),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=stream, force=True)


def get_log(module: str) -> Log:
    """A logger whose lines say which module wrote them; give each line an `action=`."""
    log: Log = structlog.get_logger(module=module)
    return log
