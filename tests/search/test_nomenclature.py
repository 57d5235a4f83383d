"""The packaged nomenclature: whole, connected, quick to load, and what became of older codes."""

import subprocess
import sys
import time
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from search.domain.tariff.nomenclature import Nomenclature
from search.infrastructure.nomenclature import PackagedNomenclature
from shared.tariff.codes import ancestors

ALL: Final = PackagedNomenclature().nomenclature()
_CODES: Final = st.sampled_from(tuple(ALL))


def test_it_is_whole() -> None:
    levels = [len(code) for code in ALL]
    assert {level: levels.count(level) for level in (2, 4, 6, 10)} == {2: 96, 4: 1228, 6: 5612, 10: 11328}
    assert all(ALL[code].title_en for code in ALL if len(code) <= 6)
    assert all(ALL[code].title_ko for code in ALL if len(code) in (2, 10))


@given(_CODES)
def test_every_code_hangs_on_its_chapter(code: str) -> None:
    assert [entry.code for entry in ALL.path(code)] == [*ancestors(code), code]
    assert all(child.code.startswith(code) and child.level > len(code) for child in ALL.children(code))
    assert len(code) == 2 or code in [child.code for child in ALL.children(ancestors(code)[-1])]


@given(_CODES)
def test_a_title_that_says_nothing_takes_the_words_above_it(code: str) -> None:
    assert ALL.words(code).strip() not in ("", "기타", "Other", "Other \n기타")


def test_older_codes_lead_to_those_of_today() -> None:
    assert ALL.standing("851712") == "superseded"
    assert ALL.superseded_by("851712") == ("851713", "851714")
    assert ALL.superseded_by("8517120000") == ("851713", "851714")
    assert ALL.superseded_by("8803") == ("8807",)
    assert ALL.superseded_by("847130") == ALL.superseded_by("999999") == ()
    assert (ALL.standing("847130"), ALL.standing("84713000"), ALL.standing("123456")) == (
        "current",
        "current",
        "unknown",
    )


@given(st.text(alphabet="0123456789", min_size=1, max_size=11))
def test_successors_are_of_today(code: str) -> None:
    assert all(one in ALL for one in ALL.superseded_by(code))
    assert ALL.nearest(code) is None or code.startswith(ALL.nearest(code) or "x")


def test_an_entry_has_what_the_tariff_says_of_it() -> None:
    entry = ALL["8471300000"]
    assert entry.title_ko is not None
    assert entry.title_ko.startswith("휴대용 자동자료처리기계")
    assert (entry.unit, entry.goods_ko, entry.level) == ("U, KG", "컴퓨터", 10)
    assert (str(entry.valid_from), str(entry.valid_to)) == ("2013-01-01", "2025-12-31")


def test_a_small_nomenclature_without_titles() -> None:
    small = Nomenclature({"84": "84\tMachinery", "8471": "8471\tComputers"}, {})
    assert small["84"].title_ko is None
    assert small.children("8471") == ()
    assert small.get("8472") is None


def test_it_is_loaded_when_it_is_asked_for_and_no_sooner() -> None:
    """Whoever imports Search's wiring has not read it; a process that asks has it within 0.1 s of its own time."""
    code = (
        "import time, search.container\n"
        "from search.infrastructure.nomenclature import PackagedNomenclature\n"
        "packaged = PackagedNomenclature()\n"
        "assert packaged._nomenclature is None\n"
        "began = time.process_time(); packaged.nomenclature(); packaged.titles(); print(time.process_time() - began)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # Measured: 0.05 s. What a busy machine adds is no reason to fail; a parser of every row is.
    assert float(answer.stdout) < 0.4


def test_it_is_read_once() -> None:
    packaged = PackagedNomenclature()
    packaged.nomenclature()
    began = time.process_time()
    assert packaged.nomenclature() is packaged.nomenclature()
    assert time.process_time() - began < 0.05
