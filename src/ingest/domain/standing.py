"""How far a document's present content has come: what was heard of it, and the status that follows.

What is heard only ever adds up (or, for one dead letter, flips), so that events which come twice or in
another order lead to the same standing.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from shared.vocabulary import INDEX, PROCESS, SEARCH, STAGES

Status = Literal["received", "processing", "searchable", "failed", "withdrawn"]
FINAL: Final[frozenset[Status]] = frozenset(("searchable", "failed", "withdrawn"))
_MOST_WARNINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a document failed, in words a person understands."""

    stage: str
    code: str
    reason: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter about the present content; no longer `buried` once it was replayed."""

    id: str
    group: str
    reason: str
    buried: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Immutable; each verb answers with the standing after it, which is itself where nothing changed."""

    content_version: int
    """The version of the last change that needed work; only events of this version count."""
    withdrawn_version: int | None = None
    removed: bool = False
    """Search has nothing of it any more."""
    stages_done: int = 0
    is_processed: bool = False
    stages_total: int = len(STAGES)
    failure: Failure | None = None
    letters: tuple[Letter, ...] = ()
    warnings: tuple[str, ...] = ()
    language: str | None = None
    chunks_artefact: str | None = None
    """Of the newest version that was processed, which may be older than the present one."""
    chunks_revision: int | None = None
    indexed_version: int = 0
    searchable_revision: int | None = None
    """What search serves now."""
    searchable_at: datetime | None = None

    @property
    def status(self) -> Status:
        """The newest content's; search may still serve an older one (`searchable_revision`)."""
        if self.withdrawn_version is not None:
            return "withdrawn"
        if self.indexed_version >= self.content_version:
            return "searchable"
        if self.problem is not None:
            return "failed"
        if self.stages_done or self.is_processed or self.letters:
            return "processing"
        return "received"

    @property
    def done(self) -> int:
        """How many of `stages_total` are done."""
        if self.indexed_version >= self.content_version:
            return self.stages_total
        return self.stages_total - 1 if self.is_processed else self.stages_done

    @property
    def stage(self) -> str | None:
        """What is being done now, or where it failed; None before and after."""
        if self.status == "failed":
            problem = self.problem
            return problem.stage if problem else None
        return self._present_stage() if self.status == "processing" else None

    @property
    def problem(self) -> Failure | None:
        """Why the present content failed, unless it is searchable all the same."""
        if self.indexed_version >= self.content_version:
            return None
        if self.failure is not None:
            return self.failure
        letter = next((letter for letter in self.letters if letter.buried), None)
        if letter is None:
            return None
        stage = {PROCESS: self._present_stage(), SEARCH: INDEX}.get(letter.group, letter.group)
        reason = f"{letter.reason} (dead letter {letter.id}; it can be replayed)"
        return Failure(stage=stage, code="dead_letter", reason=reason, retryable=True)

    def restarted(self, content_version: int) -> "Standing":
        """New content, or the same once more: nothing is heard yet, and search serves what it served."""
        return replace(
            self,
            content_version=content_version,
            stages_done=0,
            is_processed=False,
            stages_total=len(STAGES),
            failure=None,
            letters=(),
            warnings=(),
        )

    def withdrawn(self, version: int) -> "Standing":
        """Final, whatever comes late."""
        return self if self.withdrawn_version is not None else replace(self, withdrawn_version=version)

    def stage_finished(self, version: int, *, done: int, total: int) -> "Standing":
        """`done` of `total` stages of Process; indexing is one more."""
        if not self._counts(version):
            return self
        return replace(self, stages_done=max(done, self.stages_done), stages_total=total + 1)

    def processed(
        self, version: int, *, revision: int, language: str | None, warnings: tuple[str, ...], chunks_artefact: str
    ) -> "Standing":
        """Everything but the index is done."""
        if not self._counts(version):
            return self
        return replace(
            self,
            is_processed=True,
            language=language,
            warnings=warnings[:_MOST_WARNINGS],
            chunks_artefact=chunks_artefact,
            chunks_revision=revision,
        )

    def failed(self, version: int, failure: Failure) -> "Standing":
        """It cannot be processed; the revision that search serves stays."""
        return replace(self, failure=failure) if self._counts(version) else self

    def indexed(self, version: int, *, revision: int, at: datetime) -> "Standing":
        """Search serves this version now. An older one than the present counts for that too."""
        if self.withdrawn_version is not None or version <= self.indexed_version or version > self.content_version:
            return self
        return replace(self, indexed_version=version, searchable_revision=revision, searchable_at=at)

    def gone(self, version: int) -> "Standing":
        """Search has removed it, at the version of its withdrawal or later."""
        if self.withdrawn_version is None or version < self.withdrawn_version:
            return self
        return replace(self, removed=True, searchable_revision=None)

    def with_letter(self, version: int, letter: Letter) -> "Standing":
        """Work on it was put aside as a dead letter, or the letter is being tried again."""
        if not self._counts(version):
            return self
        others = tuple(known for known in self.letters if known.id != letter.id)
        return replace(self, letters=tuple(sorted((*others, letter), key=lambda known: known.id)))

    def _counts(self, version: int) -> bool:
        return self.withdrawn_version is None and version == self.content_version

    def _present_stage(self) -> str:
        return STAGES[-1] if self.is_processed else STAGES[min(self.stages_done, len(STAGES) - 1)]
