"""`seoga lexicon` over a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import a_served_directory, seoga, seoga_json
from model_builders import a_tiny_model


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("lexicon")
    with a_served_directory(folder / "data", model_path=a_tiny_model(folder / "model")):
        yield folder / "data"


def test_a_lexicon_is_loaded_grows_and_shrinks(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "ours.txt"
    file.write_text("노트북, laptop # machines\n전자통관\n", encoding="utf-8")
    shown, _ = seoga(data, "lexicon", "load", file)
    assert shown == "1 groups of synonyms, 1 words that belong together\n"
    seoga(data, "lexicon", "add", "LAPTOP", "휴대용 컴퓨터")
    seoga(data, "lexicon", "add", "tea", "chai")
    seoga(data, "lexicon", "add", "비담누리")
    shown, _ = seoga(data, "lexicon", "show")
    assert shown == "노트북, laptop, 휴대용 컴퓨터\ntea, chai\n전자통관\n비담누리\n"
    seoga(data, "lexicon", "remove", "Tea")
    assert seoga_json(data, "lexicon", "remove", "전자통관") == {
        "version": 6,
        "synonyms": [["노트북", "laptop", "휴대용 컴퓨터"]],
        "words": ["비담누리"],
    }
    _, errors = seoga(data, "lexicon", "remove", "nothing", code=1)
    assert "'nothing' is not in the lexicon" in errors


def test_a_file_that_is_no_lexicon_is_one_line(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "wrong.txt"
    file.write_bytes(b"\xff\xfe")
    assert "is not in UTF-8" in seoga(data, "lexicon", "load", file, code=1)[1]
    file.write_text("a, A\n")
    assert "synonyms.0" in seoga(data, "lexicon", "load", file, code=1)[1]
