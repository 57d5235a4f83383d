"""MemoryCache: its bound, and who goes first."""

from shared.infrastructure.memory_cache import MemoryCache


async def kept(cache: MemoryCache, count: int) -> list[int]:
    return [number for number in range(count) if await cache.get(str(number)) is not None]


async def test_the_least_recently_used_goes_first() -> None:
    cache = MemoryCache(3 * 1400)
    for number in range(3):
        await cache.put(str(number), b"x" * 1000, ttl_seconds=60)
    await cache.get("0")
    await cache.put("3", b"x" * 1000, ttl_seconds=60)
    assert await kept(cache, 4) == [0, 2, 3]


async def test_stays_below_its_bytes() -> None:
    cache = MemoryCache(50_000)
    for number in range(1000):
        await cache.put(str(number), b"x" * 1000, ttl_seconds=60)
    assert 20 <= len(await kept(cache, 1000)) <= 50


async def test_a_value_larger_than_the_cache_is_not_kept_and_throws_nothing_out() -> None:
    cache = MemoryCache(10_000)
    await cache.put("0", b"small", ttl_seconds=60)
    await cache.put("1", b"x" * 20_000, ttl_seconds=60)
    assert await kept(cache, 2) == [0]


async def test_room_of_expired_dropped_and_replaced_values_is_used_again() -> None:
    now = 0.0
    cache = MemoryCache(3000, clock=lambda: now)
    for _ in range(20):
        await cache.put("0", b"x" * 1000, ttl_seconds=60, tag="one")
    await cache.put("1", b"x" * 1000, ttl_seconds=10)
    assert await kept(cache, 2) == [0, 1]
    await cache.drop("one")
    now = 11
    assert await kept(cache, 2) == []
    for number in range(2):
        await cache.put(str(number), b"x" * 1000, ttl_seconds=60)
    assert await kept(cache, 2) == [0, 1]
