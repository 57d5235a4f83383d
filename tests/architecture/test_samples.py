"""The samples are what their README says: listed, asked for, in the encodings and formats named."""

import json
import zipfile
from pathlib import Path
from typing import Final

import pytest

SAMPLES: Final = Path(__file__).parents[2] / "samples"
DOCUMENTS: Final = sorted((SAMPLES / "documents").iterdir())
QUESTIONS: Final[list[dict[str, str]]] = json.loads((SAMPLES / "questions.json").read_text(encoding="utf-8"))


def test_the_readme_lists_every_document() -> None:
    text = (SAMPLES / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in DOCUMENTS if f"`{path.name}`" not in text] == []


def test_every_document_is_asked_for_and_every_question_has_its_document() -> None:
    assert {question["document"] for question in QUESTIONS} == {f"documents/{path.name}" for path in DOCUMENTS}


def test_both_languages_are_asked_in() -> None:
    assert {question["language"] for question in QUESTIONS} == {"ko", "en"}


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("통관_보류_안내문.txt", "cp949"), ("과세가격_계산_메모.txt", "utf-16"), ("재택근무_지침.txt", "utf-8")],
)
def test_a_text_is_in_the_encoding_that_the_readme_names(name: str, encoding: str) -> None:
    raw = (SAMPLES / "documents" / name).read_bytes()
    assert "서가무역" in raw.decode(encoding)
    if encoding != "utf-8":
        with pytest.raises(UnicodeDecodeError):
            raw.decode("utf-8")
        source = (SAMPLES / "sources" / name).read_text(encoding="utf-8")
        assert raw.decode(encoding).replace("\r\n", "\n") == source


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.suffix == ".docx"], ids=lambda path: path.name)
def test_a_word_document_is_dated_the_same_whenever_it_is_made(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        assert {member.date_time for member in archive.infolist()} == {(2026, 1, 5, 9, 0, 0)}


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.suffix == ".pdf"], ids=lambda path: path.name)
def test_a_pdf_begins_as_one(path: Path) -> None:
    assert path.read_bytes().startswith(b"%PDF-")
