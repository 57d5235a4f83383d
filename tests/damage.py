"""Files damaged as disks and people damage them."""

from pathlib import Path

PAGE = 4096


def spoil_page(path: Path, number: int) -> None:
    """Overwrites one page of a SQLite file (1 is the first) with what is none."""
    with path.open("r+b") as file:
        file.seek((number - 1) * PAGE)
        file.write(b"\xa5" * PAGE)


def spoil_middle(path: Path, pages: int = 1) -> None:
    """Overwrites pages in the middle of a SQLite file."""
    middle = path.stat().st_size // PAGE // 2
    for number in range(max(2, middle), max(2, middle) + pages):
        spoil_page(path, number)


def flip_byte(path: Path, offset: int | None = None) -> None:
    """Changes one byte: the one in the middle unless said otherwise."""
    content = bytearray(path.read_bytes())
    place = len(content) // 2 if offset is None else offset
    content[place] ^= 0xFF
    path.write_bytes(content)
