"""`seoga search`: asks the API, shows what was found with the matches coloured; the commands `eval`, `lexicon`."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from search.interface.evaluation.command import add_command
from search.interface.hit_lines import by_document, head, is_weak, print_lines, short, whole
from search.interface.lexicon.command import build_lexicon_commands
from shared.runtime.client import EXIT_FAILED, Connect, json_of, print_json, printable, problems_to_stderr

if TYPE_CHECKING:
    import httpx
    from rich.text import Text

_PIPED_WIDTH: Final = 120
_MOST_PAGES: Final = 1_000


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
        query: Annotated[list[str], typer.Argument(help="Words or a question, in Korean or English.")],
        collection: Annotated[str | None, typer.Option("--collection", "-c", help="Only there.")] = None,
        mode: Annotated[Mode, typer.Option(help="How to search.")] = Mode.HYBRID,
        limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many documents a page.")] = 10,
        page: Annotated[int, typer.Option("--page", "-p", min=1, max=_MOST_PAGES, help="Which page of them.")] = 1,
        full: Annotated[bool, typer.Option("--full", help="Every passage that was found, and all of it.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="The API's answer on standard output.")] = False,
    ) -> None:
        """Search the documents: the best passage of each, three lines long."""
        # Where the terminal is not UTF-8, arguments come with bytes kept apart.
        words = " ".join(query).encode(errors="surrogateescape").decode(errors="replace")
        body: dict[str, Any] = {"query": words, "mode": mode.value, "limit": limit}
        if collection is not None:
            body["filters"] = {"collection": collection}
        if not full:
            body["group_by"] = "document"
        if not as_json:
            body["explain"] = True
        with problems_to_stderr(), connect() as client:
            answer = _page(client, body, page)
        if answer is None:
            typer.echo(f"There is no page {page}: fewer were found.", err=True)
            raise typer.Exit(EXIT_FAILED)
        if as_json:
            print_json(answer)
            return
        _show(words, answer, first=(page - 1) * limit + 1, page=page, full=full)

    add_command(commands, connect)
    commands.add_typer(build_lexicon_commands(connect))
    return commands


def _page(client: "httpx.Client", body: dict[str, Any], page: int) -> dict[str, Any] | None:
    """That page of the answer; None where there are fewer."""
    answer: dict[str, Any] = json_of(client.post("/api/v1/search", json=body))
    for _ in range(page - 1):
        if answer["next_cursor"] is None:
            return None
        answer = json_of(client.post("/api/v1/search", json={**body, "cursor": answer["next_cursor"]}))
    return answer


def _show(query: str, answer: dict[str, Any], *, first: int, page: int, full: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console(highlight=False, soft_wrap=not terminal)
    if answer.get("did_you_mean"):
        console.print(Text(f"Searched for “{printable(answer['did_you_mean'])}” too."))
    groups = by_document(answer["hits"])
    weak = [all(is_weak(query, hit) for hit in group) for group in groups]
    for place, (group, no_better) in enumerate(zip(groups, weak, strict=True), start=first):
        if full:
            print_lines(console, [head(place, group[0], weak=no_better, where=False)])
            for hit in group:
                for line in whole(hit):
                    console.print(line, soft_wrap=not terminal)
                console.print()
            continue
        lines = short(group[0], width=console.width if terminal else _PIPED_WIDTH)
        print_lines(console, [head(place, group[0], weak=no_better), *lines])
    if not groups:
        console.print(Text(f"Nothing found for “{printable(query)}”."))
    else:
        if all(weak):
            console.print(Text("Only weak matches: little of what was asked for is in them.", style="yellow"))
        console.print(_rest(answer, len(groups), page=page, full=full), soft_wrap=True)
    if answer.get("degraded"):
        console.print(Text(f"Degraded, without: {', '.join(answer['degraded'])}", style="yellow"))


def _rest(answer: dict[str, Any], documents: int, *, page: int, full: bool) -> "Text":
    """How much of all this was, and where the rest is."""
    from rich.text import Text

    more = "" if answer.get("total_is_exact", True) else "+"
    shown = len(answer["hits"])
    what = f"passages in {documents} document{'s' * (documents != 1)}" if full else "documents"
    line = f"{shown} of {answer['total']}{more} {what} in {answer['took_ms']:.0f} ms"
    ways = [f"the next, --page {page + 1}"] if answer.get("next_cursor") else []
    ways += [] if full else ["whole passages, --full"]
    ways.append("a whole document, seoga documents get NAME")
    return Text(f"{line}; for {'; '.join(ways)}", style="dim")
