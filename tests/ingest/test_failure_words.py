"""Why a document failed is said in the language of who reads it: there are words for every code that is documented."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCALES = ROOT / "src" / "ingest" / "interface" / "pages" / "locales"


def failure_codes() -> set[str]:
    """Those of the table of failures in docs/api.md."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    table = text.partition("Of failures they are:")[2].partition("\n## ")[0]
    return {
        code
        for line in table.splitlines()
        if line.startswith("| `")
        for code in re.findall(r"`([a-z_]+)`", line.split("|")[1])
    }


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_failure_has_words(language: str) -> None:
    words = json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))
    codes = failure_codes()
    assert {"encrypted", "too_much_memory"} <= codes
    assert {code for code in codes if f"problem.{code}" not in words} == set()
