"""The packaged nomenclature: rows and the index of their titles, read when they are first asked for."""

import gzip
import threading
from pathlib import Path
from typing import Final

from typing_extensions import override

from search.application.ports.nomenclature import NomenclatureSource
from search.application.title_index import TitleIndex
from search.domain.tariff.nomenclature import Nomenclature

DATA: Final = Path(__file__).parent / "nomenclature_data"
ROWS_FILE: Final = "nomenclature.tsv.gz"
INDEX_FILE: Final = "titles.bin"


class PackagedNomenclature(NomenclatureSource):
    """What is shipped (HS 2022, HSK 2025), once per process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nomenclature: Nomenclature | None = None
        self._titles: TitleIndex | None = None

    @override
    def nomenclature(self) -> Nomenclature:
        with self._lock:
            if self._nomenclature is None:
                text = gzip.decompress((DATA / ROWS_FILE).read_bytes()).decode()
                rows = {line[: line.index("\t")]: line for line in text.split("\n")}
                successors = dict(
                    (old, tuple(new.split()))
                    for old, new in (
                        line.split("\t") for line in (DATA / "successors.tsv").read_text(encoding="utf-8").splitlines()
                    )
                )
                self._nomenclature = Nomenclature(rows, successors)
            return self._nomenclature

    @override
    def titles(self) -> TitleIndex:
        with self._lock:
            if self._titles is None:
                self._titles = TitleIndex.from_bytes((DATA / INDEX_FILE).read_bytes())
            return self._titles
