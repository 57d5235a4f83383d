"""Who holds the data directory, which version it has, and where its server listens."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from data_directory_holder import Holder, a_holder

from shared.kernel import Conflict
from shared.runtime.data_directory import DataDirectory, NewerData
from shared.settings import WrongSettings


def test_is_made_with_its_parents_and_carries_the_schema_version(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "a" / "b")
    assert not directory.is_held()
    with directory.hold():
        assert directory.is_held()
    assert not directory.is_held()
    assert json.loads((tmp_path / "a" / "b" / "schema.json").read_text()) == {"version": 2}


def test_a_second_process_is_refused_by_name(tmp_path: Path) -> None:
    with a_holder(tmp_path, url="http://127.0.0.1:4711") as holder:
        with pytest.raises(Conflict) as refusal, DataDirectory(tmp_path).hold():
            pass
        assert refusal.value.specific_code == "data_directory_in_use"
        assert f"process {holder.pid} (http://127.0.0.1:4711)" in refusal.value.detail
        assert "SEOGA_DATA_DIR" in refusal.value.detail
        found = DataDirectory(tmp_path).server()
        assert found is not None
        assert (found.url, found.pid) == ("http://127.0.0.1:4711", holder.pid)
    with DataDirectory(tmp_path).hold():
        pass


def test_a_refused_process_leaves_the_holders_files_alone(tmp_path: Path) -> None:
    with a_holder(tmp_path, url="http://127.0.0.1:4711") as holder:
        with pytest.raises(Conflict), DataDirectory(tmp_path).hold():
            pass
        assert DataDirectory(tmp_path).server() is not None
        assert (DataDirectory(tmp_path).holder() or Holder(0)).pid == holder.pid


@pytest.mark.parametrize("again", [False, True], ids=["deleted", "deleted and made again"])
def test_the_lock_holds_though_somebody_deletes_its_file(tmp_path: Path, again: bool) -> None:
    with a_holder(tmp_path, url="http://127.0.0.1:4711") as holder:
        (tmp_path / "lock").unlink()
        if again:
            (tmp_path / "lock").touch()
        with pytest.raises(Conflict) as refusal, DataDirectory(tmp_path, patience_seconds=0.05).hold():
            pass
        assert f"process {holder.pid} (http://127.0.0.1:4711)" in refusal.value.detail
        server = DataDirectory(tmp_path).server()
        assert server is not None and server.url == "http://127.0.0.1:4711"
        holder.kill()
        assert DataDirectory(tmp_path).server() is None
    with DataDirectory(tmp_path).hold():
        pass


def test_a_killed_holder_leaves_nothing_locked_and_nobody_to_trust(tmp_path: Path) -> None:
    with a_holder(tmp_path, url="http://127.0.0.1:4711") as holder:
        holder.kill()
        assert (tmp_path / "server.json").exists()
        assert DataDirectory(tmp_path).server() is None
        with DataDirectory(tmp_path).hold() as directory:
            # The next holder does not listen yet: the address of the one before is not its.
            assert directory.server() is None


def test_a_child_process_that_outlives_the_holder_holds_no_lock(tmp_path: Path) -> None:
    with DataDirectory(tmp_path).hold():
        program = [sys.executable, "-c", "print('up', flush=True); input()"]
        child = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False)
    try:
        assert child.stdout is not None and child.stdout.readline() == b"up\n"
        assert not DataDirectory(tmp_path).is_held()
    finally:
        child.communicate(b"\n")


def test_the_server_is_published_while_it_is_held_only(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    with directory.hold():
        directory.publish_server("http://127.0.0.1:1")
        server = DataDirectory(tmp_path).server()
        assert server is not None
        assert (server.url, server.pid, server.boot_id) == ("http://127.0.0.1:1", os.getpid(), directory.boot_id)
        directory.remove_server()
        assert DataDirectory(tmp_path).server() is None
        directory.publish_server("http://127.0.0.1:1")
    assert not (tmp_path / "server.json").exists()


def test_older_data_is_upgraded_step_by_step_and_newer_data_refused(tmp_path: Path) -> None:
    with DataDirectory(tmp_path, upgrades=()).hold():
        pass
    done: list[str] = []
    newer = DataDirectory(tmp_path, upgrades=(lambda _: done.append("to 2"), lambda _: done.append("to 3")))
    with newer.hold():
        assert done == ["to 2", "to 3"]
    with newer.hold():
        assert done == ["to 2", "to 3"]
    former = DataDirectory(tmp_path, upgrades=())
    with pytest.raises(NewerData, match="has version 3, this Seoga reads up to 1"), former.hold():
        pass


def test_what_this_seoga_has_opened_the_first_release_refuses(tmp_path: Path) -> None:
    first = DataDirectory(tmp_path, upgrades=())
    with first.hold():
        pass
    with DataDirectory(tmp_path).hold():
        pass
    with pytest.raises(NewerData, match="has version 2, this Seoga reads up to 1"), first.hold():
        pass


def test_an_upgrade_that_failed_is_tried_again_from_where_it_was(tmp_path: Path) -> None:
    with DataDirectory(tmp_path, upgrades=()).hold():
        pass

    def fails(_: Path) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError), DataDirectory(tmp_path, upgrades=(lambda _: None, fails)).hold():
        pass
    assert json.loads((tmp_path / "schema.json").read_text()) == {"version": 2}
    assert not DataDirectory(tmp_path).is_held()


def test_a_damaged_schema_file_is_refused_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text("{")
    with pytest.raises(WrongSettings, match="does not say which version"), DataDirectory(tmp_path).hold():
        pass
    assert (tmp_path / "schema.json").read_text() == "{"


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    directory = DataDirectory(tmp_path / "file" / "data")
    with pytest.raises(WrongSettings, match=r"SEOGA_DATA_DIR was .* cannot be written"), directory.hold():
        pass
