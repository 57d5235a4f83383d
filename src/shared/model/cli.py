"""`seoga model …`: what the models are doing, and an operator's verbs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from shared.runtime.client import EXIT_FAILED, Connect, json_of, print_json, printable, problems_to_stderr

if TYPE_CHECKING:
    from rich.text import Text

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_COMPARISONS: Final = {
    "waiting": "are compared when nobody has needed the model for a while; the best takes over",
    "running": "are being compared, at the lowest priority; the best takes over",
}
ModelOption = Annotated[str, typer.Option("--model", "-m", help="embedding, caption or ocr.")]


def build_commands(connect: Connect, *, timeout_seconds: float = 600.0) -> typer.Typer:
    """The command group `model`; `connect` gives a client of the API.

    Building, loading and comparing take seconds to minutes, so the timeout is long; the server has limits of its own.
    """
    commands = typer.Typer(name="model", help="The models: status, loading, engines, pictures.", no_args_is_help=True)

    def call(method: str, path: str, **arguments: Any) -> Any:
        # A model may well be built and compared before there is a document; who only looks leaves nothing behind.
        with problems_to_stderr(), connect("pretend" if method == "GET" else "make") as client:
            return json_of(client.request(method, f"/api/v1/model{path}", timeout=timeout_seconds, **arguments))

    @commands.command()
    def status(as_json: JsonOption = False) -> None:
        """Show every model: state, engine, memory, use, and what went wrong last."""
        seen = call("GET", "/status")
        print_json(seen) if as_json else _show_status(seen)

    @commands.command()
    def load(model: ModelOption = "embedding", as_json: JsonOption = False) -> None:
        """Load now what would be loaded when it is first needed."""
        _tell(call("POST", "/load", json={"model": model}), model, as_json)

    @commands.command()
    def unload(model: ModelOption = "embedding", as_json: JsonOption = False) -> None:
        """Give the memory back once calls in flight are answered."""
        _tell(call("POST", "/unload", json={"model": model}), model, as_json)

    @commands.command()
    def reload(
        model: ModelOption = "embedding",
        shared: Annotated[
            str | None,
            typer.Option(help="Change only who shares the model: on, off, or a list of search, process, api."),
        ] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Read the settings again, load beside the old one, check, and swap; if that fails the old one stays."""
        body = {"model": model} if shared is None else {"model": model, "shared": shared}
        _tell(call("POST", "/reload", json=body), model, as_json)

    @commands.command()
    def bench(as_json: JsonOption = False) -> None:
        """Compare the engines of this machine (some seconds); with SEOGA_MODEL_ENGINE=auto the best takes over."""
        table = call("POST", "/bench")
        print_json(table) if as_json else _show_engines(table)

    @commands.command("clear-cache")
    def clear_cache(as_json: JsonOption = False) -> None:
        """Delete built models from the disk; they are built again when needed."""
        answer = call("DELETE", "/artefacts")
        print_json(answer) if as_json else typer.echo(f"{answer['deleted']} built models deleted.")

    @commands.command()
    def fetch(
        name: Annotated[str, typer.Argument(help="As the hub calls it, such as intfloat/multilingual-e5-base.")],
        revision: Annotated[str, typer.Option(help="Branch, tag or commit (SEOGA_MODEL_REVISION).")] = "main",
    ) -> None:
        """Fetch a model from the Hugging Face hub into the local cache; nothing else here ever fetches."""
        from shared.model.files.fetching import fetch_model

        with problems_to_stderr():
            folder, hindrance = fetch_model(name, revision)
        typer.echo(printable(f"{name} lies in {folder}"))
        if hindrance:
            typer.echo(printable(f"Only sentence-transformers can run it: {hindrance}."))
        typer.echo(
            printable(f"Set SEOGA_MODEL_NAME={name} and restart: documents are embedded anew in the background.")
        )

    @commands.command()
    def look(
        picture: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A PNG, JPEG, TIFF or WebP file.")],
        languages: Annotated[str | None, typer.Option(help="As SEOGA_OCR_LANGUAGES, such as kor+eng.")] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Caption a picture and read the text in it. Exit code 1 when neither could be done."""
        parameters = {"languages": languages} if languages else {}
        answer = call("POST", "/images", content=picture.read_bytes(), params=parameters)
        print_json(answer) if as_json else _show_picture(answer)
        if answer["caption"] is None and answer["text"] is None:
            raise typer.Exit(EXIT_FAILED)

    return commands


def _tell(seen: dict[str, Any], model: str, as_json: bool) -> None:
    if as_json:
        print_json(seen)
        return
    slot = seen if model == "embedding" else seen["pictures"][model]
    typer.echo(printable(f"{model}: {_described(slot)}"))
    if model == "embedding":
        typer.echo("  ".join(f"{consumer}: {use}" for consumer, use in seen["consumers"].items()))


def _described(slot: dict[str, Any]) -> str:
    parts = [str(slot["state"])]
    if slot.get("precision"):
        parts.append(f"{slot['engine']} {slot['precision']} on {slot['device']}")
    if slot["load_seconds"] is not None:
        parts.append(f"loaded in {slot['load_seconds']:.2f} s")
    if slot["memory_bytes"] is not None:
        parts.append(f"{slot['memory_bytes'] / 2**20:.0f} MiB")
    if slot["last_error"]:
        parts.append(str(slot["last_error"]))
    return ", ".join(parts)


def _show_status(seen: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console()
    languages = ", ".join(seen["languages"])
    console.print(_text(f"{seen['name']} ({languages}; {seen['dimension']} dimensions)", "bold"))
    console.print(_text(f"embedding    {_described(seen)}"), soft_wrap=True)
    for name, slot in seen["pictures"].items():
        console.print(_text(f"{name:<12} {_described(slot)}"), soft_wrap=True)
    console.print(_text(f"embedded     {seen['embedded_texts']} texts, {seen['waiting_texts']} waiting"))
    console.print(_text("consumers    " + ", ".join(f"{name} {use}" for name, use in seen["consumers"].items())))
    if (cache := seen["cache"]) is not None:
        console.print(
            _text(f"built        {cache['entries']} on disk, {cache['bytes'] / 2**20:.0f} MiB; {cache['hits']} hits")
        )
    for step in seen["fallbacks"]:
        reason = f"not used     {step['engine']} {step['precision']}: {step['reason']}"
        console.print(_text(reason, "yellow"), soft_wrap=True)
    if seen["comparison"] is not None:
        console.print(_text(f"engines      {_COMPARISONS[seen['comparison']]}", "yellow"))
    if seen["engines"] is not None:
        _show_engines(seen["engines"])


def _show_engines(table: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    title = f"Texts a second by words in a text, on {table['machine']}"
    shown = Table(title=_text(title), title_justify="left", box=None, pad_edge=False)
    lengths = sorted({int(words) for row in table["engines"] for words in row["texts_per_second"]})
    shown.add_column("engine", no_wrap=True)
    for words in lengths:
        shown.add_column(str(words), justify="right")
    for column in ("query ms", "cosine", "worst", "MiB"):
        shown.add_column(column, justify="right")
    shown.add_column("why not")
    for row in table["engines"]:
        shown.add_row(
            _text(f"{row['engine']} {row['precision']}"),
            *(_number(row["texts_per_second"].get(str(words)), 0) for words in lengths),
            _number(row["query_ms"], 1),
            _number(row["cosine_mean"], 4),
            _number(row["cosine_worst"], 4),
            _number(row["memory_bytes"] and row["memory_bytes"] / 2**20, 0),
            _text(row["failure"] or ""),
        )
    Console().print(shown)


def _show_picture(answer: dict[str, Any]) -> None:
    if answer["caption"] is not None:
        typer.echo(printable(f"caption  {answer['caption']}"))
    if answer["text"] is not None:
        typer.echo(printable(str(answer["text"]) or "no text"))
    for problem in answer["problems"]:
        typer.echo(printable(f"{problem['part']}: {problem['detail']}"), err=True)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _text(value: str, style: str = "") -> "Text":
    """Without markup and control characters: names and reasons come from files."""
    from rich.text import Text

    return Text(printable(value), style=style)
