"""A page that is being read: each thing about it is found out once, and only when somebody asks."""

from functools import cached_property

import pypdfium2

from process.infrastructure.parsers.pdfium import calls
from process.infrastructure.parsers.pdfium.objects import PageObjects
from process.infrastructure.parsers.pdfium.page_text import PageText
from process.infrastructure.parsers.pdfium.seen import Seen


class LoadedPage:
    """Good until it is closed."""

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        self.page = page

    def close(self) -> None:
        """And the page with it."""
        if "text" in self.__dict__:
            self.text.close()
        self.page.close()

    @cached_property
    def text(self) -> PageText:
        """Of the whole page."""
        return PageText(self.page)

    @cached_property
    def objects(self) -> PageObjects:
        """What is drawn on it."""
        return PageObjects(calls.handle_of(self.page.raw))

    @cached_property
    def seen(self) -> Seen:
        """How it is shown."""
        return Seen(self.page)
