"""One client of the driver, opened at its first use and replaced when it fails."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from aiokafka import errors

from shared.infrastructure.kafka.connection import KafkaConnection
from shared.kernel import Unavailable

T = TypeVar("T")


@dataclass(slots=True)
class _Held:
    """A client and those who use it now: it is closed when it is not wanted any more and the last has left."""

    client: Any
    users: int = 0
    is_wanted: bool = True


class KafkaClient:
    """A producer, an admin client or a consumer without topics, for many callers at once.

    The driver's clients know only the brokers that they have seen, and some of their failures are for ever: after
    a failure the next caller gets a fresh one.
    """

    def __init__(self, connection: KafkaConnection, make: Callable[[], Any]) -> None:
        self._connection = connection
        self._make = make
        self._held: _Held | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Bounded."""
        held, self._held = self._held, None
        if held is not None:
            await self._connection.discard(held.client)

    async def call(self, use: Callable[[Any], Awaitable[T]], doing: str) -> T:
        """What `use` gives for the client; see `KafkaConnection.call`."""
        used: _Held | None = None

        async def attempt() -> T:
            nonlocal used
            used = held = await self._opened()
            held.users += 1
            try:
                return await use(held.client)
            except (errors.KafkaError, OSError) as error:
                if not isinstance(error, errors.MessageSizeTooLargeError):
                    self._forget(held)
                raise
            finally:
                held.users -= 1
                self._close_if_left(held)

        try:
            return await self._connection.call(attempt, doing)
        except Unavailable:
            if used is not None:
                self._forget(used)
            raise

    async def _opened(self) -> _Held:
        async with self._opening:
            if self._held is None:
                client = self._make()
                try:
                    await self._connection.start(client)
                except BaseException as error:
                    self._connection.discard(client)
                    if isinstance(error, errors.KafkaConnectionError):
                        # The driver logs that a password was refused, and tells only that it cannot connect.
                        await self._connection.probe()
                    raise
                self._held = _Held(client)
            return self._held

    def _forget(self, held: _Held) -> None:
        if self._held is held:
            self._held = None
        self._close_if_left(held)

    def _close_if_left(self, held: _Held) -> None:
        if held is not self._held and held.users == 0 and held.is_wanted:
            held.is_wanted = False
            self._connection.discard(held.client)
