"""Structured logs with correlation ids, and the tiny interface behind which numbers are counted."""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Protocol, TextIO, cast, runtime_checkable

from shared.events.envelope import current_cause
from shared.lean_imports import without
from shared.lossy_stream import LossyStream

with without("rich"):  # for tracebacks that are written otherwise here
    import structlog
    from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

Log = FilteringBoundLogger
_TOLD: Final = "_seoga_has_told"


@runtime_checkable
class Metrics(Protocol):
    """Counts and times things. Names are `noun_verb_unit`; labels are few and bounded."""

    def count(self, name: str, value: float = 1, /, **labels: str) -> None:
        """Adds to a counter that only rises."""
        ...

    def observe(self, name: str, value: float, times: int = 1, /, **labels: str) -> None:
        """One sample of a distribution (or so many alike), seconds unless the name says otherwise."""
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


class _State:
    is_json: bool | None = None


def _add_cause(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    cause = current_cause()
    if cause is not None:
        event.setdefault("correlation_id", cause.correlation_id)
    return event


def configure_logs(*, level: str, format: str, stream: LossyStream | None = None) -> None:
    """Everything logged goes to `stream` (else standard error), one line each: `text` for people, `json` for machines.

    That of libraries and Python's warnings too, from the level `warning` on. A line that cannot be written is dropped;
    how many were is said by the next one that can, and by `log_lines_dropped_total`.
    """
    if stream is None:
        stream = sys.stderr if isinstance(sys.stderr, LossyStream) else LossyStream(sys.stderr)
    _State.is_json = is_json = format == "json"
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
        if is_json
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    common: list[structlog.typing.Processor] = [
        _add_cause,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _tell_each_failure_once,
        structlog.processors.format_exc_info,
    ]
    processors = [structlog.contextvars.merge_contextvars, *common, render]

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
    others = logging.StreamHandler(cast(TextIO, stream))
    others.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
            foreign_pre_chain=[_name_library, *common],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[others], force=True)
    logging.captureWarnings(True)


def log_is_json() -> bool:
    """Whether the log is; before it was configured: whether it is to be, as far as the environment says."""
    if _State.is_json is None:
        if os.environ.get("SEOGA_LOG_FORMAT") != "json":
            return False
        configure_logs(level="error", format="json")
    return bool(_State.is_json)


def log_what_escapes() -> None:
    """From now on what no code catches, in whichever thread, is a line of the log and no bare traceback."""
    log = get_log("python")

    def ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.error("ended by a fault", action="python.ended", exc_info=(kind, error, trace))

    def thread_ended(told: threading.ExceptHookArgs) -> None:
        if told.exc_value is not None and not isinstance(told.exc_value, SystemExit):
            name = told.thread.name if told.thread else None
            log.error("a thread ended by a fault", action="python.thread_ended", thread=name, exc_info=told.exc_value)

    def not_raised(told: "sys.UnraisableHookArgs") -> None:
        log.error(
            "a fault that nothing can catch",
            action="python.unraisable",
            reason=told.err_msg or "",
            exc_info=told.exc_value or True,
        )

    sys.excepthook = ended
    threading.excepthook = thread_ended
    sys.unraisablehook = not_raised


def _name_library(logger: WrappedLogger, __: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if record is not None:
        event["module"] = record.name
    if getattr(record, "name", "") == "py.warnings":
        # The place, the words, and the line of source, each on a line of its own.
        event["event"] = " ".join(str(event["event"]).split())
    return event


def _tell_each_failure_once(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Of a failure that passes several places which tell of it, the first one's line has the traceback."""
    given = event.get("exc_info")
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if not isinstance(error, BaseException):
        return event
    if getattr(error, _TOLD, False):
        del event["exc_info"]
        event.setdefault("reason", f"{type(error).__name__}: {error}")
    else:
        with suppress(AttributeError, TypeError):
            setattr(error, _TOLD, True)
    return event


def get_log(module: str) -> Log:
    """A logger whose lines say which module wrote them; give each line an `action=`."""
    log: Log = structlog.get_logger(module=module)
    return log
