"""Lists of documents that the child has told already: it names one again instead of sending thousands of ids."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.kernel import DocumentId

_MOST_LISTS: Final = 8
_MOST_DOCUMENTS: Final = 40_000
"""In all of them, some 6 MB."""


class KnownLists:
    """The newest by the names that children gave them, which no two lists share. A list never changes."""

    def __init__(self, *, most_lists: int = _MOST_LISTS, most_documents: int = _MOST_DOCUMENTS) -> None:
        self._most_lists = most_lists
        self._most_documents = most_documents
        self._lists: OrderedDict[bytes, frozenset[DocumentId]] = OrderedDict()
        self._documents = 0

    def now(self) -> Mapping[bytes, frozenset[DocumentId]]:
        """Those that need not be told again to who asks now."""
        return dict(self._lists)

    def documents_of(
        self, answer: dict[str, Any], known: Mapping[bytes, frozenset[DocumentId]]
    ) -> frozenset[DocumentId]:
        """What the child tells whom it was said what is `known`: the same object for the same list."""
        name: bytes | None = answer["list"]
        listed: frozenset[DocumentId] = frozenset()
        if name is not None:
            listed = known[name] if name in known else self._learn(name, answer["documents"])
        more = [DocumentId(one) for one in answer["more"]]
        return listed if listed.issuperset(more) else listed.union(more)

    def _learn(self, name: bytes, told: Sequence[str]) -> frozenset[DocumentId]:
        if name in self._lists:  # somebody else was told meanwhile
            return self._lists[name]
        listed = self._lists[name] = frozenset(map(DocumentId, told))
        self._documents += len(listed)
        while len(self._lists) > self._most_lists or self._documents > self._most_documents:
            self._documents -= len(self._lists.popitem(last=False)[1])
        return listed
