"""Small E5S1 files, written by hand as their layout says."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shared.model.files.e5s1 import E5S1_NAME

MARKS = ("<s>", "<pad>", "</s>", "<unk>")
PIECES = ("▁", "▁tariff", "▁tar", "iff", "▁관세", "▁관", "세", "s", "▁duty", "a", "b", "ab", "é", "<mask>")


@dataclass
class E5s1:
    """What goes into a file; change it and write it."""

    hidden: int = 32
    layers: int = 2
    heads: int = 4
    feed_forward: int = 64
    positions: int = 40
    pieces: Sequence[str] = (*MARKS, *PIECES)
    scores: Sequence[float] | None = None
    magic: bytes = b"E5S1"
    version: int = 1
    block: int = 32
    normalisation: dict[int, str] = field(default_factory=lambda: {0xA0: " ", 0xFB00: "ff", 0x200B: ""})
    leave_out: str = ""
    seed: int = 7

    def __post_init__(self) -> None:
        if self.scores is None:
            self.scores = [0.0 if piece.startswith("<") else -1.0 - number for number, piece in enumerate(self.pieces)]

    def write(self, folder: Path) -> Path:
        """The file's path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / E5S1_NAME
        path.write_bytes(self.content())
        return path

    def content(self) -> bytes:
        assert self.scores is not None
        marks = (0, 2, 1, 3)
        sizes = (self.hidden, self.layers, self.heads, self.feed_forward, len(self.pieces), self.positions, 2)
        encoded = [piece.encode() for piece in self.pieces]
        ends = np.cumsum([0, *map(len, encoded)]).tolist()
        entries = b"".join(
            struct.pack(f"<IB{len(instead)}I", point, len(instead), *map(ord, instead))
            for point, instead in self.normalisation.items()
        )
        head = b"".join(
            (
                struct.pack("<4sI7if2i4i", self.magic, self.version, *sizes, 1e-12, self.block, len(encoded), *marks),
                struct.pack(f"<Q{len(ends)}I{len(encoded)}f", ends[-1], *ends, *self.scores),
                b"".join(encoded),
                struct.pack("<iI", len(self.normalisation), len(entries)),
                entries,
            )
        )
        tensors = [tensor for tensor in self._tensors() if tensor[0] != self.leave_out]
        offset = len(head) + 4 + sum(2 + len(name) + 21 for name, _, _, _ in tensors)
        directory, body = [struct.pack("<i", len(tensors))], []
        for name, kind, count, raw in tensors:
            directory.append(struct.pack("<H", len(name)) + name.encode())
            directory.append(struct.pack("<BIQQ", kind, count, offset, len(raw)))
            body.append(raw)
            offset += len(raw)
        return b"".join((head, *directory, *body))

    def _tensors(self) -> list[tuple[str, int, int, bytes]]:
        random = np.random.default_rng(self.seed)
        h, f = self.hidden, self.feed_forward

        def floats(name: str, *shape: int, around: float = 0.0) -> tuple[str, int, int, bytes]:
            values = (around + 0.1 * random.standard_normal(shape)).astype("<f4")
            return name, 0, values.size, values.tobytes()

        def matrix(name: str, rows: int, columns: int) -> tuple[str, int, int, bytes]:
            return name, 1, rows * columns, in_blocks(random.standard_normal((rows, columns)).astype(np.float32) * 0.3)

        tensors = [
            matrix("emb.word", len(self.pieces), h),
            floats("emb.pos", self.positions, h),
            floats("emb.type", 2, h),
            floats("emb.ln.w", h, around=1.0),
            floats("emb.ln.b", h),
        ]
        for layer in range(self.layers):
            at = f"l{layer}."
            for name, rows, columns in (
                ("q", h, h),
                ("k", h, h),
                ("v", h, h),
                ("ao", h, h),
                ("fi", f, h),
                ("fo", h, f),
            ):
                tensors += [matrix(f"{at}{name}.w", rows, columns), floats(f"{at}{name}.b", rows)]
            for name in ("aln", "oln"):
                tensors += [floats(f"{at}{name}.w", h, around=1.0), floats(f"{at}{name}.b", h)]
        return tensors


def in_blocks(values: npt.NDArray[np.float32]) -> bytes:
    """Q4_0 of rows, 32 numbers after another."""
    blocks = []
    for block in values.reshape(-1, 32):
        scale = np.float16(np.abs(block).max() / 7 or 1)
        numbers = np.clip(np.round(block / np.float32(scale)) + 8, 0, 15).astype(np.uint8)
        blocks.append(scale.tobytes() + (numbers[:16] | (numbers[16:] << 4)).tobytes())
    return b"".join(blocks)
