"""Where the nomenclature comes from."""

from typing import Protocol

from search.application.title_index import TitleIndex
from search.domain.tariff.nomenclature import Nomenclature


class NomenclatureSource(Protocol):
    """Reads what it has at the first call, and gives the same from then on; safe from any thread."""

    def nomenclature(self) -> Nomenclature:
        """All codes of the edition; within 0.1 s the first time, since a question waits for it."""
        ...

    def titles(self) -> TitleIndex:
        """The words of their titles, for the codes of `nomenclature` in their order; as quick."""
        ...
