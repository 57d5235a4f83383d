"""What survives a power cut: in which order things are synced and renamed, and what a failure leaves."""

import errno
import os
from pathlib import Path

import pytest

from shared.durable_files import make_folders, put_in_place, write_whole


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is synced, in order: its name, and for a folder what was in it."""
    log: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        entries = f": {' '.join(sorted(os.listdir(descriptor)))}" if path.is_dir() else ""
        log.append(path.name + entries)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return log


def test_a_file_is_synced_before_its_rename_and_the_folder_after(tmp_path: Path, synced: list[str]) -> None:
    (tmp_path / "state").write_bytes(b"before")
    write_whole(tmp_path / "state", b"after", beside=tmp_path / "state.new")
    assert (tmp_path / "state").read_bytes() == b"after"
    assert synced == ["state.new", f"{tmp_path.name}: state"]


def test_a_full_disk_leaves_the_old_content_and_nothing_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "state").write_bytes(b"before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "state", b"after", beside=tmp_path / "state.new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"state": b"before"}


def test_what_a_crash_left_beside_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "state.new").write_bytes(b"half of something longer")
    write_whole(tmp_path / "state", b"after", beside=tmp_path / "state.new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"state": b"after"}


def test_every_new_folder_is_synced_into_the_one_above_it(tmp_path: Path, synced: list[str]) -> None:
    make_folders(tmp_path / "a" / "b")
    assert synced == [f"{tmp_path.name}: a", "a: b"]
    make_folders(tmp_path / "a" / "b")
    assert len(synced) == 2


def test_a_file_where_a_folder_should_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileExistsError):
        make_folders(tmp_path / "file" / "a")


def test_a_folder_is_put_in_place_as_a_file_is(tmp_path: Path, synced: list[str]) -> None:
    (tmp_path / "building").mkdir()
    (tmp_path / "building" / "x").write_bytes(b"x")
    put_in_place(tmp_path / "building", tmp_path / "built")
    assert (tmp_path / "built" / "x").read_bytes() == b"x"
    assert synced == [f"{tmp_path.name}: built"]
