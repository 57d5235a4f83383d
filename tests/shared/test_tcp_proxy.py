"""The proxy that tests of faults stand on does what it says."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from tcp_proxy import TcpProxy

from builders import eventually

_echoing: set[asyncio.StreamWriter] = set()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _echoing.add(writer)
    with contextlib.suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    _echoing.discard(writer)


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    """Before a server that says back what it hears."""
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with server:
        async with TcpProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
            yield proxy
        await eventually(lambda: not _echoing)


class Client:
    """A connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def of(cls, proxy: TcpProxy) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", proxy.port))

    async def say(self, words: bytes) -> None:
        self._writer.write(words)
        await self._writer.drain()

    async def hear(self, *, within: float = 10) -> bytes:
        async with asyncio.timeout(within):
            return await self._reader.read(1 << 16)

    async def leave(self) -> None:
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def test_what_is_said_arrives_and_comes_back(proxy: TcpProxy) -> None:
    client = await Client.of(proxy)
    await client.say(b"hello")
    assert await client.hear() == b"hello"
    await client.leave()


async def test_a_megabyte_passes_whole(proxy: TcpProxy) -> None:
    client = await Client.of(proxy)
    sent = bytes(range(256)) * 4096
    saying = asyncio.create_task(client.say(sent))
    heard = b""
    while len(heard) < len(sent):
        heard += await client.hear()
    await saying
    assert heard == sent
    await client.leave()


async def test_cut_resets_connections_and_refuses_new_ones(proxy: TcpProxy) -> None:
    client = await Client.of(proxy)
    await client.say(b"hello")
    await client.hear()
    await proxy.cut()
    with pytest.raises(ConnectionResetError):
        await client.hear()
    with pytest.raises(ConnectionRefusedError):
        await Client.of(proxy)
    assert proxy.connections == 0
    await client.leave()


async def test_after_a_cut_it_comes_back_at_the_same_port(proxy: TcpProxy) -> None:
    port = proxy.port
    await proxy.cut()
    await proxy.restore()
    assert proxy.port == port
    client = await Client.of(proxy)
    await client.say(b"again")
    assert await client.hear() == b"again"
    await client.leave()


async def test_a_black_hole_accepts_and_says_nothing_until_it_is_over(proxy: TcpProxy) -> None:
    before = await Client.of(proxy)
    await before.say(b"one")
    await before.hear()
    await proxy.black_hole()
    after = await Client.of(proxy)
    for client in (before, after):
        await client.say(b"two")
        with pytest.raises(TimeoutError):
            await client.hear(within=0.05)
    await proxy.restore()
    assert [await client.hear() for client in (before, after)] == [b"two", b"two"]
    await before.leave()
    await after.leave()


async def test_slow_delays_both_directions(proxy: TcpProxy) -> None:
    await proxy.slow(0.05)
    client = await Client.of(proxy)
    began = time.monotonic()
    await client.say(b"hello")
    assert await client.hear() == b"hello"
    assert time.monotonic() - began >= 0.1
    await client.leave()


async def test_an_answer_is_lost_and_its_request_is_not(proxy: TcpProxy) -> None:
    client, other = await Client.of(proxy), await Client.of(proxy)
    proxy.lose_the_answer_to(b"please")
    await other.say(b"hello")
    assert await other.hear() == b"hello"
    await client.say(b"yes please")
    with pytest.raises(TimeoutError):
        await client.hear(within=0.05)
    await other.say(b"please")
    assert await other.hear() == b"please"
    await client.leave()
    await other.leave()


async def test_a_server_that_is_not_there_ends_the_connection(proxy: TcpProxy) -> None:
    async with TcpProxy("127.0.0.1", 1) as nowhere:
        client = await Client.of(nowhere)
        with pytest.raises(ConnectionResetError):
            await client.hear()
        await eventually(lambda: nowhere.connections == 0)
        await client.leave()


async def test_a_client_that_leaves_is_forgotten(proxy: TcpProxy) -> None:
    client = await Client.of(proxy)
    await client.say(b"hello")
    await client.hear()
    await client.leave()
    await eventually(lambda: proxy.connections == 0)
