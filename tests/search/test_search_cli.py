"""How `seoga search` shows what was found."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text
from typer.testing import CliRunner

from search.interface.cli import build_commands, passage


def styled(text: Text) -> list[str]:
    """The pieces of the text that are coloured."""
    return [text.plain[span.start : span.end] for span in text.spans if span.style]


def a_hit(**changes: Any) -> dict[str, Any]:
    chunk = {
        "id": "1",
        "ordinal": 0,
        "kind": "text",
        "text": "노트북의 관세율은 0%이다.",
        "start": 0,
        "end": 15,
        "page": 3,
        "box": None,
        "headings": ["관세", "품목 분류"],
    }
    document = {
        "id": "d",
        "name": "관세/노트북.pdf",
        "collection": "default",
        "revision": 1,
        "media_type": "application/pdf",
        "metadata": {},
    }
    return {"score": 0.875, "document": document, "chunk": chunk, "highlights": [{"start": 5, "end": 8}], **changes}


def an_answer(*hits: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "hits": list(hits),
        "facets": {},
        "total": len(hits),
        "total_is_exact": True,
        "next_cursor": None,
        "index_version": 1,
        "took_ms": 12.3,
        "degraded": [],
        **changes,
    }


def run(answer: httpx.Response, *arguments: str) -> tuple[int, str, str, list[httpx.Request]]:
    """Runs the command against a server that gives this answer: exit code, both outputs, what was asked."""
    asked: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer

    def connect() -> AbstractContextManager[httpx.Client]:
        return nullcontext(httpx.Client(transport=httpx.MockTransport(respond), base_url="http://127.0.0.1:9"))

    result = CliRunner().invoke(build_commands(connect), list(arguments))
    return result.exit_code, result.stdout, result.stderr, asked


def test_shows_name_page_headings_text_and_score() -> None:
    code, output, _, asked = run(httpx.Response(200, json=an_answer(a_hit())), "관세율", "-c", "default", "-n", "3")
    assert code == 0
    assert "1. 관세/노트북.pdf  p. 3  관세 › 품목 분류  [default] 0.875" in output
    assert "노트북의 관세율은 0%이다." in output
    assert "1 of 1 matches in 12 ms" in output
    assert (
        asked[0].read().decode()
        == httpx.Request(
            "POST",
            "http://127.0.0.1:9",
            json={"query": "관세율", "mode": "hybrid", "limit": 3, "filters": {"collection": "default"}},
        )
        .read()
        .decode()
    )


def test_says_when_nothing_was_found_and_what_was_missing() -> None:
    code, output, _, _ = run(httpx.Response(200, json=an_answer(degraded=["model"])), "zanzibar")
    assert code == 0
    assert "Nothing found for “zanzibar”." in output
    assert "Degraded, without: model" in output


def test_json_is_one_document_and_nothing_else() -> None:
    answer = an_answer(a_hit(), degraded=["model"])
    code, output, errors, _ = run(httpx.Response(200, json=answer), "관세율", "--json")
    assert (code, errors) == (0, "")
    assert httpx.Response(200, text=output).json() == answer


def test_a_problem_goes_to_standard_error() -> None:
    problem = {"title": "Not found", "status": 404, "detail": "There is no collection named 'x'.", "code": "c"}
    code, output, errors, _ = run(httpx.Response(404, json=problem), "관세율", "-c", "x")
    assert (code, output) == (1, "")
    assert errors == "Not found: There is no collection named 'x'.\n"


def test_a_wrong_mode_or_limit_is_a_usage_error() -> None:
    for wrong in (["--mode", "magic"], ["--limit", "0"], []):
        arguments = ["x", *wrong] if wrong else []
        assert run(httpx.Response(200, json=an_answer()), *arguments)[0] == 2


def test_colours_the_matches() -> None:
    assert styled(passage("노트북의 관세율은 0%이다.", [{"start": 5, "end": 8}, {"start": 10, "end": 12}])) == [
        "관세율",
        "0%",
    ]


def test_a_long_passage_is_cut_around_its_first_match() -> None:
    text = "x" * 1_000 + "needle" + "y" * 1_000
    shown = passage(text, [{"start": 1_000, "end": 1_006}], characters=200)
    assert styled(shown) == ["needle"]
    assert shown.plain.strip().startswith("…x")
    assert shown.plain.endswith("y…")
    assert len(shown.plain.strip()) == 202


def test_markup_and_control_characters_in_a_document_are_only_text() -> None:
    shown = passage("[red]a\x1b[31mb[/red]\nc", [])
    assert shown.plain.strip() == "[red]a\ufffd[31mb[/red] c"


@given(
    st.text(min_size=1, max_size=600),
    st.lists(st.tuples(st.integers(0, 599), st.integers(1, 50)), max_size=5),
)
def test_a_match_is_coloured_where_it_is_whatever_the_text(text: str, places: list[tuple[int, int]]) -> None:
    marks = [{"start": start, "end": min(start + size, len(text))} for start, size in places if start < len(text)]
    shown = passage(text, marks, characters=100)
    if marks:
        first = min(mark["start"] for mark in marks)
        assert any(text[first] == piece[0] or not text[first].isprintable() for piece in styled(shown))
