"""The commands `seoga lexicon show|add|remove|load`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from shared.kernel import InvalidInput, NotFound
from shared.runtime.client import Connect, json_of, print_json, printable, problems_to_stderr

if TYPE_CHECKING:
    import httpx

_URL: Final = "/api/v1/search/lexicon"
_AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def build_lexicon_commands(connect: Connect) -> typer.Typer:
    """The group `lexicon`; `connect` gives a client of the API."""
    commands = typer.Typer(
        name="lexicon", help="Synonyms, and words that belong together: show, add, remove, load.", no_args_is_help=True
    )

    @commands.command()
    def show(as_json: _AsJson = False) -> None:
        """Print the lexicon: a group of synonyms or a single word a line, as `load` reads it."""
        with problems_to_stderr(), connect() as client:
            lexicon = json_of(client.get(_URL))
        print_json(lexicon) if as_json else _print(lexicon)

    @commands.command()
    def add(
        words: Annotated[list[str], typer.Argument(help="Synonyms of one another; one alone belongs together.")],
        as_json: _AsJson = False,
    ) -> None:
        """Add a group of synonyms, or one word that belongs together. A group that has one of the words grows."""
        from search.domain.lexicon import same

        with problems_to_stderr(), connect() as client:
            lexicon = json_of(client.get(_URL))
            if len(words) == 1:
                lexicon["words"].append(words[0])
            else:
                joined = [
                    group for group in lexicon["synonyms"] if any(same(one, word) for one in group for word in words)
                ]
                rest = [group for group in lexicon["synonyms"] if group not in joined]
                lexicon["synonyms"] = [*rest, [*(one for group in joined for one in group), *words]]
            _put(client, lexicon, as_json=as_json)

    @commands.command()
    def remove(word: Annotated[str, typer.Argument(help="As it was added.")], as_json: _AsJson = False) -> None:
        """Take a word out of its groups and of the words that belong together."""
        from search.domain.lexicon import same

        with problems_to_stderr(), connect() as client:
            lexicon = json_of(client.get(_URL))
            groups = [[one for one in group if not same(one, word)] for group in lexicon["synonyms"]]
            words = [one for one in lexicon["words"] if not same(one, word)]
            if words == lexicon["words"] and groups == lexicon["synonyms"]:
                raise NotFound(f"'{word}' is not in the lexicon.")
            # Alone in its group a word means nothing.
            kept = [group for group in groups if len(group) > 1]
            _put(client, {**lexicon, "synonyms": kept, "words": words}, as_json=as_json)

    @commands.command()
    def load(
        file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="In UTF-8.")], as_json: _AsJson = False
    ) -> None:
        """Replace the lexicon by a file's: a line is a group divided by commas, or a single word; # begins a remark."""
        from search.domain.lexicon import read_lines

        with problems_to_stderr():
            try:
                read = read_lines(file.read_text(encoding="utf-8"))
            except UnicodeDecodeError as error:
                raise InvalidInput(f"'{file}' is not in UTF-8.") from error
            with connect() as client:
                lexicon = {"synonyms": [list(group) for group in read.synonyms], "words": list(read.words)}
                _put(client, lexicon, as_json=as_json)

    return commands


def _put(client: "httpx.Client", lexicon: dict[str, Any], *, as_json: bool) -> None:
    changed = json_of(client.put(_URL, json=lexicon))
    if as_json:
        print_json(changed)
    else:
        typer.echo(f"{len(changed['synonyms'])} groups of synonyms, {len(changed['words'])} words that belong together")


def _print(lexicon: dict[str, Any]) -> None:
    for group in lexicon["synonyms"]:
        typer.echo(printable(", ".join(group)))
    for word in lexicon["words"]:
        typer.echo(printable(word))
