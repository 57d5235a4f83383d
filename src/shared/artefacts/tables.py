"""What a table's columns are called, and tables as Markdown (GitHub's: one header row, no spans)."""

from collections.abc import Iterator, Sequence
from typing import Final

from shared.artefacts.chunks import Chunk
from shared.artefacts.parsed import Span

_BETWEEN_HEADERS: Final = " / "


def column_names(headers: Sequence[Sequence[str]], columns: int, spans: Sequence[Span] = ()) -> list[str]:
    """What the header rows call each column: all that stands above it, a cell over several columns above each."""
    rows = [list(row) + [""] * (columns - len(row)) for row in headers]
    for span in spans:
        for row in rows[span.row : span.row + span.row_span]:
            last = min(columns, span.column + span.column_span)
            row[span.column : last] = [rows[span.row][span.column]] * (last - span.column)
    return [_BETWEEN_HEADERS.join(dict.fromkeys(filter(None, names))) for names in zip(*rows, strict=True)]


def markdown_of(rows: Sequence[Sequence[str]], header_rows: int, spans: Sequence[Span] = ()) -> str:
    """One line a row; several header rows become one. In the body what a span covers is empty.

    Without header rows the header is empty, since a table must have one.
    """
    names = column_names(rows[:header_rows], max(map(len, rows), default=0), spans)
    return _markdown(names, rows[header_rows:])


def chunk_markdown(chunk: Chunk) -> str | None:
    """The chunk's text with its tables as Markdown, each under its header; None where there is no table in it."""
    if not chunk.tables:
        return None
    parts: list[str] = []
    place = chunk.start
    for table in chunk.tables:
        parts.append(chunk.text[place - chunk.start : table.start - chunk.start])
        lines = chunk.text[table.start - chunk.start : table.end - chunk.start].split("\n")
        names = table.header.split("\t") if table.header else []
        parts.append(_markdown(names, [line.split("\t") for line in lines[table.own_header_rows :]]))
        place = table.end
    return "".join((*parts, chunk.text[place - chunk.start :]))


def _markdown(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    columns = max(len(names), max(map(len, rows), default=0))
    lines = (_line([*row, *[""] * (columns - len(row))]) for row in rows)
    return "\n".join((_line([*names, *[""] * (columns - len(names))]), "|" + " --- |" * columns, *lines))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escaped(cells)) + " |"


def _escaped(cells: Sequence[str]) -> Iterator[str]:
    for cell in cells:
        yield cell.replace("\\", "\\\\").replace("|", "\\|")
