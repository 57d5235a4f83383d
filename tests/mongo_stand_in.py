"""Speaks MongoDB's wire protocol as far as a driver needs to connect, and answers each command as a test says.

For what the installable server cannot show (passwords, rights, a full disk, a secondary, another clock), by the error
codes of MongoDB's `error_codes.yml`. https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

import bson

Row = dict[str, Any]
Answer = Callable[[Row], Row] | Row

_OP_REPLY: Final = 1
_OP_QUERY: Final = 2004
_OP_MSG: Final = 2013


def error(code: int, words: str) -> Row:
    """The answer to a command that fails."""
    return {"ok": 0.0, "code": code, "codeName": f"Code{code}", "errmsg": words}


def greeting(**changes: Any) -> Row:
    """Of a single server that takes writes."""
    return {
        "ismaster": True,
        "maxBsonObjectSize": 16 << 20,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "localTime": datetime.now(UTC),
        "minWireVersion": 0,
        "maxWireVersion": 21,
        "readOnly": False,
        "ok": 1.0,
        **changes,
    }


@asynccontextmanager
async def mongo_stand_in(answers: Mapping[str, Answer] | None = None) -> AsyncIterator[int]:
    """Its port. `answers` by the command's name; others are answered with success and nothing."""
    given = dict(answers or {})
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                writer.write(_answered(await _message(reader), given))
                await writer.drain()
        writer.close()
        # It is closed a turn of the loop later, and this may be the last one.
        with suppress(OSError):
            await writer.wait_closed()
        connections.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        # Who was let in just now has a task that is not in the set yet.
        await asyncio.sleep(0)
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _message(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    length, request, _, code = struct.unpack("<iiii", await reader.readexactly(16))
    return code, request, await reader.readexactly(length - 16)


def _answered(message: tuple[int, int, bytes], given: Mapping[str, Answer]) -> bytes:
    code, request, body = message
    if code == _OP_QUERY:
        start = body.index(b"\0", 4) + 1 + 8
        content = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(_reply(bson.decode(body[start:]), given))
        return struct.pack("<iiii", 16 + len(content), 0, request, _OP_REPLY) + content
    assert code == _OP_MSG
    # Flags, then the first section: its kind (0) and the command; the documents of writes come after it.
    size = struct.unpack_from("<i", body, 5)[0]
    content = struct.pack("<IB", 0, 0) + bson.encode(_reply(bson.decode(body[5 : 5 + size]), given))
    return struct.pack("<iiii", 16 + len(content), 0, request, _OP_MSG) + content


def _reply(command: Row, given: Mapping[str, Answer]) -> Row:
    name = next(iter(command))
    answer = given.get(name.lower())
    if answer is None:
        answer = greeting() if name.lower() in ("ismaster", "hello") else {"ok": 1.0}
    return answer(command) if callable(answer) else answer
