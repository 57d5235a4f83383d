"""How far a document's present content has come: what was heard of it, and the status that follows.

What is heard only ever adds up (or, for one dead letter, flips), so that events which come twice or in
another order lead to the same standing.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from shared.artefacts.signature import Signature
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
    chunks_done: int = 0
    """Of a large document that is being embedded."""
    chunks_total: int = 0
    pages_stage: str = ""
    """Which stage is reading, or was last, the pages of a large document."""
    pages_done: int = 0
    pages_total: int = 0
    is_processed: bool = False
    stages_total: int = len(STAGES)
    failure: Failure | None = None
    letters: tuple[Letter, ...] = ()
    warnings: tuple[str, ...] = ()
    language: str | None = None
    chunks_artefact: str | None = None
    """Of the newest version that was processed, which may be older than the present one."""
    chunks_revision: int | None = None
    text_artefact: str | None = None
    """Of the same version as the chunks; None also where an earlier Seoga processed it."""
    signature: Signature | None = None
    """Of that text, for finding near-duplicates; None also where it is too short for one."""
    indexed_version: int = 0
    searchable_revision: int | None = None
    """What search serves now."""
    searchable_at: datetime | None = None
    early_version: int = 0
    """Under which search serves the first pages of a revision, unless it has served a newer whole since."""
    early_pages: int = 0
    early_total: int = 0
    parts_version: int = 0
    """The content version whose parts (files in the file) are documents now; 0 for a document that never had any."""
    parts_warnings: tuple[str, ...] = ()
    """Which of them could not become documents."""

    @property
    def status(self) -> Status:
        """The newest content's; search may still serve an older one (`searchable_revision`)."""
        if self.withdrawn_version is not None:
            return "withdrawn"
        if self.indexed_version >= self.content_version:
            return "searchable"
        if self.problem is not None:
            return "failed"
        if self.stages_done or self.pages_done or self.is_processed or self.letters:
            return "processing"
        return "received"

    @property
    def done(self) -> int:
        """How many of `stages_total` are done."""
        if self.indexed_version >= self.content_version:
            return self.stages_total
        return self.stages_total - 1 if self.is_processed else self.stages_done

    @property
    def chunks(self) -> tuple[int, int] | None:
        """How many chunks of how many are embedded, while that is at work and worth counting."""
        at_work = self.status == "processing" and not self.is_processed
        return (self.chunks_done, self.chunks_total) if at_work and self.chunks_total else None

    @property
    def pages(self) -> tuple[int, int] | None:
        """How many pages of how many the present stage has read, where it takes long enough to be worth counting."""
        at_work = self.status == "processing" and self._present_stage() == self.pages_stage
        return (self.pages_done, self.pages_total) if at_work else None

    @property
    def first_pages(self) -> tuple[int, int] | None:
        """How many first pages of how many search serves; None where it serves a whole document, or nothing."""
        return (self.early_pages, self.early_total) if self.early_version > self.indexed_version else None

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
            chunks_done=0,
            chunks_total=0,
            pages_stage="",
            pages_done=0,
            pages_total=0,
            is_processed=False,
            stages_total=len(STAGES),
            failure=None,
            letters=(),
            warnings=(),
            parts_warnings=(),
        )

    def withdrawn(self, version: int) -> "Standing":
        """Final, whatever comes late."""
        return self if self.withdrawn_version is not None else replace(self, withdrawn_version=version)

    def stage_finished(self, version: int, *, done: int, total: int) -> "Standing":
        """`done` of `total` stages of Process; indexing is one more."""
        if not self._counts(version):
            return self
        return replace(self, stages_done=max(done, self.stages_done), stages_total=total + 1)

    def chunks_embedded(self, version: int, *, done: int, total: int) -> "Standing":
        """So many chunks of a stage that takes long."""
        if not self._counts(version) or done <= self.chunks_done:
            return self
        return replace(self, chunks_done=done, chunks_total=total)

    def pages_read(self, version: int, *, stage: str, done: int, total: int) -> "Standing":
        """So many pages of a stage that takes long; those of an earlier stage count no more."""
        if not self._counts(version) or stage not in STAGES:
            return self
        known = (STAGES.index(self.pages_stage), self.pages_done) if self.pages_stage else (-1, 0)
        if (STAGES.index(stage), done) <= known:
            return self
        return replace(self, pages_stage=stage, pages_done=done, pages_total=total)

    def processed(
        self,
        version: int,
        *,
        revision: int,
        language: str | None,
        warnings: tuple[str, ...],
        chunks_artefact: str,
        text_artefact: str | None = None,
        signature: Signature | None = None,
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
            text_artefact=text_artefact,
            signature=signature,
        )

    def parts_taken(self, version: int, warnings: tuple[str, ...]) -> "Standing":
        """The files in it are documents, except those that the warnings name."""
        if not self._counts(version):
            return self
        return replace(self, parts_version=version, parts_warnings=warnings[:_MOST_WARNINGS])

    def failed(self, version: int, failure: Failure) -> "Standing":
        """It cannot be processed; the revision that search serves stays."""
        return replace(self, failure=failure) if self._counts(version) else self

    def indexed(self, version: int, *, revision: int, at: datetime) -> "Standing":
        """Search serves this version now. An older one than the present counts for that too."""
        if self.withdrawn_version is not None or version <= self.indexed_version or version > self.content_version:
            return self
        return replace(self, indexed_version=version, searchable_revision=revision, searchable_at=at)

    def pages_indexed(
        self,
        version: int,
        *,
        revision: int,
        done: int,
        total: int,
        language: str | None,
        chunks_artefact: str,
        text_artefact: str | None,
    ) -> "Standing":
        """Search serves the first pages, under this version; the whole, which is under another, comes."""
        known = max(self.indexed_version, self.early_version)
        if self.withdrawn_version is not None or version <= known or version > self.content_version:
            return self
        served = replace(self, early_version=version, early_pages=done, early_total=total, searchable_revision=revision)
        if self.is_processed:
            return served  # what is known of the whole stays
        return replace(
            served,
            language=language,
            chunks_artefact=chunks_artefact,
            chunks_revision=revision,
            text_artefact=text_artefact,
        )

    def gone(self, version: int) -> "Standing":
        """Search has removed it, at the version of its withdrawal or later: nothing else of it is to be told."""
        if self.withdrawn_version is None or version < self.withdrawn_version:
            return self
        return Standing(self.content_version, withdrawn_version=self.withdrawn_version, removed=True)

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
