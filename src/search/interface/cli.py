"""`seoga search`: asks the API and shows what was found, with the matches coloured."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from shared.runtime.client import Connect, json_of, print_json, printable, problems_to_stderr

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_SHOWN_CHARACTERS: Final = 400
_LEAD_CHARACTERS: Final = 80


class Mode(StrEnum):
    """How to search."""

    HYBRID = "hybrid"
    KEYWORD = "keyword"
    VECTOR = "vector"


def build_commands(connect: Connect) -> typer.Typer:
    """The commands of Search; `connect` gives a client of the API."""
    commands = typer.Typer()

    @commands.command()
    def search(
        query: Annotated[str, typer.Argument(help="Words or a question, in Korean or English.")],
        collection: Annotated[str | None, typer.Option("--collection", "-c", help="Only there.")] = None,
        mode: Annotated[Mode, typer.Option(help="How to search.")] = Mode.HYBRID,
        limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many hits.")] = 10,
        as_json: Annotated[bool, typer.Option("--json", help="The API's answer on standard output.")] = False,
    ) -> None:
        """Search the documents and show the best passages."""
        body: dict[str, Any] = {"query": query, "mode": mode.value, "limit": limit}
        if collection is not None:
            body["filters"] = {"collection": collection}
        with problems_to_stderr(), connect() as client:
            answer = json_of(client.post("/api/v1/search", json=body))
        if as_json:
            print_json(answer)
            return
        _show(query, answer)

    return commands


def _show(query: str, answer: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console(highlight=False, soft_wrap=not terminal)
    for place, hit in enumerate(answer["hits"], start=1):
        for line in hit_lines(place, hit):
            console.print(line)
    if not answer["hits"]:
        console.print(Text(f"Nothing found for “{printable(query)}”."))
    else:
        more = "" if answer.get("total_is_exact", True) else "+"
        console.print(
            Text(f"{len(answer['hits'])} of {answer['total']}{more} matches in {answer['took_ms']:.0f} ms", style="dim")
        )
    if answer.get("degraded"):
        console.print(Text(f"Degraded, without: {', '.join(answer['degraded'])}", style="yellow"))


def hit_lines(place: int, hit: dict[str, Any]) -> "list[RenderableType]":
    """Where the hit is, its passage with the matches coloured, and an empty line."""
    from rich.text import Text

    document, chunk = hit["document"], hit["chunk"]
    head = Text.assemble((f"{place}. ", "dim"), (printable(document["name"]), "bold cyan"))
    if chunk.get("page") is not None:
        head.append(f"  p. {chunk['page']}")
    if chunk.get("headings"):
        head.append("  " + printable(" › ".join(chunk["headings"])), style="green")
    head.append(f"  [{document['collection']}] {hit['score']:.3f}", style="dim")
    return [head, passage(chunk["text"], hit.get("highlights") or []), Text()]


def passage(text: str, highlights: list[dict[str, int]], *, characters: int = _SHOWN_CHARACTERS) -> "Text":
    """At most so many code points around the first match, matches styled; white space shown as one line.

    Each white-space character becomes one space, so that highlight offsets (code points) keep their places.
    """
    from rich.text import Text

    first = min((mark["start"] for mark in highlights), default=0)
    start = 0 if len(text) <= characters else max(0, min(first - _LEAD_CHARACTERS, len(text) - characters))
    end = min(len(text), start + characters)
    line = "".join(" " if character.isspace() else character for character in printable(text[start:end]))
    shown = Text(line)
    for mark in highlights:
        left, right = max(mark["start"], start), min(mark["end"], end)
        if left < right:
            shown.stylize("bold yellow", left - start, right - start)
    return Text.assemble("   ", "…" if start else "", shown, "…" if end < len(text) else "")
