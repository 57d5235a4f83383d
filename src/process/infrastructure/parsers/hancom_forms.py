"""Form objects of HWPX (OWPML, 10.10): what is filled in, chosen and ticked."""

from typing import Any, Final

from process.infrastructure.parsers.package import local

FORM_PARTS: Final = frozenset(("checkBtn", "radioBtn", "edit", "comboBox", "listBox"))


def form_text(element: Any) -> str:
    """As it is seen on the page, apart from the words around it."""
    match local(element):
        case "checkBtn" | "radioBtn":
            mark = "☑" if element.get("value") == "CHECKED" else "☐"
            return f" {mark} {element.get('caption') or ''} "
        case "edit":
            return f" {next((one.text or '' for one in element if local(one) == 'text'), '')} "
        case _:
            chosen = element.get("selectedValue") or ""
            items = [one for one in element if local(one) == "listItem"]
            shown = (one.get("displayText") for one in items if one.get("value") == chosen)
            return f" {next(filter(None, shown), chosen)} "
