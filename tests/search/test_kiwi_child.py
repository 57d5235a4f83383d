"""Kiwi in its process: nobody stands still for it, it comes when it is needed, and it is replaced when it is gone."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import psutil
import pytest
from one_analyzer import the_analyzer, the_kiwi

from builders import eventually
from search.infrastructure.kiwi import child as kiwi_child
from search.infrastructure.kiwi.child import KiwiChild, KiwiTimes
from search.infrastructure.kiwi_analyzer import KiwiAnalyzer
from shared.kernel import Unavailable
from shared.runtime.children import ChildLate

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]  # each loads Kiwi

TEXTS = ["노트북 컴퓨터의 관세율을 안내합니다.", "No Hangul here.", "계약서 제12조", "ｶﾞ 가나다", "물률비 계약셔"]
WORD = "관세"
PATIENT = KiwiTimes(first_seconds=120.0, query_seconds=120.0)


def _children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if kiwi_child._MODULE in one.cmdline()]


@pytest.fixture
async def kiwi() -> AsyncIterator[KiwiChild]:
    child = KiwiChild(PATIENT)
    yield child
    await child.close()
    assert not _children()


async def _longest_stall_until(done: asyncio.Task[object]) -> float:
    longest, last = 0.0, time.perf_counter()
    while not done.done():
        await asyncio.sleep(0.002)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest


async def test_the_loop_goes_on_turning_while_kiwi_is_loaded(kiwi: KiwiChild) -> None:
    began = time.perf_counter()
    first = asyncio.create_task(kiwi.of_query(WORD))
    stall = await _longest_stall_until(first)
    assert await first == [WORD]
    # Where the loading takes the interpreter's lock, it stands still for half of it in one go.
    assert stall < 0.25 * (time.perf_counter() - began)
    assert len(_children()) == 1


async def test_it_says_what_kiwi_says_here(kiwi: KiwiChild) -> None:
    here = the_kiwi()
    assert await kiwi.of_chunks(TEXTS * 2) == await here.of_chunks(TEXTS * 2)
    assert [await kiwi.of_query(text) for text in TEXTS] == await here.of_chunks(TEXTS)
    assert await kiwi.morphemes(TEXTS) == await here.morphemes(TEXTS)
    assert [await kiwi.is_plausible(word) for word in ("계약서", "계약셔")] == [True, False]


async def test_texts_and_their_name_are_the_same_through_the_child() -> None:
    async with KiwiAnalyzer(KiwiChild(PATIENT)) as analyzer:
        texts = [f"{text} {number}" for number in range(7) for text in TEXTS]
        assert await analyzer.chunks(texts, name="계약.txt") == await the_analyzer().chunks(texts, name="계약.txt")
        for text in (*TEXTS, "관세율 " * 200):
            assert await analyzer.query(text) == await the_analyzer().query(text)
        assert await analyzer.content_words(TEXTS) == await the_analyzer().content_words(TEXTS)
    assert not _children()


async def test_english_starts_nothing() -> None:
    async with KiwiAnalyzer() as analyzer:
        await analyzer.chunks(["Green tea."], name="tea.txt")
        await analyzer.query("green tea")
        await analyzer.content_words(["Green tea."])
        assert await analyzer.is_plausible("tea")
        assert not _children()


async def test_another_one_takes_the_place_of_one_that_was_killed(kiwi: KiwiChild) -> None:
    await kiwi.of_query(WORD)
    (former,) = _children()
    former.kill()
    assert await asyncio.gather(*(kiwi.of_query(WORD) for _ in range(5))) == [[WORD]] * 5
    (present,) = _children()
    assert present.pid != former.pid


async def test_one_that_stands_still_is_not_waited_for_long_and_is_replaced() -> None:
    kiwi = KiwiChild(KiwiTimes(first_seconds=120.0, query_seconds=0.2, call_seconds=1.0, load_seconds=120.0))
    try:
        await kiwi.of_query(WORD)
        (former,) = _children()
        os.kill(former.pid, signal.SIGSTOP)
        with pytest.raises(Unavailable, match="does not answer now"):
            await kiwi.of_query(WORD)
        # Long work waits for the next one.
        async with asyncio.timeout(120):
            assert await kiwi.of_chunks([WORD]) == [[WORD]]
        assert former.pid not in [one.pid for one in _children()]
    finally:
        await kiwi.close()


async def test_a_text_that_is_too_much_for_it_is_to_blame_and_others_are_answered() -> None:
    kiwi = KiwiChild(KiwiTimes(first_seconds=120.0, query_seconds=120.0, call_seconds=2.0))
    with pytest.raises(ChildLate):
        await kiwi.of_chunks(["가나다 라마바사 " * 1_000_000])
    assert await kiwi.of_chunks([WORD]) == [[WORD]]
    with pytest.raises(Unavailable, match="broke"):
        await kiwi.of_query("가나다 라마바사 " * 1_000_000)
    await kiwi.close()


async def test_without_kiwi_it_says_so_and_does_not_try_at_every_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHOUT_MODULES", f"{os.environ['WITHOUT_MODULES']},kiwipiepy")
    kiwi = KiwiChild(KiwiTimes(first_seconds=120.0, first_pause_seconds=3_600.0, longest_pause_seconds=3_600.0))
    with pytest.raises(Unavailable, match="cannot be loaded"):
        await kiwi.of_query(WORD)
    assert not _children()
    with pytest.raises(Unavailable, match="cannot be loaded") as refused:
        await kiwi.of_query(WORD)
    assert refused.value.retry_after_seconds is not None and refused.value.retry_after_seconds > 60
    assert not _children()
    await kiwi.close()


async def test_a_server_that_ends_does_not_wait_until_it_is_loaded() -> None:
    kiwi = KiwiChild(PATIENT)
    waiting = asyncio.create_task(kiwi.of_query(WORD))
    await eventually(_children, every_seconds=0.002)
    await kiwi.close()
    assert not _children()
    with pytest.raises((Unavailable, asyncio.CancelledError)):
        await waiting


def test_this_process_has_no_kiwi_of_its_own() -> None:
    code = "import sys, search.container; print('kiwipiepy' in sys.modules)"
    tried = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert tried.stdout.strip() == "False"
