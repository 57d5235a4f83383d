"""What people do with rules, silences and alerts."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from monitor.application.alert_ports import AlertPlace, AlertRepository
from monitor.application.evaluation import seed
from monitor.application.health import Health
from monitor.domain.alert import Alert, AlertState, acknowledged, resolved
from monitor.domain.rule import AlertRule, must_fit, rule_of
from monitor.domain.silence import Silence, silence_of
from shared.kernel import Clock, Conflict, NotFound, new_id, utc_now


class AlertRules:
    """Every change is heard at once by the evaluation here (`changed`), and within a second by others."""

    def __init__(
        self,
        store: AlertRepository,
        health: Health,
        metrics: Callable[[], Collection[str]],
        changed: Callable[[], object],
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._health = health
        self._metrics = metrics
        self._changed = changed
        self._clock = clock
        self._seeded = False

    async def rules(self) -> Sequence[AlertRule]:
        """By name. Raises Unavailable."""
        if not self._seeded:
            await seed(self._store)
            self._seeded = True
        return await self._store.rules()

    async def rule(self, rule_id: str) -> AlertRule:
        """Raises NotFound, Unavailable."""
        for rule in await self.rules():
            if rule.id == rule_id:
                return rule
        raise NotFound(f"There is no rule {rule_id!r}.")

    async def create(self, rule: AlertRule) -> AlertRule:
        """A new one; its id is given here. Raises InvalidInput, Conflict, Unavailable."""
        rule = await self._checked(replace(rule, id=new_id(), built_in=False, revision=1))
        if not await self._store.add_rule(rule):
            raise _taken(rule)
        self._changed()
        return rule

    async def change(self, rule_id: str, wanted: AlertRule) -> AlertRule:
        """All of it anew. Raises NotFound, InvalidInput, Conflict, Unavailable."""
        before = await self.rule(rule_id)
        rule = replace(
            wanted,
            id=before.id,
            built_in=before.built_in,
            revision=before.revision + 1,
            advice=wanted.advice or before.advice,
        )
        rule = await self._checked(rule)
        if not await self._store.replace_rule(rule):
            raise Conflict("Somebody else changed the rule at the same time.", code="changed_meanwhile")
        self._changed()
        return rule

    async def remove(self, rule_id: str) -> None:
        """Its alerts end. Raises NotFound; Conflict for a ready-made one, which is switched off instead."""
        rule = await self.rule(rule_id)
        if rule.built_in:
            raise Conflict("A ready-made rule is switched off with `enabled: false`.", code="built_in")
        if users := [one.name for one in await self._store.rules() if rule.name in one.depends_on]:
            raise Conflict(f"Others depend on it: {', '.join(users[:3])}.", code="depended_on")
        if not await self._store.remove_rule(rule_id):
            raise NotFound(f"There is no rule {rule_id!r}.")
        self._changed()

    async def silences(self) -> Sequence[Silence]:
        """Those that hold, or will. Raises Unavailable."""
        now = self._clock()
        return [silence for silence in await self._store.silences() if not silence.is_over(now)]

    async def silence(self, silence: Silence) -> Silence:
        """A new one; its id is given here. Raises InvalidInput, Unavailable."""
        now = self._clock()
        silence = silence_of(replace(silence, id=new_id()), now)
        for old in await self._store.silences():
            if old.is_over(now):
                await self._store.remove_silence(old.id)
        await self._store.add_silence(silence)
        self._changed()
        return silence

    async def end_silence(self, silence_id: str) -> None:
        """Raises NotFound, Unavailable."""
        if not await self._store.remove_silence(silence_id):
            raise NotFound(f"There is no silence {silence_id!r}.")
        self._changed()

    async def alerts(
        self, state: AlertState | None, after: AlertPlace | None, limit: int
    ) -> tuple[Sequence[Alert], AlertPlace | None]:
        """Newest first. Raises Unavailable."""
        return await self._store.alerts(state, after, limit)

    async def acknowledge(self, alert_id: str, by: str) -> Alert:
        """Raises NotFound, Conflict for one that is over, Unavailable."""
        return await self._change_alert(alert_id, lambda alert: acknowledged(alert, by, self._clock()))

    async def resolve(self, alert_id: str) -> Alert:
        """Raises NotFound, Conflict for one that is over, Unavailable."""
        return await self._change_alert(alert_id, lambda alert: resolved(alert, self._clock()))

    async def _change_alert(self, alert_id: str, change: Callable[[Alert], Alert]) -> Alert:
        for _ in range(5):
            alert = await self._store.alert(alert_id)
            if alert is None:
                raise NotFound(f"There is no alert {alert_id!r}.")
            after = replace(change(alert), version=alert.version + 1)
            if await self._store.change(after):
                self._changed()
                return after
        raise Conflict("The alert changes too fast; try again.", code="changed_meanwhile")

    async def _checked(self, rule: AlertRule) -> AlertRule:
        rule = rule_of(rule, metrics=self._metrics())
        components = [component.name for component in (await self._health.check()).components]
        must_fit(rule, await self.rules(), components)
        return rule


def _taken(rule: AlertRule) -> Conflict:
    return Conflict(f"There is a rule of the name {rule.name!r} already.", code="name_taken")
