"""Whatever a file does to its parser, the server gets an answer and the next file is read."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from builders import eventually
from process.infrastructure.parser_pool import ParserPool
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DomainError, Refused, Unavailable

PoolMaker = Callable[..., AbstractAsyncContextManager[ParserPool]]


@pytest.fixture
def open_pool(monkeypatch: pytest.MonkeyPatch) -> PoolMaker:
    """Opens a pool whose children know the hostile types."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    @contextlib.asynccontextmanager
    async def open_pool(**changes: Any) -> AsyncIterator[ParserPool]:
        given: dict[str, Any] = {
            "workers": 1,
            "timeout_seconds": 20,
            "memory_bytes": 256 << 20,
            "most_characters": 1_000_000,
            "metrics": PrometheusMetrics(),
            "module": "hostile_child",
        }
        async with ParserPool(**{**given, **changes}) as pool:
            yield pool

    return open_pool


@pytest.fixture
def text_file(tmp_path: Path) -> str:
    path = tmp_path / "notes"
    path.write_text("The duty is zero.")
    return str(path)


async def test_children_start_with_the_first_document_and_stay_for_the_next(
    open_pool: PoolMaker, text_file: str
) -> None:
    async with open_pool() as pool:
        assert pool.child_pids == []
        for _ in range(3):
            document = await pool.parse(text_file, "text/plain", "notes.txt")
            assert document.text == "The duty is zero."
        first = pool.child_pids
        assert len(first) == 1
        assert (await pool.health()).ready
    assert pool.child_pids == []
    assert not (await pool.health()).ready


async def test_a_large_parent_does_not_make_its_children_look_large(open_pool: PoolMaker, text_file: str) -> None:
    ballast = bytearray(400 << 20)
    ballast[:: 1 << 12] = b"x" * (len(ballast) >> 12)
    async with open_pool() as pool:
        await pool.parse(text_file, "text/plain", "notes.txt")
        assert len(pool.child_pids) == 1
        await pool.parse(text_file, "text/plain", "notes.txt")
        assert len(pool.child_pids) == 1
        assert ballast


async def test_idle_children_end(open_pool: PoolMaker, text_file: str) -> None:
    async with open_pool(idle_seconds=0.05) as pool:
        await pool.parse(text_file, "text/plain", "notes.txt")
        await eventually(lambda: pool.child_pids == [])
        assert (await pool.parse(text_file, "text/plain", "notes.txt")).text


async def test_a_child_is_renewed_after_so_many_documents(open_pool: PoolMaker, text_file: str) -> None:
    async with open_pool(documents_per_child=2) as pool:
        seen = set()
        for _ in range(4):
            await pool.parse(text_file, "text/plain", "notes.txt")
            seen.update(pool.child_pids)
        await pool.parse(text_file, "text/plain", "notes.txt")
        seen.update(pool.child_pids)
        assert len(seen) >= 2


@pytest.mark.parametrize(
    ("media_type", "code", "retryable"),
    [
        ("test/loops", "parse_timeout", True),
        ("test/uses-cpu", "parser_crashed", True),
        ("test/eats-memory", "too_much_memory", True),
        ("test/segfaults", "parser_crashed", True),
        ("test/has-a-bug", "parser_failed", False),
        ("application/x-unknown", "unsupported", False),
    ],
)
async def test_a_hostile_file_is_refused_and_the_next_one_is_read(
    open_pool: PoolMaker, text_file: str, media_type: str, code: str, retryable: bool
) -> None:
    async with open_pool(timeout_seconds=1.5 if media_type == "test/loops" else 20) as pool:
        with pytest.raises(Refused) as refusal:
            await pool.parse(text_file, media_type, "hostile.bin")
        assert (refusal.value.specific_code, refusal.value.retryable) == (code, retryable)
        assert refusal.value.stage == "parse"
        assert refusal.value.detail.endswith(".")
        assert (await pool.parse(text_file, "text/plain", "notes.txt")).text == "The duty is zero."


@pytest.mark.parametrize(
    ("media_type", "code"),
    [
        ("test/finds-no-descriptors", "out_of_descriptors"),
        ("test/finds-no-memory", "out_of_memory"),
        ("test/finds-no-threads", "out_of_threads"),
        ("test/calls-it-damaged", "out_of_descriptors"),
    ],
)
async def test_what_the_machine_lacks_is_not_the_files_fault(
    open_pool: PoolMaker, text_file: str, media_type: str, code: str
) -> None:
    async with open_pool(memory_bytes=1 << 30) as pool:
        with pytest.raises(Unavailable) as waiting:
            await pool.parse(text_file, media_type, "notes.txt")
        assert waiting.value.specific_code == code
        # The shortage went with its child.
        assert (await pool.parse(text_file, "text/plain", "notes.txt")).text == "The duty is zero."


async def test_a_child_that_cannot_begin_is_not_the_files_fault(open_pool: PoolMaker, text_file: str) -> None:
    async with open_pool(module="no_such_module") as pool:
        with pytest.raises(Unavailable) as waiting:
            await pool.parse(text_file, "text/plain", "notes.txt")
        assert waiting.value.specific_code == "parser_not_started"


async def test_a_parser_killed_from_outside_is_replaced_and_blames_its_file_only_in_the_end(
    open_pool: PoolMaker, text_file: str
) -> None:
    async with open_pool() as pool:

        async def kill() -> DomainError:
            assert (await pool.parse(text_file, "text/plain", "other.txt")).text
            parsing = asyncio.create_task(pool.parse(f"{text_file}.slow", "test/loops", "slow.txt"))
            (pid,) = await eventually(lambda: pool.child_pids)
            await asyncio.sleep(0)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises((Unavailable, Refused)) as verdict:
                await parsing
            return verdict.value

        verdicts = [await kill() for _ in range(4)]
        codes = [verdict.specific_code for verdict in verdicts]
        assert codes == ["parser_killed", "parser_killed", "parser_crashed", "parser_killed"]
        assert isinstance(verdicts[2], Refused)
        assert verdicts[2].retryable


async def test_waiting_for_a_core_does_not_count_as_reading(open_pool: PoolMaker, text_file: str) -> None:
    busy = "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile True: pass"
    rivals = [await asyncio.create_subprocess_exec(sys.executable, "-c", busy) for _ in range(2)]
    try:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        async with open_pool(timeout_seconds=1.0) as pool:
            with pytest.raises(Refused, match="longer than 1 seconds"):
                await pool.parse(text_file, "test/loops-on-one-core", "slow.txt")
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before > 0.75
    finally:
        for rival in rivals:
            rival.kill()
            await rival.wait()


async def test_a_cancelled_parse_ends_its_child(open_pool: PoolMaker, text_file: str) -> None:
    async with open_pool() as pool:
        parsing = asyncio.create_task(pool.parse(text_file, "test/loops", "slow.txt"))
        (pid,) = await eventually(lambda: pool.child_pids)
        parsing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await parsing
        await eventually(lambda: not Path(f"/proc/{pid}").exists())
        assert (await pool.parse(text_file, "text/plain", "notes.txt")).text


async def test_a_slow_file_holds_up_only_its_own_place(open_pool: PoolMaker, text_file: str) -> None:
    async with open_pool(workers=2) as pool:
        slow = asyncio.create_task(pool.parse(text_file, "test/loops", "slow.txt"))
        await eventually(lambda: pool.child_pids)
        for _ in range(5):
            assert (await pool.parse(text_file, "text/plain", "notes.txt")).text
        assert not slow.done()
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)


async def test_a_text_of_one_long_line_is_read_within_the_limits(open_pool: PoolMaker, tmp_path: Path) -> None:
    path = tmp_path / "line"
    path.write_bytes(b"customs duty " * (5 << 20 >> 4))
    async with open_pool(memory_bytes=512 << 20, most_characters=50_000_000) as pool:
        document = await pool.parse(str(path), "text/plain", "line.txt")
        assert len(document.text) > 4_000_000
        assert len(document.blocks) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")
@pytest.mark.parametrize(
    "deed",
    [
        "opens-a-connection",
        "sends-a-datagram",
        "runs-a-program",
        "writes-a-file",
        "spoils-its-file",
        "removes-its-file",
        "kills-the-server",
    ],
)
async def test_what_a_parser_may_not_do_is_refused_and_it_reads_on(
    open_pool: PoolMaker, tmp_path: Path, deed: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        path = tmp_path / "notes"
        path.write_text(str(listening.getsockname()[1]))
        async with open_pool() as pool:
            with pytest.raises(Refused) as refused:
                await pool.parse(str(path), f"test/{deed}", "notes")
            first = pool.child_pids
            document = await pool.parse(str(path), "text/plain", "notes")
            assert (refused.value.specific_code, pool.child_pids) == ("parser_failed", first)
            assert "PermissionError" in refused.value.detail
            assert document.text == path.read_text()
            assert not path.with_name("written").exists()
            assert "cannot take" not in (await pool.health()).detail


async def test_files_in_a_file_are_written_below_the_scratch_folder_and_nowhere_else(
    open_pool: PoolMaker, tmp_path: Path
) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    mail = tmp_path / "mail"
    mail.write_bytes(
        b'Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n--B\n\nwords\n--B\n'
        b'Content-Disposition: attachment; filename="a.bin"\nContent-Type: application/octet-stream\n\nattached'
        b"\n--B--\n"
    )
    async with open_pool(scratch=scratch) as pool:
        document = await pool.parse(str(mail), "message/rfc822", "mail", parts_folder=str(scratch / "one"))
        (part,) = document.parts
        assert (scratch / "one" / part.sha256).read_bytes() == b"attached"
        with contextlib.suppress(Refused):  # where the kernel can take it away
            await pool.parse(str(mail), "message/rfc822", "mail", parts_folder=str(tmp_path / "elsewhere"))
        assert "cannot take" in (await pool.health()).detail or not (tmp_path / "elsewhere").exists()


async def test_a_note_is_read_while_books_are(open_pool: PoolMaker, tmp_path: Path, text_file: str) -> None:
    async with open_pool(workers=2, most_characters=10 << 20) as pool:
        books = []
        for number in range(3):
            path = tmp_path / f"book{number}"
            path.write_text("One line of a long book.\n" * 100_000)
            books.append(asyncio.create_task(pool.parse(str(path), "test/waits-to-be-released", path.name)))
        await eventually(lambda: len(pool.child_pids) == 1)
        note = await pool.parse(text_file, "text/plain", "notes.txt")
        assert note.text == "The duty is zero."
        assert not any(book.done() for book in books)
        for number in range(3):
            (tmp_path / f"book{number}.released").touch()
        assert all(len(book.text) > 2_000_000 for book in await asyncio.gather(*books))
