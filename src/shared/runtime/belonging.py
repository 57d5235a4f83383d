"""Whether what is kept here belongs together: without that proof nothing is deleted because a record of it is missing.

A store that is new, or another's, or put back from an old copy knows little of what lies beside it. Each part carries a
mark (shared/ports/belonging.py); they are compared at the start and before every collection. Where they do not fit,
everything works but the deleting, health says so, and an operator puts the right part back or says that what lies here
belongs together (`adopt`).
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from shared.kernel import Unavailable, new_id
from shared.ports.belonging import Mark, Marked
from shared.ports.health import ComponentHealth
from shared.telemetry import Metrics, get_log

BLOBS: Final = "blobs"
INDEX: Final = "index"
"""Names of parts whose content others account for."""
_REMEDY: Final = "Put the right one back and restart, or run `seoga adopt` if what lies here belongs together."
_log = get_log("main")


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is kept, under a name that people know."""

    name: str
    mark: Marked
    accounts_for: tuple[str, ...] = ()
    """The parts whose content nobody but this one can tell from garbage."""


@dataclass(frozen=True, slots=True)
class SeenPart:
    """A part and what was found of it."""

    part: Part
    mark: Mark | None
    is_empty: bool


class Belonging:
    """Compares the marks of an installation's parts."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._parts: Sequence[Part] = ()
        self._is_settled = False
        self._objections: Mapping[str, str] = {}
        """By the name of the part that must not lose anything."""

    async def settle(self, parts: Sequence[Part]) -> None:
        """At the start, when the parts are open: marks what is new and compares. Raises Unavailable."""
        self._parts = parts
        seen = await self.look()
        # A marking that was broken off begins again.
        known = {one.mark.installation for one in seen if one.mark is not None and one.mark.is_settled}
        if len(known) <= 1:
            await self._mark_what_may_be(seen, known)
        self._is_settled = True
        for name, objection in (await self._compare(await self.look())).items():
            _log.error("nothing is deleted", action="installation.not_whole", part=name, reason=objection)

    async def keep_trying(self, parts: Sequence[Part], *, again_seconds: float = 2.0) -> None:
        """Until they could be compared."""
        while not self._is_settled:
            await asyncio.sleep(again_seconds)
            with contextlib.suppress(Unavailable):
                await self.settle(parts)

    async def objection(self, name: str) -> str | None:
        """Why nothing may go from this part for lack of a record; None when all is well. Asks the parts anew.

        Raises Unavailable, also before `settle`.
        """
        if not self._is_settled:
            raise Unavailable("What is kept here was not compared yet.")
        return (await self._compare(await self.look())).get(name)

    async def count_collection(self, name: str) -> None:
        """One is about to go through this part: from now on an older record of it is known as that."""
        content = self._part(name)
        for part in self._parts:
            # The records first: a crash in between leaves them ahead, which is harmless.
            if name in part.accounts_for:
                mark = await part.mark.read()
                if mark is not None and content is not None and (other := await content.mark.read()) is not None:
                    number = max(mark.collections, other.collections) + 1
                    await part.mark.write(replace(mark, collections=number))
                    await content.mark.write(replace(other, collections=number))

    async def look(self) -> Sequence[SeenPart]:
        """Every part as it is now. Raises Unavailable."""
        return [SeenPart(part, await part.mark.read(), await part.mark.is_empty()) for part in self._parts]

    async def problems(self) -> Sequence[str]:
        """What does not fit, in words. Raises Unavailable."""
        return sorted(set((await self._compare(await self.look())).values()))

    async def adopt(self) -> None:
        """What lies here belongs together: all parts are marked as those that keep the records are."""
        seen = sorted(await self.look(), key=lambda one: (not one.part.accounts_for, one.mark is None))
        marks = [one.mark for one in seen if one.mark is not None]
        installation = marks[0].installation if marks else new_id()
        mark = Mark(installation, max((one.collections for one in marks), default=0))
        for one in seen:
            await one.part.mark.write(mark)
        _log.warning("what lies here was adopted", action="installation.adopted", installation=installation)
        await self._compare(await self.look())

    async def check(self) -> ComponentHealth:
        """For health: as found last. Without the originals' proof the server is not ready, though it reads on."""
        if not self._is_settled:
            raise Unavailable("What is kept here was not compared yet.")
        if self._objections:
            await self._compare(await self.look())
        if not self._objections:
            return ComponentHealth(ready=True, detail="everything that is kept here belongs together")
        detail = " ".join(sorted(set(self._objections.values())))
        return ComponentHealth(ready=False, detail=f"{detail} {_REMEDY}", required=BLOBS in self._objections)

    def _part(self, name: str) -> Part | None:
        return next((part for part in self._parts if part.name == name), None)

    async def _mark_what_may_be(self, seen: Sequence[SeenPart], known: set[str]) -> None:
        """Not what has content of unknown origin beside known parts, nor empty records beside their content."""
        with_content = {one.part.name for one in seen if not one.is_empty}

        def may_be(one: SeenPart) -> bool:
            if one.mark is not None:
                return not one.mark.is_settled and known <= {one.mark.installation}
            return not (with_content.intersection(one.part.accounts_for) if one.is_empty else known)

        allowed = [one.part for one in seen if may_be(one)]
        # Who keeps records comes first and lets one of several processes pass, whose mark the others take.
        allowed.sort(key=lambda part: not part.accounts_for)
        mark = Mark(next(iter(known)) if known else new_id(), is_settled=bool(known))
        for part in allowed:
            mark = await part.mark.claim(mark)
        for part in allowed:
            await part.mark.write(replace(mark, is_settled=True))

    async def _compare(self, seen: Sequence[SeenPart]) -> Mapping[str, str]:
        objections: dict[str, str] = {}
        by_name = {one.part.name: one for one in seen}
        for records in seen:
            for name in records.part.accounts_for:
                if (content := by_name.get(name)) is not None and (words := _objection(records, content)):
                    objections[name] = words
        marks = [(one.part, one.mark.installation) for one in seen if one.mark is not None]
        first = min(marks, key=lambda one: not one[0].accounts_for, default=None)
        for part, installation in marks:
            if first is not None and installation != first[1] and not part.accounts_for:
                words = f"{part.name} is of another installation than {first[0].name}."
                objections.setdefault(part.name, words)
        self._objections = objections
        self._metrics.gauge("installation_parts_unproven", len(objections))
        return objections


def _objection(records: SeenPart, content: SeenPart) -> str | None:
    names = f"{records.part.name} and {content.part.name}"
    if records.mark is None or content.mark is None:
        missing = " and ".join(one.part.name for one in (records, content) if one.mark is None)
        return f"It is not known whether {names} belong together (no mark in {missing}): nothing is deleted there."
    if records.mark.installation != content.mark.installation:
        return (
            f"{names} are of two installations ({records.mark.installation[:8]}, {content.mark.installation[:8]}): "
            "nothing is deleted there."
        )
    if records.mark.collections < content.mark.collections:
        return (
            f"{records.part.name} is older than {content.part.name} (put back from a copy?), and cannot know "
            "everything that lies there: nothing is deleted there."
        )
    return None
