"""Dead letters in compacted topics, one for each topic and group; read into a bounded table when they are asked for."""

import asyncio
import dataclasses
import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from shared.events.catalogue import TOPICS
from shared.infrastructure.dead_letters import no_such_letter
from shared.infrastructure.kafka.client import KafkaClient
from shared.infrastructure.kafka.connection import KafkaConnection
from shared.infrastructure.kafka.reader import KafkaReader
from shared.infrastructure.kafka.topics import KafkaTopics
from shared.kernel import TooLarge, Unavailable, utc_now
from shared.ports.event_bus import DeadLetter
from shared.telemetry import get_log

_UNKNOWN_TOPIC: Final = "unknown"
"""Stands for topics that only a message names: else foreign messages could have any number of topics made."""
_MOST_LETTERS: Final = 10_000
_MOST_BYTES: Final = 64 << 20
_CUT_TO_BYTES: Final = 512 << 10
_log = get_log("kafka")


class KafkaDeadLetters:
    """The newest letters of this installation, whichever process buried them.

    A letter's key is its id, so that the latest word about it is what compaction keeps; `sequence` is when it was
    buried (µs, rising within a process) and orders letters of all topics.
    """

    def __init__(
        self, connection: KafkaConnection, topics: KafkaTopics, producer: KafkaClient, reader: KafkaReader
    ) -> None:
        self._connection = connection
        self._topics = topics
        self._producer = producer
        self._reader = reader
        known = "|".join(re.escape(topic) for topic in (*TOPICS, _UNKNOWN_TOPIC))
        self._pattern = re.compile(rf"{re.escape(connection.prefix)}(?:{known})\.dead\.[\w.-]+")
        self._table: dict[str, tuple[int, DeadLetter]] = {}
        self._table_bytes = 0
        self._catching_up = asyncio.Lock()
        self._last_sequence = 0

    async def close(self) -> None:
        """Bounded."""
        await self._reader.close()

    async def bury(self, letter: DeadLetter) -> None:
        """Durable on return. What could not be read names the lane it came from: its topic is kept."""
        topic, _, partition = letter.topic.rpartition(":")
        if partition.isdecimal() and topic in TOPICS:
            letter = dataclasses.replace(letter, topic=topic)
        self._last_sequence = max(self._last_sequence + 1, time.time_ns() // 1000)
        try:
            await self._write(self._last_sequence, letter)
        except TooLarge:
            # Better a part than an event that can neither be handled nor buried.
            part = dataclasses.replace(letter, raw=letter.raw[:_CUT_TO_BYTES], reason=f"{letter.reason} (cut)")
            await self._write(self._last_sequence, part)

    async def mark_replayed(self, letter_id: str) -> DeadLetter:
        """The letter keeps its place."""
        sequence, letter = self._found(letter_id)
        letter = dataclasses.replace(letter, replayed_at=utc_now())
        await self._write(sequence, letter)
        return letter

    async def newest(self, group: str | None, after: str | None, limit: int) -> Sequence[DeadLetter]:
        """A page of the letters, newest first."""
        await self._catch_up()
        before = None if after is None else self._found(after)[0]
        letters = sorted(self._table.values(), key=lambda entry: entry[0], reverse=True)
        wanted = [
            letter
            for sequence, letter in letters
            if (group is None or letter.group == group) and (before is None or sequence < before)
        ]
        return wanted[:limit]

    async def letter(self, letter_id: str) -> DeadLetter:
        """Raises NotFound."""
        await self._catch_up()
        return self._found(letter_id)[1]

    def _found(self, letter_id: str) -> tuple[int, DeadLetter]:
        try:
            return self._table[letter_id]
        except KeyError:
            raise no_such_letter(letter_id) from None

    async def _write(self, sequence: int, letter: DeadLetter) -> None:
        origin = letter.topic if letter.topic in TOPICS else _UNKNOWN_TOPIC
        topic = f"{self._connection.prefix}{origin}.dead.{letter.group}"
        await self._topics.ensure([topic], keeps_latest=True)
        headers = {
            "sequence": str(sequence),
            "group": letter.group,
            "topic": letter.topic,
            "reason": letter.reason,
            "attempts": str(letter.attempts),
            "buried_at": letter.buried_at.isoformat(),
            "replayed_at": letter.replayed_at.isoformat() if letter.replayed_at else "",
        }
        encoded = [(name, value.encode("utf-8", "replace")) for name, value in headers.items()]
        await self._producer.call(
            lambda producer: producer.send_and_wait(topic, letter.raw, key=letter.id.encode(), headers=encoded),
            f"keep dead letters in {topic}",
        )

    async def _catch_up(self) -> None:
        """Reads on to where the topics end now: what any process has buried before the call is seen."""
        async with self._catching_up:
            ends = await self._topics.ends(await self._topics.matching(self._pattern))
            new = {partition: 0 for partition in ends if partition not in self._reader.positions}
            if new:
                self._reader.read(new)
            try:
                async with asyncio.timeout(self._connection.timeout_seconds):
                    while any(self._reader.positions[partition] < end for partition, end in ends.items()):
                        for message in await self._reader.next():
                            self._take(message)
            except TimeoutError as error:
                raise Unavailable(
                    f"{len(self._table)} dead letters were read from the Kafka at {self._connection.shown}, and more "
                    "are coming. Try again in a moment.",
                    code="timeout",
                ) from error

    def _take(self, message: Any) -> None:
        if message.key is None or message.value is None:
            return
        letter_id = message.key.decode("utf-8", "replace")
        headers = {name: value.decode("utf-8", "replace") for name, value in message.headers}
        try:
            entry = int(headers["sequence"]), _letter(letter_id, headers, message.value)
        except (KeyError, ValueError):
            _log.warning("not a dead letter", action="kafka.dead_letters", topic=message.topic, offset=message.offset)
            return
        if letter_id in self._table:
            self._table_bytes -= len(self._table.pop(letter_id)[1].raw)
        self._table[letter_id] = entry
        self._table_bytes += len(message.value)
        if len(self._table) > 1.25 * _MOST_LETTERS or self._table_bytes > 1.25 * _MOST_BYTES:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        for letter_id, (_, letter) in sorted(self._table.items(), key=lambda item: item[1][0]):
            if len(self._table) <= _MOST_LETTERS and self._table_bytes <= _MOST_BYTES:
                break
            del self._table[letter_id]
            self._table_bytes -= len(letter.raw)


def _letter(letter_id: str, headers: Mapping[str, str], raw: bytes) -> DeadLetter:
    return DeadLetter(
        id=letter_id,
        group=headers["group"],
        topic=headers["topic"],
        reason=headers["reason"],
        attempts=int(headers["attempts"]),
        buried_at=datetime.fromisoformat(headers["buried_at"]),
        raw=raw,
        replayed_at=datetime.fromisoformat(headers["replayed_at"]) if headers["replayed_at"] else None,
    )
