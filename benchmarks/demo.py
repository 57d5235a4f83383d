"""The demo: starts a real server in a temporary folder, sends the samples through it, and searches them.

`python -m benchmarks.demo` (or `make demo`). Exit code 1 when a document failed or a search did not find what it
should. Nothing is left behind.
"""

import json
import mimetypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

ROOT: Final = Path(__file__).resolve().parents[1]
SAMPLES: Final = ROOT / "samples"
COLLECTION: Final = "samples"
FINISHED: Final = ("searchable", "failed", "refused", "withdrawn")
STAGES: Final = ("parse", "ocr", "chunk", "embed", "index")
TOP: Final = 3
_START_SECONDS: Final = 60.0
_PROCESS_SECONDS: Final = 120.0
_SNIPPET_CELLS: Final = 60
_WIDE_CELLS: Final = 150


class DemoFailed(Exception):
    """The demo cannot go on; `str(error)` says why."""


@dataclass(slots=True)
class Timings:
    """Seconds of each part, and everything that went wrong."""

    seconds: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Adds how long the block took."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] = time.perf_counter() - started


def main() -> int:
    """Runs the demo; gives the exit code."""
    console = Console() if sys.stdout.isatty() else Console(width=160, no_color=True, highlight=False)
    timings = Timings()
    started = time.perf_counter()
    try:
        _run(console, timings)
    except (DemoFailed, httpx.HTTPError) as error:
        timings.problems.append(
            f"{type(error).__name__}: {error}" if isinstance(error, httpx.HTTPError) else str(error)
        )
    timings.seconds["total"] = time.perf_counter() - started
    _print_summary(console, timings)
    return 1 if timings.problems else 0


def _run(console: Console, timings: Timings) -> None:
    files = [*sorted((SAMPLES / "documents").iterdir()), *sorted((SAMPLES / "scans").glob("*.pdf"))]
    questions = _questions("questions.json")
    with ExitStack() as stack:
        data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seoga-demo-")))
        with timings.timed("start"):
            url = stack.enter_context(_server(data_dir))
        console.print(f"Seoga serves {url}; its data directory is temporary.\n", markup=False)
        client = stack.enter_context(httpx.Client(base_url=url, timeout=60, trust_env=False))
        with timings.timed("upload"):
            uploaded = _upload(client, files)
        with timings.timed("process"):
            documents = _follow(console, client, uploaded)
        _print_documents(console, client, documents, timings)
        unread = [document["name"] for document in documents if _is_unread_scan(document)]
        if not unread:
            questions += _questions("scans/questions.json")
        with timings.timed("search"):
            answers = [_ask(client, question) for question in questions]
        _print_answers(console, answers, timings)


def _questions(name: str) -> list[dict[str, str]]:
    questions: list[dict[str, str]] = json.loads((SAMPLES / name).read_text(encoding="utf-8"))
    return questions


def _is_unread_scan(document: dict[str, Any]) -> bool:
    """Whether the machine has no OCR to read it, which is no failure of the demo."""
    is_scan = (SAMPLES / "scans" / document["name"]).is_file()
    return is_scan and (document.get("problem") or {}).get("code") == "no_text"


@contextmanager
def _server(data_dir: Path) -> Iterator[str]:
    """A server of its own process, ready; gives its URL. Ended with SIGTERM, as an operator would."""
    # The demo shows the defaults: settings of the person who runs it stay out, and so does a .env.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEOGA_")}
    log = data_dir / "server.log"
    command = [
        str(Path(sys.executable).with_name("seoga")),
        "serve",
        "--port",
        "0",
        "--data-dir",
        str(data_dir / "data"),
    ]
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=data_dir, env=environment, stdout=output, stderr=output)
    try:
        yield _wait_until_ready(server, data_dir / "data" / "server.json", log)
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until_ready(server: "subprocess.Popen[bytes]", address: Path, log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    with httpx.Client(timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline and server.poll() is None:
            time.sleep(0.02)
            try:
                url: str = json.loads(address.read_text(encoding="utf-8"))["url"]
                if client.get(f"{url}/health/ready").status_code == 200:
                    return url
            except (OSError, ValueError, httpx.TransportError):
                continue
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
    raise DemoFailed(f"The server did not become ready. The end of its log:\n{tail}")


def _upload(client: httpx.Client, files: Sequence[Path]) -> list[dict[str, Any]]:
    """All files in one request."""
    with ExitStack() as stack:
        parts = [
            ("files", (file.name, stack.enter_context(file.open("rb")), mimetypes.guess_type(file.name)[0]))
            for file in files
        ]
        answer = client.post("/api/v1/documents", files=parts, data={"collection": COLLECTION})
    if answer.status_code not in (200, 202):
        raise DemoFailed(f"The upload was answered with {answer.status_code}: {answer.text}")
    documents: list[dict[str, Any]] = answer.json()["documents"]
    return documents


def _follow(console: Console, client: httpx.Client, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The documents once each is searchable or failed."""
    deadline = time.monotonic() + _PROCESS_SECONDS
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Processing", total=len(documents))
        while True:
            documents = [
                document if document["status"] in FINISHED else _document(client, document["id"])
                for document in documents
            ]
            done = sum(document["status"] in FINISHED for document in documents)
            progress.update(task, completed=done)
            if done == len(documents):
                return documents
            if time.monotonic() > deadline:
                waiting = ", ".join(item["name"] for item in documents if item["status"] not in FINISHED)
                raise DemoFailed(f"Not done after {_PROCESS_SECONDS:.0f} s: {waiting}")
            time.sleep(0.05)


def _document(client: httpx.Client, document_id: str) -> dict[str, Any]:
    document: dict[str, Any] = client.get(f"/api/v1/documents/{document_id}").raise_for_status().json()
    return document


def _journey(client: httpx.Client, document_id: str) -> dict[str, Any]:
    """The finished journey; Monitor hears of the end a moment after Ingest does."""
    deadline = time.monotonic() + 5
    while True:
        answer = client.get(f"/api/v1/monitor/journeys/{document_id}")
        if answer.status_code == 200:
            # Newest version first.
            journey: dict[str, Any] = answer.json()["items"][0]
            if journey["finished_at"] or time.monotonic() > deadline:
                return journey
        elif answer.status_code != 404 or time.monotonic() > deadline:
            answer.raise_for_status()
        time.sleep(0.02)


def _ask(client: httpx.Client, question: dict[str, str]) -> dict[str, Any]:
    """One search and what became of it."""
    started = time.perf_counter()
    answer = client.post(
        "/api/v1/search",
        json={
            "query": question["query"],
            "limit": TOP,
            "group_by": "document",
            "filters": {"collection": COLLECTION},
        },
    ).raise_for_status()
    milliseconds = (time.perf_counter() - started) * 1000
    hits = answer.json()["hits"]
    expected = Path(question["document"]).name
    names = [hit["document"]["name"] for hit in hits]
    return {
        "query": question["query"],
        "hits": hits,
        "expected": expected,
        "place": names.index(expected) + 1 if expected in names else None,
        "milliseconds": milliseconds,
        "degraded": answer.json()["degraded"],
    }


def _table(console: Console, title: str) -> Table:
    return Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False
    )


def _print_documents(
    console: Console, client: httpx.Client, documents: Sequence[dict[str, Any]], timings: Timings
) -> None:
    table = _table(console, "Documents (milliseconds of work per stage)")
    for column in ("name", "type", "lang", "status"):
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    for column in ("chunks", *STAGES, "total"):
        table.add_column(column, justify="right")
    for document in documents:
        if document["status"] != "searchable":
            detail = (document.get("problem") or {}).get("detail", "no reason given")
            if _is_unread_scan(document):
                console.print(f"{document['name']} is not read here: {detail}\n", markup=False)
            else:
                timings.problems.append(f"{document['name']} is {document['status']}: {detail}")
        numbers = [""] * (len(STAGES) + 2)
        if document["status"] in ("searchable", "failed"):
            journey = _journey(client, document["id"])
            numbers = [
                str(_chunk_count(client, document)),
                *(_milliseconds(journey["stage_seconds"].get(stage)) for stage in STAGES),
                _milliseconds(journey["total_seconds"]),
            ]
        # A refused file never became a document: it has no type and no id.
        kind = (document["media_type"] or "").rpartition("/")[2].rpartition(".")[2]
        table.add_row(document["name"], kind, document["language"] or "", document["status"], *numbers)
    console.print(table)


def _chunk_count(client: httpx.Client, document: dict[str, Any]) -> int:
    """How many chunks it has; none when it failed before it had any."""
    if document["status"] != "searchable":
        return 0
    page = client.get(f"/api/v1/documents/{document['id']}/chunks", params={"limit": 1}).raise_for_status().json()
    count: int = page["total"]
    return count


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:,.0f}"


def _print_answers(console: Console, answers: Sequence[dict[str, Any]], timings: Timings) -> None:
    table = _table(console, "Searches")
    table.add_column("query", no_wrap=True, overflow="ellipsis", max_width=42)
    table.add_column("first hit", no_wrap=True, overflow="ellipsis", max_width=32)
    wide = console.width >= _WIDE_CELLS
    if wide:
        table.add_column("what matched", no_wrap=True)
    table.add_column("expected", no_wrap=True, justify="right")
    table.add_column("ms", no_wrap=True, justify="right")
    for answer in answers:
        place = answer["place"]
        if place is None:
            timings.problems.append(f"{answer['query']!r} did not find {answer['expected']} among the first {TOP}.")
        if answer["degraded"]:
            timings.problems.append(f"{answer['query']!r} was degraded: {', '.join(answer['degraded'])}.")
        first = answer["hits"][0] if answer["hits"] else None
        name = Text(first["document"]["name"] if first else "nothing")
        snippet = _snippet(first, marks=not console.is_terminal) if first else Text()
        table.add_row(
            Text(answer["query"]),
            *((name, snippet) if wide else (Text("\n").join((name, snippet)),)),
            {1: "first", None: "MISSING"}.get(place, f"place {place}"),
            f"{answer['milliseconds']:.1f}",
        )
    console.print(table)
    firsts = sum(answer["place"] == 1 for answer in answers)
    console.print(f"{firsts} of {len(answers)} expected documents came first.\n", markup=False)


def _snippet(hit: dict[str, Any], *, marks: bool) -> Text:
    """A piece of the chunk around its first highlight; `marks` writes brackets where no colour is seen."""
    text: str = hit["chunk"]["text"]
    highlights = sorted(hit["highlights"], key=lambda mark: mark["start"])
    begin = max(0, highlights[0]["start"] - 12) if highlights else 0
    end = min(len(text), begin + 2 * _SNIPPET_CELLS)
    snippet, at = Text("…" if begin else ""), begin
    for mark in highlights:
        if mark["start"] < at or mark["end"] > end:
            continue
        snippet.append(_one_line(text[at : mark["start"]]))
        word = _one_line(text[mark["start"] : mark["end"]])
        snippet.append(f"[{word}]" if marks else word, style="bold yellow")
        at = mark["end"]
    snippet.append(_one_line(text[at:end]))
    snippet.truncate(_SNIPPET_CELLS, overflow="ellipsis")
    return snippet


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _print_summary(console: Console, timings: Timings) -> None:
    table = _table(console, "Summary")
    table.add_column("part")
    table.add_column("seconds", justify="right")
    for part, seconds in timings.seconds.items():
        table.add_row(part, f"{seconds:.2f}")
    console.print(table)
    for problem in timings.problems:
        console.print(problem, markup=False)
    console.print("The demo failed." if timings.problems else "Everything was found.", markup=False)


if __name__ == "__main__":
    sys.exit(main())
