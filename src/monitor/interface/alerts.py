"""Routes of metrics, rules, alerts and silences."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from monitor.application.alert_ports import AlertPlace
from monitor.application.alert_rules import AlertRules
from monitor.application.series import MetricHistory
from monitor.domain.metric import labels_of
from monitor.domain.silence import Silence
from monitor.interface.alert_shapes import (
    AlertBody,
    AlertListBody,
    AlertListQuery,
    HistoryBody,
    HistoryQuery,
    MetricBody,
    MetricListBody,
    NewSilence,
    RuleBody,
    RuleFields,
    RuleListBody,
    SilenceBody,
    SilenceListBody,
    alert_body,
    history_body,
    rule_body,
    silence_body,
)
from shared.kernel import utc_now
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.cursors import read_cursor, write_cursor
from shared.web.routes import Routes

_Id = Annotated[str, Path(description="Its `id`.", max_length=100)]
_Name = Annotated[str, Path(description="The metric's name.", max_length=120)]
_PATH = "/api/v1/monitor"


def build_alert_router(rules: AlertRules, metrics: MetricHistory, access: Access) -> APIRouter:
    """Full paths. All of it is of the whole installation: who reads may see, who administers may change."""
    router = Routes(tags=["monitor"])
    reader = Annotated[Principal, Depends(access.observer)]
    admin = Annotated[Principal, Depends(access.operator)]

    @router.get(_PATH + "/metrics", responses=problems.responses(401, 403, 503))
    async def list_metrics(_: reader) -> MetricListBody:
        """Everything that was measured, with its unit."""
        items = [MetricBody(name=name, help=text, unit=unit) for name, text, unit in await metrics.names()]
        return MetricListBody(items=items, total=len(items))

    @router.get(_PATH + "/metrics/{name}", responses=problems.responses(401, 403, 404, 422, 503))
    async def metric_history(_: reader, name: _Name, query: Annotated[HistoryQuery, Query()]) -> HistoryBody:
        """One metric over time: a series for each set of labels."""
        labels = labels_of(dict(one.split("=", 1) for one in query.label))
        return history_body(await metrics.history(name, labels, query.start, query.end, query.step))

    @router.get(_PATH + "/rules", responses=problems.responses(401, 403, 503))
    async def list_rules(_: reader) -> RuleListBody:
        """All of them, by name."""
        found = await rules.rules()
        return RuleListBody(items=[rule_body(rule) for rule in found], total=len(found))

    @router.post(_PATH + "/rules", status_code=201, responses=problems.responses(401, 403, 409, 422, 503))
    async def create_rule(_: admin, wanted: RuleFields) -> RuleBody:
        """A new one; it holds within a second, in every process."""
        return rule_body(await rules.create(wanted.rule()))

    @router.get(_PATH + "/rules/{rule_id}", responses=problems.responses(401, 403, 404, 422, 503))
    async def get_rule(_: reader, rule_id: _Id) -> RuleBody:
        """One rule."""
        return rule_body(await rules.rule(rule_id))

    @router.put(_PATH + "/rules/{rule_id}", responses=problems.responses(401, 403, 404, 409, 422, 503))
    async def change_rule(_: admin, rule_id: _Id, wanted: RuleFields) -> RuleBody:
        """All of it anew; what is left out has its default."""
        return rule_body(await rules.change(rule_id, wanted.rule()))

    @router.delete(
        _PATH + "/rules/{rule_id}", status_code=204, responses=problems.responses(401, 403, 404, 409, 422, 503)
    )
    async def delete_rule(_: admin, rule_id: _Id) -> Response:
        """It is gone, and its alerts end. Ready-made ones are switched off instead."""
        await rules.remove(rule_id)
        return Response(status_code=204)

    @router.get(_PATH + "/alerts", responses=problems.responses(400, 401, 403, 422, 503))
    async def list_alerts(_: reader, query: Annotated[AlertListQuery, Query()]) -> AlertListBody:
        """Newest first; those that are over for 90 days."""
        scope, after = f"alerts:{query.state}", None
        if query.cursor is not None:
            after = AlertPlace(*read_cursor(query.cursor, scope, tuple[str, str]))
        items, place = await rules.alerts(query.state, after, query.limit)
        return AlertListBody(
            items=[alert_body(alert) for alert in items],
            next_cursor=write_cursor(scope, place.since, place.id) if place else None,
        )

    @router.post(_PATH + "/alerts/{alert_id}/acknowledge", responses=problems.responses(401, 403, 404, 409, 422, 503))
    async def acknowledge_alert(
        _: admin,
        alert_id: _Id,
        by: Annotated[str, Query(max_length=100, description="Who knows, for others to see.")] = "",
    ) -> AlertBody:
        """Somebody knows: it is not told again until it is over."""
        return alert_body(await rules.acknowledge(alert_id, by))

    @router.post(_PATH + "/alerts/{alert_id}/resolve", responses=problems.responses(401, 403, 404, 409, 422, 503))
    async def resolve_alert(_: admin, alert_id: _Id) -> AlertBody:
        """It is over; if it still holds, it begins again."""
        return alert_body(await rules.resolve(alert_id))

    @router.get(_PATH + "/silences", responses=problems.responses(401, 403, 503))
    async def list_silences(_: reader) -> SilenceListBody:
        """Those that hold, or will."""
        found = await rules.silences()
        return SilenceListBody(items=[silence_body(silence) for silence in found], total=len(found))

    @router.post(_PATH + "/silences", status_code=201, responses=problems.responses(401, 403, 422, 503))
    async def create_silence(_: admin, wanted: NewSilence) -> SilenceBody:
        """Alerts that it covers still show, and nobody is told."""
        silence = Silence(
            id="",
            starts_at=wanted.starts_at or utc_now(),
            ends_at=wanted.ends_at,
            rule=wanted.rule,
            labels=labels_of(wanted.labels),
            every_seconds=wanted.every_seconds,
            comment=wanted.comment,
            created_by=wanted.created_by,
        )
        return silence_body(await rules.silence(silence))

    @router.delete(
        _PATH + "/silences/{silence_id}", status_code=204, responses=problems.responses(401, 403, 404, 422, 503)
    )
    async def delete_silence(_: admin, silence_id: _Id) -> Response:
        """It ends now."""
        await rules.end_silence(silence_id)
        return Response(status_code=204)

    return router
