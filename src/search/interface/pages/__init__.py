"""Pages of Search: `/`, and the tariff codes."""

from pathlib import Path
from typing import Final

from shared.runtime.page import Page

_FOLDER: Final = Path(__file__).parent
PAGES: Final = (
    Page("search", "/", _FOLDER, "search", place=10),
    Page("tariff", "/hs-codes", _FOLDER, "search", place=30),
    Page("code", "/hs-codes/{code}", _FOLDER, "search"),
)
