"""How a chunk stands in search.sqlite: half as long as its JSON, and read in some microseconds.

A zlib stream (it carries a checksum) for which what every chunk's JSON says is known beforehand. A chunk alone and not
with its neighbours: a hit needs one or a few of a document that may have thousands. Rows of an earlier Seoga are JSON,
and are read as they are.
"""

import zlib
from typing import Final

from shared.artefacts.chunks import Chunk

# Never changed: what was written with it is read with it alone. What is most likely stands last.
_KNOWN: Final = (
    b'"box":[0.0,0.1,0.9,1.0],"tables":[{"start":0,"end":0,"header":"","own_header_rows":1}]}'
    b'{"ordinal":0,"kind":"title","text":"{"ordinal":1,"kind":"code","text":"{"ordinal":2,"kind":"heading","text":"'
    b'{"ordinal":3,"kind":"table","text":"{"ordinal":4,"kind":"list_item","text":"","page":1,"headings":["","language":'
    b'"ko","box":[0.","page":null,"headings":[],"language":"en"}{"ordinal":5,"kind":"paragraph","text":"","start":1,"end":'
)
_LEVEL: Final = 6


def to_bytes(chunk: Chunk) -> bytes:
    """What the row has; some 100 µs."""
    deflating = zlib.compressobj(_LEVEL, zdict=_KNOWN)
    return deflating.compress(chunk.to_json().encode()) + deflating.flush()


def to_json(stored: bytes) -> bytes:
    """The chunk's JSON. Raises zlib.error for what is not as it was written."""
    if stored.startswith(b"{"):
        return stored
    inflating = zlib.decompressobj(zdict=_KNOWN)
    found = inflating.decompress(stored)
    if not inflating.eof:
        raise zlib.error("it is cut off")
    return found
