"""Which files `seoga ingest` finds, and how it names them."""

import os
from pathlib import Path

from ingest.interface.bulk_upload import find_files, same_names


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_finds_files_below_a_folder_without_hidden_ones(tmp_path: Path) -> None:
    write(tmp_path, "b.txt", "a/deep/er.txt", ".hidden", ".git/config", "a/.hidden.txt", "a/z.txt")
    assert [file.name for file in find_files([tmp_path])] == ["b.txt", "a/z.txt", "a/deep/er.txt"]


def test_a_file_is_named_by_its_own_name_also_when_hidden(tmp_path: Path) -> None:
    write(tmp_path, "a/b.txt", ".env")
    assert [file.name for file in find_files([tmp_path / "a" / "b.txt", tmp_path / ".env"])] == ["b.txt", ".env"]


def test_names_are_nfc(tmp_path: Path) -> None:
    decomposed = "\u1112\u1161\u11ab.txt"
    write(tmp_path, decomposed)
    assert [file.name for file in find_files([tmp_path])] == ["한.txt"]


def test_a_file_that_is_given_twice_is_taken_once(tmp_path: Path) -> None:
    write(tmp_path, "a.txt")
    assert len(find_files([tmp_path, tmp_path / "a.txt"])) == 1


def test_tells_files_that_would_replace_one_another(tmp_path: Path) -> None:
    write(tmp_path, "one/a.txt", "two/a.txt", "two/b.txt")
    doubles = same_names(find_files([tmp_path / "one", tmp_path / "two"]))
    assert doubles == {"a.txt": [tmp_path / "one" / "a.txt", tmp_path / "two" / "a.txt"]}


def test_pipes_and_broken_links_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a.txt")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    assert [file.name for file in find_files([tmp_path])] == ["a.txt"]
