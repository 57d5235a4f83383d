"""The command `eval`: reads the set, asks, shows."""

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.kernel import InvalidInput
from shared.runtime.client import Connect, print_json, printable, problems_to_stderr

if TYPE_CHECKING:
    import httpx

    from search.interface.evaluation.judged import Judged

_COLLECTION = "--collection"


def add_command(commands: typer.Typer, connect: Connect) -> None:
    """Adds it to the commands of Search."""

    @commands.command("eval")
    def evaluate(
        folder: Annotated[
            Path, typer.Argument(file_okay=False, exists=True, help="queries.jsonl, qrels.tsv, maybe corpus.jsonl.")
        ],
        collection: Annotated[
            str | None,
            typer.Option(_COLLECTION, "-c", help="Where to ask; with a corpus eval- and the folder's name."),
        ] = None,
        mode: Annotated[str, typer.Option(help="hybrid, keyword or vector.")] = "hybrid",
        compare: Annotated[
            Path | None, typer.Option(exists=True, dir_okay=False, help="What an earlier run printed with --json.")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    ) -> None:
        """Ask the questions of a judged set and say how good the answers are, and whether that has changed."""
        from search.domain.evaluation import compared
        from search.interface.evaluation.judged import read_judged
        from search.interface.evaluation.outcome import read_outcome

        with problems_to_stderr():
            judged = read_judged(folder)
            base = read_outcome(compare) if compare is not None else None
            if not judged.corpus and collection is None:
                raise InvalidInput(f"'{folder}' has no corpus.jsonl: name a collection with {_COLLECTION}.")
            where = collection or f"eval-{folder.resolve().name}"
            with connect() as client:
                outcome = {"name": folder.resolve().name, **_run(client, judged, where, mode)}
            if base is not None:
                outcome["comparison"] = compared(base["per_question"], outcome["per_question"])
        print_json(outcome) if as_json else _show(outcome)


def _run(client: "httpx.Client", judged: "Judged", collection: str, mode: str) -> dict[str, Any]:
    from search.domain.evaluation import summary
    from search.domain.judging import measured
    from search.domain.language import language_of
    from search.interface.evaluation.asking import ask, known_names, put_in

    if judged.corpus:
        put_in(client, judged.corpus, collection, lambda done: _tell(f"{done} of {len(judged.corpus)} documents"))
    there = known_names(client, collection)
    unknown = {name for grades in judged.grades.values() for name in grades if name not in there}
    started = time.perf_counter()
    questions = []
    degraded: Counter[str] = Counter()
    for number, (key, text) in enumerate(judged.questions.items(), start=1):
        answer = ask(client, text, collection=collection, mode=mode)
        degraded.update(answer["degraded"])
        values = measured(answer["names"], judged.grades[key])
        questions.append({"id": key, "text": text, "language": language_of(text), **values})
        if number % 50 == 0:
            _tell(f"{number} of {len(judged.questions)} questions")
    return {
        "collection": collection,
        "mode": mode,
        "questions": len(questions),
        "without_answer": judged.without_answer,
        "unknown_documents": len(unknown),
        **summary(questions),
        "degraded": dict(degraded),
        "took_ms": round((time.perf_counter() - started) * 1000),
    }


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _show(outcome: dict[str, Any]) -> None:
    typer.echo(printable(f"{outcome['name']} ({outcome['mode']}): {outcome['questions']} questions"))
    if outcome["without_answer"]:
        typer.echo(f"left out: {outcome['without_answer']} that nothing is relevant to")
    if outcome["unknown_documents"]:
        typer.echo(f"not in the collection: {outcome['unknown_documents']} relevant documents, which count as missed")
    for name, value in outcome["metrics"].items():
        low, high = outcome["intervals"][name]
        by_language = "  ".join(f"{code} {said[name]:.3f}" for code, said in outcome["per_language"].items())
        typer.echo(f"{name:<10} {value:.3f}  [{low:.3f}, {high:.3f}]  {by_language}")
    for what, times in outcome["degraded"].items():
        typer.echo(printable(f"without {what}: {times} answers"))
    if "comparison" not in outcome:
        return
    comparison = outcome["comparison"]
    typer.echo(f"compared over {comparison['questions']} questions")
    for name, said in comparison["differences"].items():
        low, high = said["interval"]
        typer.echo(f"{name:<10} {said['difference']:+.3f}  [{low:+.3f}, {high:+.3f}]  p = {said['p']:.4f}")
    for title in ("losers", "winners"):
        for change in comparison[title]:
            said = f"{title[:-1]}  {change['before']:.3f} → {change['after']:.3f}  {change['id']}  {change['text']}"
            typer.echo(printable(said))
