"""A TCP proxy that misbehaves on demand: cut, black hole, slow.

A Kafka client goes where the broker says that it is, which would be around the proxy. The broker of `make servers`
has further doors for this: each listens on one port and tells its clients another one, and there the proxy listens.

    async with TcpProxy("127.0.0.1", port) as proxy:         # any other server
        ... proxy.port ...
    async with kafka_behind_a_proxy() as (proxy, url):       # Kafka
        ...
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from servers import kafka_proxy_doors
from servers.machine import free_ports

_PIECE = 1 << 16


class TcpProxy:
    """Forwards what comes to `port` of loopback to the target, and everything back. For one event loop."""

    def __init__(self, target_host: str, target_port: int, *, port: int = 0) -> None:
        """`port` 0 takes a free one, which it keeps also while it is cut."""
        self._target = (target_host, target_port)
        self.port = port or free_ports(1)[0]
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._delay_seconds = 0.0
        self._fatal_words = b""
        self.lost_answers = 0
        """To requests that reached the target."""

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def cut(self) -> None:
        """Every connection is reset and new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
            # Who was let in just now has a task that is not in the set yet.
            await asyncio.sleep(0)
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def black_hole(self) -> None:
        """Connections are accepted and stay, and not one byte passes in either direction."""
        self._flows.clear()
        await self._listen()

    async def slow(self, seconds: float) -> None:
        """Each piece (at most 64 KiB) waits that long before it goes on, in either direction."""
        self._delay_seconds = seconds
        self._flows.set()
        await self._listen()

    async def restore(self) -> None:
        """Everything passes at once; what a black hole held back goes on."""
        await self.slow(0)

    def lose_the_answer_to(self, words: bytes) -> None:
        """The next request with these words reaches the target; its connection says nothing from then on."""
        self._fatal_words = words

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            async with _closing(writer):
                await self._flows.wait()
                target_reader, target_writer = await asyncio.open_connection(*self._target)
                speaks = asyncio.Event()
                speaks.set()
                async with _closing(target_writer), asyncio.TaskGroup() as both:
                    both.create_task(self._pump(reader, target_writer, speaks))
                    both.create_task(self._pump(target_reader, writer, speaks, is_answer=True))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        speaks: asyncio.Event,
        *,
        is_answer: bool = False,
    ) -> None:
        while piece := await source.read(_PIECE):
            if not is_answer and self._fatal_words and self._fatal_words in piece:
                self._fatal_words = b""
                self.lost_answers += 1
                speaks.clear()
            if is_answer:
                await speaks.wait()
            if self._delay_seconds:
                await asyncio.sleep(self._delay_seconds)
            await self._flows.wait()
            sink.write(piece)
            await sink.drain()
        sink.write_eof()


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Closes it in order, or with a reset where something failed: an ordinary end could be taken for a farewell."""
    try:
        yield
        writer.close()
    except BaseException:
        # No lingering (RFC 1122 4.2.2.13): a machine that lost its power says no more than this.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        raise
    finally:
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def kafka_behind_a_proxy() -> AsyncIterator[tuple[TcpProxy, str]]:
    """A proxy before the broker of `make servers`, and the URL that leads through it; skips without that broker.

    One at a time in each test process: the broker has four doors, the test processes of one run take one each.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    inside, outside = kafka_proxy_doors()[worker]
    async with TcpProxy("127.0.0.1", inside, port=outside) as proxy:
        yield proxy, f"kafka://127.0.0.1:{proxy.port}"
