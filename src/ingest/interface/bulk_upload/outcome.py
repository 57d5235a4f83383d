"""What became of each file, as the API tells it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shared.kernel import Unsupported

FINAL: Final = frozenset(("searchable", "failed", "withdrawn"))
"""A document with one of these states is not on its way any more."""
UNSUPPORTED: Final = Unsupported.code
"""The problem of a file whose type is not read."""


@dataclass(slots=True)
class Outcome:
    """What became of one file."""

    path: Path
    name: str
    status: str
    """As the API says; `refused` also for files that could not be read or sent."""
    reason: str = ""
    code: str | None = None
    """The problem's, for programs."""
    document_id: str | None = None
    duplicate: bool = False
    language: str | None = None
    """Of most of the document, where it is known."""

    @property
    def is_bad(self) -> bool:
        """Whether the file is not, and will not be, searchable."""
        return self.status in ("refused", "failed", "withdrawn")

    @property
    def is_of_a_wrong_type(self) -> bool:
        """Whether it was refused for what it is: nothing went wrong, and nothing but another Seoga can read it."""
        return self.status == "refused" and self.code == UNSUPPORTED

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        path = str(self.path).encode(errors="replace").decode()
        return {
            "path": path,
            "name": self.name,
            "id": self.document_id,
            "status": self.status,
            "duplicate": self.duplicate,
            "reason": self.reason or None,
            "code": self.code,
        }

    def take(self, document: dict[str, Any]) -> None:
        """The state the API gives the document, and why."""
        self.status = document["status"]
        self.reason = _reason(document)
        self.code = (document.get("problem") or {}).get("code")
        self.language = document.get("language")


def _reason(document: dict[str, Any]) -> str:
    problem = document.get("problem") or {}
    detail = str(problem.get("detail") or problem.get("title") or "")
    stage = problem.get("stage")
    return f"{detail} (stage {stage})" if detail and stage else detail
