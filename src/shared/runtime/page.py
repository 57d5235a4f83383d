"""A page of the web interface, as a module hands it over."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Page:
    """Files of one folder: `NAME.html` (what stands in `main`), and where there are any `NAME.js` and `NAME.css`.

    The folder's `locales/ko.json` and `locales/en.json` have the words, `NAME.title` among them (and `NAME.nav`, where
    the navigation says less). The other files of the folder are served too, at `/pages/FOLDER_NAME/…`.
    """

    name: str
    path: str
    """Where it is, such as `/documents/{document_id}`; `/` is for who asks for HTML."""
    folder: Path
    folder_name: str
    """Of the module: what its files' URLs begin with."""
    place: int | None = None
    """Where in the navigation, from the left; None: not there."""
    needs: str | None = None
    """The right without which the navigation does not offer it; the API refuses what it shows all the same."""
