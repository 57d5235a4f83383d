"""Rules, silences and alerts in Monitor's SQLite file, as JSON beside what is asked for."""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from typing_extensions import override

from monitor.application.alert_ports import AlertPlace, AlertRepository
from monitor.domain.alert import Alert, AlertState
from monitor.domain.rule import AlertRule
from monitor.domain.silence import Silence
from monitor.infrastructure.watch_rows import ALERTS, RULES, SILENCES, instant
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema

SCHEMA: Final = Schema(
    """
CREATE TABLE IF NOT EXISTS watch_revision (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL);
INSERT OR IGNORE INTO watch_revision VALUES (1, 0);
CREATE TABLE IF NOT EXISTS alert_rules (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS silences (id TEXT PRIMARY KEY, starts_at TEXT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alerts (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    unfinished INTEGER NOT NULL,
    since TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alerts_unfinished ON alerts (unfinished, since, id) WHERE unfinished = 1;
CREATE INDEX IF NOT EXISTS alerts_by_since ON alerts (since, id);
CREATE INDEX IF NOT EXISTS alerts_by_state ON alerts (state, since, id);
CREATE INDEX IF NOT EXISTS alerts_by_change ON alerts (changed_at);
CREATE INDEX IF NOT EXISTS alerts_over ON alerts (state, changed_at) WHERE state = 'resolved';
"""
)
_LAST: Final = AlertPlace("9999", "")


class SqliteAlerts(AlertRepository):
    """AlertRepository in `database`, whose schema must contain SCHEMA."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    @override
    async def revision(self) -> int:
        row = await self._database.read_kept(
            "watch_revision",
            lambda connection: connection.execute("SELECT revision FROM watch_revision WHERE id = 1").fetchone(),
        )
        return int(row["revision"])

    @override
    async def rules(self) -> Sequence[AlertRule]:
        rows = await self._database.read(
            lambda connection: connection.execute("SELECT body FROM alert_rules ORDER BY name").fetchall()
        )
        return [RULES.validate_json(row["body"]) for row in rows]

    @override
    async def add_rule(self, rule: AlertRule) -> bool:
        return await self._changed(
            lambda connection: connection.execute(
                "INSERT INTO alert_rules (id, name, revision, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (rule.id, rule.name, rule.revision, RULES.dump_json(rule).decode()),
            )
        )

    @override
    async def replace_rule(self, rule: AlertRule) -> bool:
        return await self._changed(
            lambda connection: connection.execute(
                "UPDATE OR IGNORE alert_rules SET name = ?, revision = ?, body = ? WHERE id = ? AND revision = ?",
                (rule.name, rule.revision, RULES.dump_json(rule).decode(), rule.id, rule.revision - 1),
            )
        )

    @override
    async def remove_rule(self, rule_id: str) -> bool:
        return await self._changed(
            lambda connection: connection.execute("DELETE FROM alert_rules WHERE id = ?", (rule_id,))
        )

    @override
    async def silences(self) -> Sequence[Silence]:
        rows = await self._database.read(lambda connection: connection.execute("SELECT body FROM silences").fetchall())
        return sorted((SILENCES.validate_json(row["body"]) for row in rows), key=lambda one: (one.starts_at, one.id))

    @override
    async def add_silence(self, silence: Silence) -> None:
        row = (silence.id, instant(silence.starts_at), SILENCES.dump_json(silence).decode())
        await self._changed(
            lambda connection: connection.execute("INSERT INTO silences (id, starts_at, body) VALUES (?, ?, ?)", row)
        )

    @override
    async def remove_silence(self, silence_id: str) -> bool:
        return await self._changed(
            lambda connection: connection.execute("DELETE FROM silences WHERE id = ?", (silence_id,))
        )

    @override
    async def save(self, alerts: Sequence[Alert]) -> Sequence[bool]:
        if not alerts:
            return []
        return await self._database.write(lambda connection: [_save(connection, alert) for alert in alerts])

    @override
    async def change(self, alert: Alert) -> bool:
        def write(connection: sqlite3.Connection) -> bool:
            return _save(connection, alert) and bool(_raise_revision(connection))

        return await self._database.write(write)

    @override
    async def alert(self, alert_id: str) -> Alert | None:
        row = await self._database.read(
            lambda connection: connection.execute("SELECT body FROM alerts WHERE id = ?", (alert_id,)).fetchone()
        )
        return None if row is None else ALERTS.validate_json(row["body"])

    @override
    async def open_alerts(self) -> Sequence[Alert]:
        return await self._alerts("SELECT body FROM alerts WHERE unfinished = 1 ORDER BY since, id")

    @override
    async def alerts(
        self, state: AlertState | None, after: AlertPlace | None, limit: int
    ) -> tuple[Sequence[Alert], AlertPlace | None]:
        place = after or _LAST
        if state is None:
            sql = "SELECT body FROM alerts WHERE (since, id) < (?, ?) ORDER BY since DESC, id DESC LIMIT ?"
            found = await self._alerts(sql, place.since, place.id, limit + 1)
        else:
            sql = "SELECT body FROM alerts WHERE state = ? AND (since, id) < (?, ?)"
            sql += " ORDER BY since DESC, id DESC LIMIT ?"
            found = await self._alerts(sql, state.value, place.since, place.id, limit + 1)
        items = found[:limit]
        return items, AlertPlace(instant(items[-1].since), items[-1].id) if len(found) > limit else None

    @override
    async def changed_since(self, since: datetime, limit: int) -> Sequence[Alert]:
        sql = "SELECT body FROM alerts WHERE changed_at >= ? ORDER BY changed_at DESC LIMIT ?"
        return await self._alerts(sql, instant(since), limit)

    @override
    async def forget(self, before: datetime, limit: int) -> int:
        def write(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE state = 'resolved' AND changed_at < ?"
                " AND unfinished = 0 ORDER BY changed_at LIMIT ?)",
                (instant(before), limit),
            ).rowcount

        return await self._database.write(write)

    async def _alerts(self, sql: str, *given: object) -> list[Alert]:
        # Made on the reading thread: ten thousand at once would hold up the event loop for as long as they take.
        return await self._database.read(
            lambda connection: [ALERTS.validate_json(row["body"]) for row in connection.execute(sql, given)]
        )

    async def _changed(self, change: Callable[[sqlite3.Connection], sqlite3.Cursor]) -> bool:
        def write(connection: sqlite3.Connection) -> bool:
            return bool(change(connection).rowcount) and bool(_raise_revision(connection))

        return await self._database.write(write)


def _raise_revision(connection: sqlite3.Connection) -> int:
    return connection.execute("UPDATE watch_revision SET revision = revision + 1 WHERE id = 1").rowcount


def _save(connection: sqlite3.Connection, alert: Alert) -> bool:
    row = {
        "id": alert.id,
        "version": alert.version,
        "before": alert.version - 1,
        "state": alert.state.value,
        "unfinished": int(alert.state.is_open or not alert.is_announced),
        "since": instant(alert.since),
        "changed_at": instant(alert.changed_at),
        "body": ALERTS.dump_json(alert).decode(),
    }
    if alert.version == 1:
        sql = "INSERT INTO alerts (id, version, state, unfinished, since, changed_at, body) VALUES"
        sql += " (:id, :version, :state, :unfinished, :since, :changed_at, :body) ON CONFLICT DO NOTHING"
    else:
        sql = "UPDATE alerts SET version = :version, state = :state, unfinished = :unfinished, since = :since,"
        sql += " changed_at = :changed_at, body = :body WHERE id = :id AND version = :before"
    return connection.execute(sql, row).rowcount == 1
