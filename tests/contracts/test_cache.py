"""The promises of Cache, on every adapter."""

from builders import eventually
from shared.ports.storage import Cache


async def test_what_was_put_is_got(cache: Cache) -> None:
    await cache.put("key", b"value", ttl_seconds=60)
    assert await cache.get("key") == b"value"
    assert await cache.get("other") is None


async def test_the_last_value_wins(cache: Cache) -> None:
    await cache.put("key", b"one", ttl_seconds=60)
    await cache.put("key", b"two", ttl_seconds=60)
    assert await cache.get("key") == b"two"


async def test_a_value_expires(cache: Cache) -> None:
    await cache.put("key", b"value", ttl_seconds=0.02)

    async def is_gone() -> bool:
        return await cache.get("key") is None

    await eventually(is_gone)


async def test_dropping_a_tag_drops_what_was_put_with_it(cache: Cache) -> None:
    await cache.put("a", b"1", ttl_seconds=60, tag="one")
    await cache.put("b", b"2", ttl_seconds=60, tag="two")
    await cache.put("c", b"3", ttl_seconds=60)
    await cache.drop("one")
    assert [await cache.get(key) for key in "abc"] == [None, b"2", b"3"]
    await cache.put("a", b"4", ttl_seconds=60, tag="one")
    assert await cache.get("a") == b"4"


async def test_dropping_an_unknown_tag_is_nothing(cache: Cache) -> None:
    await cache.drop("nobody")


async def test_a_value_that_moved_to_another_tag_follows_that_one(cache: Cache) -> None:
    await cache.put("a", b"1", ttl_seconds=60, tag="one")
    await cache.put("a", b"2", ttl_seconds=60, tag="two")
    await cache.drop("one")
    assert await cache.get("a") == b"2"
    await cache.drop("two")
    assert await cache.get("a") is None
