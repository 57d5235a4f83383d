"""Signatures of texts (MinHash): short, and as alike as the texts are; Process makes them, Ingest compares them."""

import base64
from dataclasses import dataclass
from typing import Final

PLACES: Final = 128
"""Bytes of a signature. The standard error of a similarity is then at most 0.045."""
_BANDS: Final = 20
_ROWS: Final = 6
"""Places of a band: of two texts at 0.75 one band at least is the same with 98 %, at 0.5 with 27 %."""
_CHANCE: Final = 1 / 256
"""How often two places are the same though the texts are not."""


@dataclass(frozen=True, slots=True)
class Signature:
    """At each place the lowest hash, cut to a byte, of the shingles that fall there."""

    places: bytes

    def __post_init__(self) -> None:
        """Raises ValueError for another length."""
        if len(self.places) != PLACES:
            raise ValueError(f"A signature has {PLACES} places, not {len(self.places)}.")

    def similarity(self, other: "Signature") -> float:
        """Which share of the shingles of both texts together is in both (Jaccard), estimated; from 0 to 1."""
        same = sum(a == b for a, b in zip(self.places, other.places, strict=True)) / PLACES
        return max(0.0, (same - _CHANCE) / (1 - _CHANCE))

    def bands(self) -> tuple[int, ...]:
        """Numbers below 2**53, by which an index finds what is likely similar: such signatures share one at least."""
        return tuple(
            int.from_bytes(self.places[band * _ROWS : (band + 1) * _ROWS]) << 5 | band for band in range(_BANDS)
        )

    def __str__(self) -> str:
        """As events and stores write it: 172 characters of base64."""
        return base64.b64encode(self.places).decode()

    @classmethod
    def read(cls, text: str | None) -> "Signature | None":
        """What `str` wrote; None for nothing, and for one of another kind, which a newer Seoga may have written."""
        try:
            return cls(base64.b64decode(text, validate=True)) if text else None
        except ValueError:
            return None
