"""What the commands read options and print with."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from shared.runtime.client import printable

if TYPE_CHECKING:
    from rich.console import Console


def console() -> "Console":
    """For tables and coloured lines."""
    from rich.console import Console

    # Piped, a line stays one line: ids are there to be cut out.
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 1_000)


def text(words: str, style: str = "") -> Any:
    """Words as they are: no markup, nothing that steers a terminal."""
    from rich.text import Text

    return Text(printable(words), style=style)


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows below a header."""
    from rich.table import Table

    table = Table(*header, box=None, header_style="dim")
    for row in rows:
        table.add_row(*(text(str(cell)) for cell in row))
    console().print(table)


def fields_of(given: Sequence[str]) -> dict[str, Any]:
    """Of `--set FIELD=VALUE`; values are JSON where they are that, else text. Raises typer.BadParameter."""
    found: dict[str, Any] = {}
    for one in given:
        field, equals, value = one.partition("=")
        if not equals or not field:
            raise typer.BadParameter(f"{one!r} is not FIELD=VALUE.", param_hint="--set")
        try:
            found[field] = json.loads(value)
        except ValueError:
            found[field] = value
    return found
