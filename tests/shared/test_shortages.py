"""A machine that has run out of something is told apart from a fault, whoever says so and however."""

import errno
import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from shared.infrastructure.files.blobs import FileBlobs
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema
from shared.kernel import Refused, StorageFull, Unavailable
from shared.shortages import as_unavailable, start_thread


class Fail(Exception):
    """As ONNX Runtime raises it."""


Fail.__module__ = "onnxruntime.capi.onnxruntime_pybind11_state"


@contextmanager
def no_more_threads() -> Iterator[None]:
    """The system gives no address space for another thread's stack."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    # Larger than any stack that an ended thread left to be used again.
    usual = threading.stack_size(64 << 20)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        threading.stack_size(usual)


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("can't start new thread"), "out_of_threads"),
        (RuntimeError("pthread_create() failed (error 11: Resource temporarily unavailable)"), "out_of_threads"),
        (MemoryError(), "out_of_memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out_of_memory"),
        (RuntimeError("Exception from src/inference: std::bad_alloc"), "out_of_memory"),
        (Fail("[ONNXRuntimeError] : 1 : FAIL : bad allocation"), "out_of_memory"),
        (ImportError("libx.so: failed to map segment: Cannot allocate memory"), "out_of_memory"),
        (OSError(errno.EMFILE, "Too many open files"), "out_of_descriptors"),
        (OSError(errno.ENFILE, "Too many open files in system"), "out_of_descriptors"),
        (RuntimeError("Service error: Too many open files (os error 24)"), "out_of_descriptors"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "out_of_processes"),
        (_caused(ValueError("it seems damaged"), OSError(errno.EMFILE, "Too many open files")), "out_of_descriptors"),
        (OSError(errno.ENOSPC, "No space left on device"), "storage_full"),
    ],
    ids=repr,
)
def test_a_shortage_is_unavailable(error: Exception, code: str) -> None:
    away = as_unavailable(error)
    assert away is not None
    assert away.specific_code == code
    assert away.detail.endswith(".")
    assert isinstance(away, StorageFull) == (code == "storage_full")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("dictionary changed size during iteration"),
        ValueError("a document that says: Too many open files"),
        KeyError("std::bad_alloc"),
        OSError(errno.EACCES, "Permission denied"),
        FileNotFoundError(errno.ENOENT, "No such file"),
        _caused(Refused("It needs more memory than one file may use."), MemoryError()),
    ],
    ids=repr,
)
def test_anything_else_is_what_it_was(error: Exception) -> None:
    assert as_unavailable(error) is None


def test_what_is_unavailable_already_says_it_itself() -> None:
    error = Unavailable("It loads.", code="model_loading")
    assert as_unavailable(error) is error


def test_a_context_that_is_not_to_be_seen_is_not_looked_at() -> None:
    with pytest.raises(ValueError) as caught:
        try:
            raise MemoryError
        except MemoryError:
            raise ValueError("no memory, and that is the document's fault") from None
    assert as_unavailable(caught.value) is None


def test_numpy_out_of_memory_is_a_shortage() -> None:
    with pytest.raises(MemoryError) as caught:
        np.zeros(1 << 60, dtype=np.uint8)
    assert as_unavailable(caught.value) is not None


def test_a_thread_that_the_machine_does_not_give_is_unavailable() -> None:
    with no_more_threads(), pytest.raises(Unavailable) as caught:
        for _ in range(3):
            start_thread(threading.Event().wait, 5, name="waits")
    assert caught.value.specific_code == "out_of_threads"
    start_thread(str, name="works again").join()


async def test_a_database_without_descriptors_or_threads_is_unavailable_and_then_works(tmp_path: Path) -> None:
    async with SqliteDatabase(tmp_path / "a.sqlite", Schema("CREATE TABLE IF NOT EXISTS t (x);")) as database:
        with no_more_threads(), pytest.raises(Unavailable):
            await database.read(_count)
        # Its reader's thread is there by now, or starts; its connection is not.
        with no_more_descriptors(), pytest.raises(Unavailable):
            await database.read(_count)
        assert await database.read(_count) == 0


def _count(connection: sqlite3.Connection) -> int:
    number: int = connection.execute("SELECT count(*) FROM t").fetchone()[0]
    return number


async def test_blobs_without_descriptors_are_unavailable_and_then_there(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path / "blobs") as blobs:
        with no_more_descriptors(), pytest.raises(Unavailable):
            await blobs.put("artefacts/aa/one", b"1")
    async with FileBlobs(tmp_path / "blobs") as blobs:
        await blobs.put("artefacts/aa/one", b"1")
        assert await blobs.read("artefacts/aa/one") == b"1"
