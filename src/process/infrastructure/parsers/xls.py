"""XLS and XLSB through python-calamine: every sheet's tables, dates as dates; hidden sheets are marked.

Number formats do not reach us here: a number is shown plainly.
"""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import python_calamine

from process.infrastructure.parsers.draft import Draft, Unreadable, locked, one_line
from process.infrastructure.parsers.number_formats import plain_number
from process.infrastructure.parsers.sheets import Cells, Merge, add_sheet
from process.infrastructure.parsers.zip_limits import check_zip

_ZIP: Final = b"PK\x03\x04"
_MOST_CELLS: Final = 20_000_000


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    with path.open("rb") as file:
        if file.read(len(_ZIP)) == _ZIP:
            check_zip(path)
    try:
        book = python_calamine.load_workbook(str(path))
    except python_calamine.PasswordError as error:
        raise locked("The Excel workbook", None) from error
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise _damaged() from error
    unread = 0
    for number, about in enumerate(book.sheets_metadata):
        try:
            sheet = book.get_sheet_by_index(number)
            if sheet.height * sheet.width > _MOST_CELLS:
                unread += 1
                continue
            cells = _cells(sheet, draft)
        except (python_calamine.CalamineError, ValueError):
            unread += 1
            continue
        if not cells.rows:
            continue
        is_hidden = about.visible is not python_calamine.SheetVisibleEnum.Visible
        draft.add("heading", one_line(about.name) + (" (hidden sheet)" if is_hidden else ""), level=1)
        add_sheet(draft, cells, _merges(sheet))
    if unread:
        draft.warnings.append(f"Sheets that could not be read: {unread}.")


def _cells(sheet: Any, draft: Draft) -> Cells:
    cells = Cells()
    top, left = sheet.start or (0, 0)
    for number, row in enumerate(sheet.iter_rows() if sheet.start is not None else (), top):
        found = {column: text for column, value in enumerate(row, left) if (text := _shown(value))}
        if found:
            cells.add(number, found)
            draft.require_room(cells.characters)
    return cells


def _merges(sheet: Any) -> list[Merge]:
    ranges = sheet.merged_cell_ranges or ()
    return [Merge(first[0], first[1], last[0], last[1]) for first, last in ranges]


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            return plain_number(float(value))
        case datetime():
            return value.strftime("%Y-%m-%d" if value.time() == time() else "%Y-%m-%d %H:%M:%S")
        case date():
            return value.isoformat()
        case time() | timedelta():
            return str(value)
        case _:
            return str(value).strip()


def _damaged() -> Unreadable:
    return Unreadable(
        "corrupt", "The Excel workbook is damaged. Open it in Excel, save it again, and upload the result."
    )
