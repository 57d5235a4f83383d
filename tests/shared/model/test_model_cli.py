"""`seoga model …` as a person types it: what it prints, and its exit codes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import a_served_directory, seoga, seoga_json
from model_builders import a_tiny_model
from picture_builders import a_picture, as_file


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a server with a tiny model."""
    folder = tmp_path_factory.mktemp("house")
    with a_served_directory(folder / "data", model_path=a_tiny_model(folder / "model")):
        yield folder / "data"


def test_loads_shows_and_unloads(data: Path) -> None:
    said, _ = seoga(data, "model", "load")
    assert "embedding: ready, onnx fp32 on cpu, loaded in" in said
    said, _ = seoga(data, "model", "status")
    assert "model (en; 32 dimensions)" in said
    assert "caption      unavailable, no model is set; set SEOGA_CAPTION_MODEL" in said
    assert "consumers    search shared, process shared, api shared" in said
    said, _ = seoga(data, "model", "unload")
    assert "embedding: unloaded" in said
    assert seoga_json(data, "model", "load")["state"] == "ready"


@pytest.mark.slow
def test_bench_prints_every_engine_and_why_one_is_not_used(data: Path) -> None:
    said, _ = seoga(data, "model", "bench")
    assert "onnx fp32" in said
    assert [row["engine"] for row in seoga_json(data, "model", "bench")["engines"]]
    # From now on the table is part of the status.
    assert "onnx fp32" in seoga(data, "model", "status")[0].partition("Texts a second")[2]


def test_what_cannot_be_done_is_one_line_and_exit_code_one(data: Path) -> None:
    said, errors = seoga(data, "model", "load", "--model", "caption", code=1)
    assert said == ""
    assert "set SEOGA_CAPTION_MODEL" in errors
    assert len(errors.splitlines()) == 1
    assert seoga(data, "model", "load", "--model", "elephant", code=1)[1]


def test_looks_at_a_picture(data: Path, tmp_path: Path) -> None:
    if seoga_json(data, "model", "status")["pictures"]["ocr"]["state"] == "unavailable":
        pytest.skip("Tesseract's data are not installed (apt-get install tesseract-ocr-kor tesseract-ocr-eng)")
    picture = tmp_path / "harbour.png"
    picture.write_bytes(as_file(a_picture("harbour")))
    said, errors = seoga(data, "model", "look", picture)
    assert "harbour" in said
    assert "caption: no model is set" in errors
    answer = seoga_json(data, "model", "look", picture, "--languages", "eng")
    assert (answer["text"], answer["caption"]) == ("harbour", None)
    picture.write_bytes(b"no picture")
    assert "picture" in seoga(data, "model", "look", picture, code=1)[1]


def test_built_models_are_deleted_and_built_again(data: Path) -> None:
    seoga(data, "model", "load")
    said, _ = seoga(data, "model", "clear-cache")
    assert said.split()[1:] == ["built", "models", "deleted."]
    assert seoga_json(data, "model", "reload")["artefact"] == "built"
