"""Copies that take no more room than what they are made from: runs of zeros become holes."""

import os
from typing import BinaryIO, Final

_BLOCK: Final = 64 << 10
_ZEROS: Final = bytes(_BLOCK)


def write_with_holes(file: BinaryIO, piece: bytes) -> None:
    """Appends the piece; whole blocks of zeros are passed over. After the last piece `end_with_holes`."""
    for start in range(0, len(piece), _BLOCK):
        block = piece[start : start + _BLOCK]
        if block == _ZEROS:
            file.seek(_BLOCK, os.SEEK_CUR)
        else:
            file.write(block)


def end_with_holes(file: BinaryIO) -> None:
    """Gives the file its length, which a hole at its end does not."""
    file.truncate(file.tell())
