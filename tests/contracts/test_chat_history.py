"""The promises of ChatHistory, on every adapter."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from chat_builders import (
    AT,
    OpenHistory,
    a_question,
    an_analysis,
    an_answer,
    postgres_history,
    sqlite_history,
)

from search.chat.application.ports.history import ChatHistory
from shared.kernel import NotFound, new_id


@pytest.fixture(
    params=[
        pytest.param(sqlite_history, id="sqlite"),
        pytest.param(postgres_history, id="postgresql", marks=pytest.mark.servers),
    ]
)
async def open_it(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenHistory]:
    async with request.param(tmp_path) as opener:
        yield opener


@pytest.fixture
async def history(open_it: OpenHistory) -> AsyncIterator[ChatHistory]:
    async with open_it() as opened:
        yield opened


async def test_what_was_saved_is_read_again_after_a_restart(open_it: OpenHistory) -> None:
    question = a_question(language="ko", collections=("customs", "관세"))
    async with open_it() as history:
        assert await history.save_message_with_hscode_analysis(an_answer(question), an_analysis())
    async with open_it() as history:
        message = await history.message(question.session, question.message_id, "me")
    assert (message.question, message.answer, message.state) == (question.text, "기본세율은 0 %이다.", "done")
    assert (message.answered_by, message.finish_reason, message.ordinal) == ("extractive", "stop", 1)
    assert message.citations == [{"number": 1, "quote": "0 %"}] and message.usage == {"passages": 3}
    assert message.context7_analysis == {"buttons": [{"code": "847130"}], "degraded": []}
    assert message.detail_page_processing_time == 12
    assert message.parallel_task_metrics is not None and message.parallel_task_metrics["speedup"] == 1.5
    assert (message.degraded, message.unsupported_sentences, message.milliseconds) == (["context7"], 1, 42)
    assert message.asked_at == AT


async def test_nothing_is_there_twice_however_often_it_is_saved(history: ChatHistory) -> None:
    question = a_question()
    await history.begin(question)
    await history.begin(question)
    for text in ("first", "second"):
        assert await history.save_message_with_hscode_analysis(an_answer(question, text), an_analysis())
    await history.begin(question)
    (message,) = await history.messages(question.session, "me", limit=10)
    assert message.answer == "first" and message.state == "done"
    assert (await history.session(question.session, "me")).messages == 1


async def test_saving_the_same_at_once_keeps_it_once(history: ChatHistory) -> None:
    question = a_question()
    await asyncio.gather(
        *(history.save_message_with_hscode_analysis(an_answer(question), an_analysis()) for _ in range(6))
    )
    assert len(await history.messages(question.session, "me", limit=10)) == 1


async def test_a_question_that_is_being_answered_is_there_already(history: ChatHistory) -> None:
    question = a_question("What is\n tea?")
    await history.begin(question)
    (message,) = await history.messages(question.session, "me", limit=10)
    assert (message.state, message.answer, message.context7_analysis) == ("answering", "", None)
    assert (await history.session(question.session, "me")).title == "What is tea?"


@pytest.mark.parametrize(
    "broken",
    [float("nan"), object(), {"deep": [{"x": float("inf")}]}, b"bytes", {1, 2}],
    ids=lambda one: type(one).__name__,
)
async def test_a_broken_analysis_never_costs_the_message(history: ChatHistory, broken: object) -> None:
    question = a_question()
    assert not await history.save_message_with_hscode_analysis(an_answer(question), an_analysis([broken]))
    message = await history.message(question.session, question.message_id, "me")
    assert message.answer and message.state == "done"
    assert (message.context7_analysis, message.detail_page_processing_time) == (None, None)


async def test_a_processing_time_that_no_column_holds_costs_the_analysis_alone(history: ChatHistory) -> None:
    question = a_question()
    analysis = an_analysis(detail_page_processing_time=1 << 70)
    assert not await history.save_message_with_hscode_analysis(an_answer(question), analysis)
    assert (await history.message(question.session, question.message_id, "me")).state == "done"


@pytest.mark.parametrize("text", ["a\x00b", "half \ud83d of one", "𝕊eoga 서가 🍵", "'; DROP TABLE chat_messages; --"])
async def test_any_text_is_kept(history: ChatHistory, text: str) -> None:
    question = a_question(text)
    answer = an_answer(question, text, citations=({text: text},))
    assert await history.save_message_with_hscode_analysis(answer, an_analysis([text]))
    (message,) = await history.messages(question.session, "me", limit=10)
    assert message.question == message.answer and message.context7_analysis == {
        "buttons": [message.answer],
        "degraded": [],
    }


async def test_numbers_and_times_rise_in_a_session_whatever_clocks_say(history: ChatHistory) -> None:
    session = new_id()
    ago = [timedelta(0), timedelta(hours=1), timedelta(0), timedelta(days=2)]
    for back in ago:
        await history.begin(a_question(session=session, asked_at=AT - back))
    kept = await history.messages(session, "me", limit=10)
    assert [message.ordinal for message in kept] == [1, 2, 3, 4]
    times = [message.asked_at for message in kept]
    assert times == sorted(set(times))
    assert (await history.session(session, "me")).last_at == times[-1]


async def test_messages_begun_at_once_have_numbers_of_their_own(history: ChatHistory) -> None:
    session = new_id()
    await asyncio.gather(*(history.begin(a_question(str(number), session=session)) for number in range(8)))
    kept = await history.messages(session, "me", limit=10)
    assert [message.ordinal for message in kept] == list(range(1, 9))
    assert {message.question for message in kept} == {str(number) for number in range(8)}


async def test_a_session_of_another_key_is_none(history: ChatHistory) -> None:
    mine = a_question()
    await history.save_message_with_hscode_analysis(an_answer(mine), an_analysis())
    session, message = mine.session, mine.message_id
    for attempt in (
        history.session(session, "they"),
        history.messages(session, "they", limit=5),
        history.last_messages(session, "they", limit=5),
        history.message(session, message, "they"),
        history.rate(session, message, "they", "up", None),
        history.delete(session, "they"),
        history.begin(a_question(session=session, owner="they")),
        history.save_message_with_hscode_analysis(an_answer(a_question(session=session, owner="they")), an_analysis()),
    ):
        with pytest.raises(NotFound):
            await attempt
    await history.forget_question(message, "they")
    assert await history.sessions("they", limit=5) == [] and await history.count_sessions("they") == 0
    assert [one.id for one in await history.messages(session, "me", limit=5)] == [message]


async def test_a_message_of_another_session_is_none(history: ChatHistory) -> None:
    one, other = a_question(), a_question()
    await history.begin(one)
    await history.begin(other)
    with pytest.raises(NotFound):
        await history.message(one.session, other.message_id, "me")
    with pytest.raises(NotFound):
        await history.rate(one.session, other.message_id, "me", "down", None)


async def test_pages_of_sessions_hold_each_once_last_used_first(history: ChatHistory) -> None:
    asked = [a_question(asked_at=AT + timedelta(seconds=number // 2)) for number in range(7)]
    for question in asked:
        await history.begin(question)
    seen: list[str] = []
    before: tuple[int, str] | None = None
    while page := await history.sessions("me", limit=3, before=before):
        seen += [one.id for one in page]
        last = page[-1]
        before = (round(last.last_at.timestamp() * 1_000_000), last.id)
    assert sorted(seen) == sorted(question.session for question in asked) and len(set(seen)) == 7
    assert seen[0] == asked[-1].session and await history.count_sessions("me") == 7


async def test_pages_of_messages_follow_the_ordinal(history: ChatHistory) -> None:
    session = new_id()
    for number in range(5):
        await history.begin(a_question(str(number), session=session))
    assert [one.question for one in await history.messages(session, "me", limit=2, after=2)] == ["2", "3"]
    assert [one.question for one in await history.last_messages(session, "me", limit=2)] == ["3", "4"]


async def test_deleted_is_gone_for_good_and_nothing_else_is(history: ChatHistory) -> None:
    gone, stays = a_question(), a_question()
    for question in (gone, stays):
        await history.save_message_with_hscode_analysis(an_answer(question), an_analysis())
    await history.delete(gone.session, "me")
    with pytest.raises(NotFound):
        await history.messages(gone.session, "me", limit=1)
    with pytest.raises(NotFound):
        await history.delete(gone.session, "me")
    # Whoever takes the id anew finds none of its messages.
    await history.begin(a_question(session=gone.session))
    assert len(await history.messages(gone.session, "me", limit=5)) == 1
    assert (await history.message(stays.session, stays.message_id, "me")).answer


async def test_a_question_that_turned_out_to_be_none_leaves_no_trace(history: ChatHistory) -> None:
    question = a_question()
    await history.begin(question)
    await history.forget_question(question.message_id, "me")
    assert await history.count_sessions("me") == 0
    await history.forget_question(question.message_id, "me")
    saved = a_question()
    await history.save_message_with_hscode_analysis(an_answer(saved), an_analysis())
    await history.forget_question(saved.message_id, "me")
    assert (await history.message(saved.session, saved.message_id, "me")).answer


async def test_a_rating_replaces_the_one_before(history: ChatHistory) -> None:
    question = a_question()
    await history.save_message_with_hscode_analysis(an_answer(question), an_analysis())
    await history.rate(question.session, question.message_id, "me", "up", None)
    await history.rate(question.session, question.message_id, "me", "down", "틀렸어요")
    message = await history.message(question.session, question.message_id, "me")
    assert (message.rating, message.comment) == ("down", "틀렸어요")
