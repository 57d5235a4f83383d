"""In which order a list of documents is, and where in it a page begins: the same for every store."""

from collections.abc import Mapping
from enum import StrEnum
from string import ascii_lowercase, ascii_uppercase
from typing import Final

from ingest.domain.standing import Status

Place = tuple[int | str, ...]
"""Of the last document of a page: its `place_of`."""
_LONGEST_KEY: Final = 100
_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
RANKS: Final[Mapping[Status, int]] = {"failed": 0, "processing": 1, "received": 2, "searchable": 3, "withdrawn": 4}
"""What wants somebody's attention comes first."""


class DocumentSort(StrEnum):
    """How a list of documents is sorted. Of what is alike in it, the newest comes first; of a name, the oldest."""

    NEWEST = "newest"
    OLDEST = "oldest"
    NAME = "name"
    SIZE = "size"
    """The largest first."""
    STATUS = "status"
    """What failed first, then what is on its way, then the rest."""


PLACE_KINDS: Final[Mapping[DocumentSort, type[Place]]] = {
    DocumentSort.NEWEST: tuple[int],
    DocumentSort.OLDEST: tuple[int],
    DocumentSort.NAME: tuple[str, int],
    DocumentSort.SIZE: tuple[int, int],
    DocumentSort.STATUS: tuple[int, int],
}
"""What a place is made of."""


def sort_name_of(name: str) -> str:
    """By what names are sorted: their first hundred characters, in which ASCII letters have no case.

    A store compares it by code points, as it does text.
    """
    return name[:_LONGEST_KEY].translate(_LOWER)


def place_of(sort: DocumentSort, number: int, *, sort_name: str, size: int, status: Status) -> Place:
    """Of a document, whose `number` rises with the order of arrival."""
    match sort:
        case DocumentSort.NAME:
            return (sort_name, number)
        case DocumentSort.SIZE:
            return (size, number)
        case DocumentSort.STATUS:
            return (RANKS[status], number)
        case _:
            return (number,)


def key_of(sort: DocumentSort, place: Place) -> Place:
    """What compares as the list is sorted."""
    match sort, place:
        case (DocumentSort.NEWEST, (int() as number,)):
            return (-number,)
        case (DocumentSort.SIZE, (int() as size, int() as number)):
            return (-size, -number)
        case (DocumentSort.STATUS, (rank, int() as number)):
            return (rank, -number)
        case _:
            return place
