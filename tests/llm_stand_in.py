"""A server that speaks chat completions as it is told to, well or badly, on a free port of loopback."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Say = Callable[[asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


@dataclass
class StandIn:
    """What it was asked, and what it says next: one of `script` a request, the last one for ever."""

    script: list[Say]
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client went away in the middle of an answer."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.split("content-length:")[1].split()[0])
            self.asked.append(json.loads(await reader.readexactly(length)))
            say = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            talking = asyncio.ensure_future(say(writer))
            gone = asyncio.ensure_future(reader.read(1))
            try:
                await asyncio.wait({talking, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not talking.done() or isinstance(talking.exception(), ConnectionError):
                    self.left.set()
            finally:
                talking.cancel()
                gone.cancel()
        writer.close()


def chunk(text: str | None = None, *, reason: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    """One server-sent event as the API has them."""
    delta = {} if text is None else {"content": text}
    choices = [] if usage else [{"index": 0, "delta": delta, "finish_reason": reason}]
    body = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": choices}
    return b"data: " + json.dumps(body | ({"usage": usage} if usage else {})).encode() + b"\n\n"


USAGE = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}


def answers(*pieces: str, reason: str = "stop") -> Say:
    """A good answer in these pieces."""
    return says(HEAD, chunk(""), *(chunk(piece) for piece in pieces), chunk(reason=reason), chunk(usage=USAGE), DONE)


DONE = b"data: [DONE]\n\n"


def says(*raw: bytes) -> Say:
    """These bytes, and the connection ends."""

    async def say(writer: asyncio.StreamWriter) -> None:
        for one in raw:
            writer.write(one)
            await writer.drain()
            await asyncio.sleep(0)

    return say


def then_hangs(*raw: bytes) -> Say:
    """These bytes, and nothing more while the connection stays."""

    async def say(writer: asyncio.StreamWriter) -> None:
        await says(*raw)(writer)
        await asyncio.Event().wait()

    return say


def goes_on_after(going_on: asyncio.Event, before: bytes, after: bytes) -> Say:
    """The first bytes, and the others when it is told to go on."""

    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(before)
        await going_on.wait()
        writer.write(after)
        await writer.drain()

    return say


def never_ends(piece: str) -> Say:
    """The same words without end."""

    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while True:
            writer.write(chunk(piece))
            await writer.drain()
            await asyncio.sleep(0)

    return say


def status(code: int, *headers: str, body: str = "{}") -> Say:
    """A refusal."""
    lines = [
        f"HTTP/1.1 {code} No",
        "content-type: application/json",
        f"content-length: {len(body.encode())}",
        "connection: close",
        *headers,
    ]
    return says("\r\n".join(lines).encode() + f"\r\n\r\n{body}".encode())


@asynccontextmanager
async def llm_that(*script: Say) -> AsyncIterator[StandIn]:
    """For the length of the block."""
    one = StandIn(list(script))
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield one
    finally:
        server.close()
        server.close_clients() if hasattr(server, "close_clients") else None
