"""Mapped files: the memory of holes and of what was read goes, what is written stays."""

import mmap
import os
from pathlib import Path

import pytest

from shared.mapped_files import give_back_holes, give_back_read

_MIB = 1 << 20
_SIZE = 16 * _MIB


def _resident_bytes(path: Path) -> int:
    """Of the mapping of that file."""
    of_it = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, _, rest = line.partition(" ")
        if "-" in name and not name.endswith(":"):
            of_it = rest.endswith(str(path))
        elif of_it and name == "Rss:":
            return int(rest.split()[0]) << 10
    return 0


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    """A megabyte at the beginning, one in the middle, and nothing else."""
    path = tmp_path / "shard" / "page_0.dat"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(_SIZE)
        file.write(b"a" * _MIB)
        file.seek(8 * _MIB)
        file.write(b"b" * _MIB)
        file.flush()
        os.fsync(file.fileno())
    if path.stat().st_blocks * 512 > _SIZE // 2:
        pytest.skip("this file system keeps no holes")
    return path


def test_holes_that_were_read_take_no_memory(sparse: Path) -> None:
    with sparse.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        before = bytes(mapped)
        assert _resident_bytes(sparse) == _SIZE
        assert give_back_holes(sparse.parent) == 14 * _MIB
        assert _resident_bytes(sparse) <= 2 * _MIB
        assert bytes(mapped) == before


def test_what_is_written_into_a_hole_stays(sparse: Path) -> None:
    with sparse.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        assert sum(mapped[::4096]) > 0
        mapped[4 * _MIB : 4 * _MIB + 5] = b"later"
        give_back_holes(sparse.parent)
        assert mapped[4 * _MIB : 4 * _MIB + 5] == b"later"
        mapped.flush()
    assert sparse.read_bytes()[4 * _MIB : 4 * _MIB + 5] == b"later"


def test_files_elsewhere_and_private_mappings_are_left_alone(sparse: Path, tmp_path: Path) -> None:
    with sparse.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        assert sum(mapped[::4096]) > 0
        assert give_back_holes(tmp_path / "other") == 0
        assert _resident_bytes(sparse) == _SIZE
    with sparse.open("r+b") as file, mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE) as private:
        private[4 * _MIB : 4 * _MIB + 4] = b"mine"
        assert give_back_holes(sparse.parent) == 0
        assert private[4 * _MIB : 4 * _MIB + 4] == b"mine"


def test_what_was_read_of_a_file_takes_no_memory_and_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "model" / "weights.bin"
    path.parent.mkdir()
    path.write_bytes(os.urandom(4 * _MIB))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        before = bytes(mapped)
        assert _resident_bytes(path) == 4 * _MIB
        assert give_back_read(tmp_path / "other") == 0
        assert give_back_read(path.parent) == 4 * _MIB
        assert _resident_bytes(path) == 0
        assert bytes(mapped) == before


def test_what_may_be_written_is_not_given_back_as_read(sparse: Path) -> None:
    with sparse.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:4] = b"mine"
        assert give_back_read(sparse.parent) == 0
        assert mapped[:4] == b"mine"
