"""Pages of Ingest: `/documents`, and reading one."""

from pathlib import Path
from typing import Final

from shared.runtime.page import Page

_FOLDER: Final = Path(__file__).parent
PAGES: Final = (
    Page("documents", "/documents", _FOLDER, "ingest", place=20),
    Page("reading", "/documents/{document_id}", _FOLDER, "ingest"),
)
