"""What routes tell the audit log, once it is done; and how long that keeps it."""

import asyncio
from datetime import timedelta
from typing import Final

from typing_extensions import override

from shared.events.envelope import current_cause
from shared.kernel import Clock, DomainError, new_id, utc_now
from shared.ports.audit import AuditAction, AuditEntry, AuditLog, audit_id
from shared.runtime.background import Background
from shared.telemetry import get_log
from shared.web.keys_file import Principal

_BATCH: Final = 500
_log = get_log("audit")


class AuditTrail(Background):
    """An async context manager: while it is open, what is older than `retention_seconds` goes."""

    def __init__(
        self,
        log: AuditLog | None,
        *,
        retention_seconds: float = 0.0,
        every_seconds: float = 3600.0,
        first_seconds: float = 60.0,
        clock: Clock = utc_now,
    ) -> None:
        """Without a log (a process that keeps nothing) each entry is a line of the log of the server instead.

        `retention_seconds` 0 keeps all for ever.
        """
        self._log = log
        self._retention_seconds = retention_seconds
        self._every_seconds = every_seconds
        self._first_seconds = first_seconds
        self._clock = clock

    async def record(
        self,
        principal: Principal,
        action: AuditAction,
        subject: str,
        *,
        detail: str = "",
        collection: str | None = None,
        count: int = 1,
    ) -> None:
        """Kept when it returns. What was done stands, so that an entry which cannot be kept is told as an error."""
        cause, at = current_cause(), self._clock()
        entry = AuditEntry(
            id=audit_id(at, new_id()),
            at=at,
            key_name=principal.name,
            action=action,
            subject=subject,
            detail=detail,
            collection=collection,
            count=count,
            correlation_id=None if cause is None else cause.correlation_id,
        )
        if self._log is None:
            _log.info("done", action="audit.done", **_told(entry))
            return
        try:
            await self._log.append(entry)
        except DomainError as error:
            _log.error(
                "done, and the audit log could not keep it", action="audit.lost", reason=error.detail, **_told(entry)
            )

    async def forget(self) -> int:
        """How many went, in batches. Raises Unavailable."""
        total = 0
        if self._log is not None and self._retention_seconds:
            before = self._clock() - timedelta(seconds=self._retention_seconds)
            while count := await self._log.forget(before, _BATCH):
                total += count
        return total

    @override
    async def run(self) -> None:
        await asyncio.sleep(self._first_seconds)
        while True:
            try:
                if count := await self.forget():
                    _log.info("old audit entries were forgotten", action="audit.forgotten", count=count)
            except DomainError as error:
                _log.debug("old audit entries stay for now", action="audit.forgotten", reason=error.detail)
            except Exception as error:
                _log.error("old audit entries could not be forgotten", action="audit.forgotten", exc_info=error)
            await asyncio.sleep(self._every_seconds)


def _told(entry: AuditEntry) -> dict[str, object]:
    return {
        "done": entry.action,
        "key_name": entry.key_name,
        "subject": entry.subject,
        "detail": entry.detail,
        "collection": entry.collection,
        "count": entry.count,
    }
