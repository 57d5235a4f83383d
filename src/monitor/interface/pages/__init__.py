"""The pages of Monitor."""

from pathlib import Path
from typing import Final

from shared.runtime.page import Page

PAGES: Final = (Page("monitor", "/monitor", Path(__file__).parent, "monitor", place=40),)
