"""`seoga ask`: the answer as it comes, its sources numbered, the pages of tariff codes as links."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from shared.runtime.client import EXIT_FAILED, Connect, json_of, print_json, printable, problems_to_stderr

if TYPE_CHECKING:
    import httpx

_PATH: Final = "/api/v1/chat"


def build_commands(connect: Connect) -> typer.Typer:
    """The commands of asking; `connect` gives a client of the API."""
    commands = typer.Typer()

    @commands.command()
    def ask(
        question: Annotated[list[str], typer.Argument(help="A question, in Korean or English.")],
        collection: Annotated[list[str] | None, typer.Option("--collection", "-c", help="Only there.")] = None,
        session: Annotated[str | None, typer.Option(help="Goes on with that conversation.")] = None,
        forget: Annotated[bool, typer.Option("--forget", help="Keep nothing of question and answer.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON document when the answer is whole.")] = False,
    ) -> None:
        """Answer a question from the documents, each sentence with its source."""
        words = " ".join(question).encode(errors="surrogateescape").decode(errors="replace")
        body: dict[str, Any] = {"question": words, "remember": not forget}
        if collection:
            body["collection"] = collection
        if session is not None:
            body["session"] = session
        told = _Told(quiet=as_json)
        with problems_to_stderr(), connect() as client, client.stream("POST", _PATH, json=body) as response:
            if response.is_error:
                response.read()
                json_of(response)
            for event in _events(response):
                told.take(event["type"], event["data"])
        if as_json:
            print_json(told.whole())
        else:
            told.print_end(str(client.base_url).rstrip("/"))
        if told.complete is None:
            typer.echo("The answer broke off.", err=True)
            raise typer.Exit(EXIT_FAILED)

    return commands


def _events(response: "httpx.Response") -> Iterator[dict[str, Any]]:
    """What each `data:` line holds; an event of this API has one."""
    for line in response.iter_lines():
        if line.startswith("data:"):
            yield json.loads(line.removeprefix("data:"))


class _Told:
    """The answer as far as it has come."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._start: dict[str, Any] = {}
        self._texts: list[str] = []
        self._citations: list[dict[str, Any]] = []
        self._buttons: list[dict[str, Any]] = []
        self._errors: list[dict[str, Any]] = []
        self.complete: dict[str, Any] | None = None

    def take(self, kind: str, data: dict[str, Any]) -> None:
        """The next event."""
        match kind:
            case "message_start":
                self._start = data
            case "answer_delta":
                self._texts.append(data["text"])
                self._say(data["text"])
            case "citation":
                self._citations.append(data)
                self._say(f" [{data['number']}]" + ("" if data["supported"] else "?"))
            case "detail_page_button_ready":
                self._buttons.append(data)
            case "error":
                self._errors.append(data)
            case "message_complete":
                self.complete = data
            case _:
                pass  # the rest is for pages

    def _say(self, text: str) -> None:
        if not self._quiet:
            typer.echo(printable(text), nl=False)

    def print_end(self, url: str) -> None:
        """Sources and links below the answer."""
        lines = [""]
        sources = {one["number"]: one for one in self._citations}
        if sources:
            lines += ["", *(_source(one) for one in sources.values())]
        if any(not one["supported"] for one in self._citations):
            lines += ["", "?  its source does not say so: read it before you rely on it"]
        if self._buttons:
            lines += ["", *(_link(one, url) for one in self._buttons)]
        lines += [f"{one['task']}: {one['detail']}" for one in self._errors]
        if self.complete is not None and self.complete["degraded"]:
            lines += ["", f"without: {', '.join(self.complete['degraded'])}"]
        typer.echo(printable("\n".join(lines)))

    def whole(self) -> dict[str, Any]:
        """Everything as one document."""
        return {
            **self._start,
            "answer": "".join(self._texts),
            "citations": self._citations,
            "detail_pages": self._buttons,
            "errors": self._errors,
            "complete": self.complete,
        }


def _source(citation: dict[str, Any]) -> str:
    page = citation["chunk"]["page"]
    where = "" if page is None else f", p. {page}"
    early = citation["document"].get("early")
    read = "" if early is None else f" (first {early['pages_done']:,} of {early['pages_total']:,} pages)"
    quote = " ".join(citation["quote"].split())
    return f"[{citation['number']}] {citation['document']['name']}{where}{read}: {quote}"


def _link(button: dict[str, Any], url: str) -> str:
    return f"HS {button['display']}  {button['title_ko'] or button['title_en']}  {url}{button['url']}"
