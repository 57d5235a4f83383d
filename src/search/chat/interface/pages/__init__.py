"""The page of asking: `/ask`."""

from pathlib import Path
from typing import Final

from shared.runtime.page import Page

PAGES: Final = (Page("ask", "/ask", Path(__file__).parent, "chat", place=15),)
