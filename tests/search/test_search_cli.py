"""How `seoga search` shows what was found."""

import json
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text
from typer.testing import CliRunner

from search.interface.cli import build_commands
from search.interface.hit_lines import passage
from shared.runtime.client import Absent


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


def an_explanation(**changes: Any) -> dict[str, Any]:
    why = {"dense_score": 0.8, "sparse_score": 4.0, "dense_weight": 0.5, "sparse_weight": 0.5, "query_language": "ko"}
    return {**why, **changes}


def run(answer: httpx.Response, *arguments: str) -> tuple[int, str, str, list[httpx.Request]]:
    """Runs the command against a server that gives this answer: exit code, both outputs, what was asked."""
    asked: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer

    def connect(_: Absent = "refuse", /) -> AbstractContextManager[httpx.Client]:
        return nullcontext(httpx.Client(transport=httpx.MockTransport(respond), base_url="http://127.0.0.1:9"))

    result = CliRunner().invoke(build_commands(connect), ["search", *arguments])
    return result.exit_code, result.stdout, result.stderr, asked


def test_shows_name_page_headings_text_and_score() -> None:
    code, output, _, asked = run(httpx.Response(200, json=an_answer(a_hit())), "관세율", "-c", "default", "-n", "3")
    assert code == 0
    assert "1. 관세/노트북.pdf  p. 3  관세 › 품목 분류  [default] 0.875" in output
    assert "노트북의 관세율은 0%이다." in output
    assert "1 of 1 documents in 12 ms; for whole passages, --full" in output
    assert (
        asked[0].read().decode()
        == httpx.Request(
            "POST",
            "http://127.0.0.1:9",
            json={
                "query": "관세율",
                "mode": "hybrid",
                "limit": 3,
                "filters": {"collection": "default"},
                "group_by": "document",
                "explain": True,
            },
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


def test_words_need_no_quotes() -> None:
    asked = run(httpx.Response(200, json=an_answer()), "노트북", "관세율", "-n", "3")[3]
    assert json.loads(asked[0].read())["query"] == "노트북 관세율"


def test_a_document_takes_three_lines_however_long_its_passage() -> None:
    long = a_hit()
    long["chunk"] = {**long["chunk"], "text": "노트북의 관세율은\n0%이다. " * 200}
    other = a_hit(document={**a_hit()["document"], "id": "e", "name": "둘째.txt"})
    _, output, _, _ = run(httpx.Response(200, json=an_answer(long, other)), "관세율")
    lines = output.splitlines()
    assert [line[:2] for line in lines if line[0].isdigit()][:2] == ["1.", "2."]
    assert lines.index(next(line for line in lines if line.startswith("2."))) == 3


def test_full_shows_every_passage_of_a_document_whole_under_its_name() -> None:
    second = a_hit(highlights=[])
    second["chunk"] = {**second["chunk"], "id": "2", "page": 4, "text": "x" * 900 + "\nend"}
    code, output, _, asked = run(httpx.Response(200, json=an_answer(a_hit(), second)), "관세율", "--full")
    assert code == 0
    assert "group_by" not in json.loads(asked[0].read())
    assert output.count("관세/노트북.pdf") == 1
    assert "x" * 900 in output and "   end\n" in output and "p. 4" in output
    assert "2 of 2 passages in 1 document" in output


def test_says_where_the_rest_is_and_goes_there() -> None:
    pages = [an_answer(a_hit(), next_cursor="two", total=2), an_answer(a_hit())]
    _, output, _, _ = run(httpx.Response(200, json=pages[0]), "관세율", "-n", "1")
    assert "for the next, --page 2" in output

    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=pages["cursor" in json.loads(request.read())])

    def connect(_: Absent = "refuse", /) -> AbstractContextManager[httpx.Client]:
        return nullcontext(httpx.Client(transport=httpx.MockTransport(respond), base_url="http://127.0.0.1:9"))

    result = CliRunner().invoke(build_commands(connect), ["search", "관세율", "-n", "1", "--page", "2"])
    assert result.stdout.startswith("2. ")
    missing = CliRunner().invoke(build_commands(connect), ["search", "관세율", "-n", "1", "--page", "3"])
    assert (missing.exit_code, missing.stderr) == (1, "There is no page 3: fewer were found.\n")


@pytest.mark.parametrize(
    ("query", "changes", "weak"),
    [
        ("관세율", {"explain": an_explanation()}, False),
        ("잔지바르", {"explain": an_explanation(sparse_score=None), "highlights": []}, True),
        # No word can be in both: meaning is all there is to go by.
        ("tariff of notebooks", {"explain": an_explanation(sparse_score=None), "highlights": []}, False),
        # Asked for by meaning alone.
        ("잔지바르", {"explain": an_explanation(sparse_score=None, sparse_weight=0.0), "highlights": []}, False),
        ("잔지바르 항구의 관세율 역사", {"explain": an_explanation(), "score": 0.2}, True),
        ("잔지바르 항구의 관세율 역사", {"explain": an_explanation(), "score": 0.9}, False),
    ],
)
def test_a_weak_match_is_said_to_be_weak(query: str, changes: dict[str, Any], weak: bool) -> None:
    _, output, _, _ = run(httpx.Response(200, json=an_answer(a_hit(**changes))), query)
    assert ("  weak" in output.splitlines()[0]) is weak
    assert ("Only weak matches" in output) is weak


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


def test_what_was_likely_meant_is_told() -> None:
    answer = an_answer(a_hit(), did_you_mean="노트북 관세율")
    _, output, _, _ = run(httpx.Response(200, json=answer), "노트뷱")
    assert output.startswith("Searched for “노트북 관세율” too.")
