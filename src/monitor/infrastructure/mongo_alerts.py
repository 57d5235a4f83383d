"""Rules, silences and alerts in MongoDB, as JSON beside what is asked for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from typing_extensions import override

from monitor.application.alert_ports import AlertPlace, AlertRepository
from monitor.domain.alert import Alert, AlertState
from monitor.domain.rule import AlertRule
from monitor.domain.silence import Silence
from monitor.infrastructure.watch_rows import ALERTS, RULES, SILENCES, instant
from shared.infrastructure.mongo.database import Duplicate, Insert, MongoDatabase, Update
from shared.infrastructure.mongo.queries import Given, Index, Query, Row

REVISIONS: Final = "monitor_revision"
RULE_ROWS: Final = "monitor_rules"
SILENCE_ROWS: Final = "monitor_silences"
ALERT_ROWS: Final = "monitor_alerts"
INDEXES: Final = (
    Index(RULE_ROWS, (("name", 1),), unique=True),
    Index(ALERT_ROWS, (("since", -1), ("_id", -1))),
    Index(ALERT_ROWS, (("state", 1), ("since", -1), ("_id", -1))),
    Index(ALERT_ROWS, (("unfinished", 1), ("since", 1), ("_id", 1))),
    Index(ALERT_ROWS, (("state", 1), ("unfinished", 1), ("changed_at", 1))),
    Index(ALERT_ROWS, (("changed_at", -1),)),
)
REVISION: Final = Query(REVISIONS, {"_id": "revision"})
ALL_RULES: Final = Query(RULE_ROWS, {}, sort=(("name", 1),), scans="as many as an operator made, all are asked for")
RULE: Final = Query(RULE_ROWS, {"_id": Given("id")})
RULE_BEFORE: Final = Query(RULE_ROWS, {"_id": Given("id"), "revision": Given("revision")})
ALL_SILENCES: Final = Query(SILENCE_ROWS, {}, scans="as many as an operator made, all are asked for")
SILENCE: Final = Query(SILENCE_ROWS, {"_id": Given("id")})
ALERT: Final = Query(ALERT_ROWS, {"_id": Given("id")})
ALERTS_NAMED: Final = Query(ALERT_ROWS, {"_id": {"$in": Given("ids")}}, sample={"ids": ["a"]})
ALERT_BEFORE: Final = Query(ALERT_ROWS, {"_id": Given("id"), "version": Given("version")})
UNFINISHED: Final = Query(ALERT_ROWS, {"unfinished": True}, sort=(("since", 1), ("_id", 1)))
ALL_ALERTS: Final = Query(ALERT_ROWS, {"since": {"$lte": Given("since")}}, sort=(("since", -1), ("_id", -1)))
OF_STATE: Final = Query(
    ALERT_ROWS, {"state": Given("state"), "since": {"$lte": Given("since")}}, sort=(("since", -1), ("_id", -1))
)
CHANGED: Final = Query(ALERT_ROWS, {"changed_at": {"$gte": Given("since")}}, sort=(("changed_at", -1),))
OVER: Final = Query(
    ALERT_ROWS,
    {"state": "resolved", "unfinished": False, "changed_at": {"$lt": Given("before")}},
    sort=(("changed_at", 1),),
)
_LAST: Final = AlertPlace("9999", "")


class MongoAlerts(AlertRepository):
    """The revision rises after what it tells of is there: who sees the one sees the other."""

    def __init__(self, database: MongoDatabase) -> None:
        database.declare(*INDEXES)
        self._revisions = database.collection(REVISIONS)
        self._rules = database.collection(RULE_ROWS)
        self._silences = database.collection(SILENCE_ROWS)
        self._alerts = database.collection(ALERT_ROWS)

    @override
    async def revision(self) -> int:
        row = await self._revisions.find_one(REVISION)
        return int(row["value"]) if row else 0

    @override
    async def rules(self) -> Sequence[AlertRule]:
        return [RULES.validate_json(row["body"]) for row in await self._rules.find(ALL_RULES)]

    @override
    async def add_rule(self, rule: AlertRule) -> bool:
        try:
            await self._rules.insert({"_id": rule.id, **_rule_row(rule)})
        except Duplicate:
            return False
        return await self._raised()

    @override
    async def replace_rule(self, rule: AlertRule) -> bool:
        try:
            done = await self._rules.update(
                RULE_BEFORE, {"$set": _rule_row(rule)}, id=rule.id, revision=rule.revision - 1
            )
        except Duplicate:
            return False
        return done and await self._raised()

    @override
    async def remove_rule(self, rule_id: str) -> bool:
        return bool(await self._rules.delete(RULE, id=rule_id)) and await self._raised()

    @override
    async def silences(self) -> Sequence[Silence]:
        found = [SILENCES.validate_json(row["body"]) for row in await self._silences.find(ALL_SILENCES)]
        return sorted(found, key=lambda one: (one.starts_at, one.id))

    @override
    async def add_silence(self, silence: Silence) -> None:
        await self._silences.insert({"_id": silence.id, "body": SILENCES.dump_json(silence).decode()})
        await self._raised()

    @override
    async def remove_silence(self, silence_id: str) -> bool:
        return bool(await self._silences.delete(SILENCE, id=silence_id)) and await self._raised()

    @override
    async def save(self, alerts: Sequence[Alert]) -> Sequence[bool]:
        if not alerts:
            return []
        return await self._alerts.write_each([_saving(alert) for alert in alerts])

    @override
    async def change(self, alert: Alert) -> bool:
        (done,) = await self.save([alert])
        return done and await self._raised()

    @override
    async def alert(self, alert_id: str) -> Alert | None:
        row = await self._alerts.find_one(ALERT, id=alert_id)
        return None if row is None else ALERTS.validate_json(row["body"])

    @override
    async def open_alerts(self) -> Sequence[Alert]:
        return [ALERTS.validate_json(row["body"]) for row in await self._alerts.find(UNFINISHED)]

    @override
    async def alerts(
        self, state: AlertState | None, after: AlertPlace | None, limit: int
    ) -> tuple[Sequence[Alert], AlertPlace | None]:
        place = after or _LAST
        also = {"$or": [{"since": {"$lt": place.since}}, {"_id": {"$lt": place.id}}]}
        if state is None:
            rows = await self._alerts.find(ALL_ALERTS, limit=limit + 1, also=also, since=place.since)
        else:
            rows = await self._alerts.find(OF_STATE, limit=limit + 1, also=also, state=state.value, since=place.since)
        items = [ALERTS.validate_json(row["body"]) for row in rows[:limit]]
        return items, AlertPlace(instant(items[-1].since), items[-1].id) if len(rows) > limit else None

    @override
    async def changed_since(self, since: datetime, limit: int) -> Sequence[Alert]:
        rows = await self._alerts.find(CHANGED, limit=limit, since=instant(since))
        return [ALERTS.validate_json(row["body"]) for row in rows]

    @override
    async def forget(self, before: datetime, limit: int) -> int:
        rows = await self._alerts.find(OVER, limit=limit, fields={"_id": 1}, before=instant(before))
        return await self._alerts.delete(ALERTS_NAMED, many=True, ids=[row["_id"] for row in rows]) if rows else 0

    async def _raised(self) -> bool:
        await self._revisions.take(REVISION, {"$inc": {"value": 1}}, upsert=True)
        return True


def _rule_row(rule: AlertRule) -> Row:
    return {"name": rule.name, "revision": rule.revision, "body": RULES.dump_json(rule).decode()}


def _saving(alert: Alert) -> Insert | Update:
    row: Row = {
        "version": alert.version,
        "state": alert.state.value,
        "unfinished": alert.state.is_open or not alert.is_announced,
        "since": instant(alert.since),
        "changed_at": instant(alert.changed_at),
        "body": ALERTS.dump_json(alert).decode(),
    }
    if alert.version == 1:
        return Insert({"_id": alert.id, **row})
    return Update(ALERT_BEFORE, {"$set": row}, {"id": alert.id, "version": alert.version - 1})
