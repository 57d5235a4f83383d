"""The HTTP door of asking: `/api/v1/chat` and what is below it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from search.chat.application.conversations import Conversations
from search.chat.application.message_stream import MessageStream
from search.chat.domain.events import sequence_after
from search.chat.interface.shapes import (
    Cancelled,
    ChatQuestion,
    Feedback,
    ListParameters,
    MessageList,
    SessionList,
    SessionShape,
    message_shape,
    session_shape,
)
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.cursors import read_cursor, write_cursor
from shared.web.routes import Routes

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SILENCE_SECONDS: Final = 15
"""Proxies end a connection that is silent for a minute."""
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_MEDIA_TYPE: Final = "text/event-stream"
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {_MEDIA_TYPE: {"schema": {"type": "string", "description": "Server-sent events."}}}},
}

SessionId = Annotated[UUID, Path(description="The conversation's id.")]
MessageId = Annotated[UUID, Path(description="The message's id.")]
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="The id of the last event that was seen.", max_length=200)
]


def build_router(conversations: Conversations, access: Access) -> APIRouter:
    """The routes, over this capability and these rights."""
    router = Routes(prefix="/api/v1/chat", tags=["search", "chat"])

    @router.post(
        "",
        summary="Ask a question",
        response_class=StreamingResponse,
        responses={**_STREAM, **problems.responses(401, 403, 404, 422, 503)},
    )
    async def ask(
        question: ChatQuestion, request: Request, principal: Annotated[Principal, Depends(access.reader)]
    ) -> Response:
        """Streams the answer with its citations, the buttons of tariff codes beside it, and how all of it ended."""
        asked = question.to_asked(access.owner_of(request), principal.visible)
        for collection in asked.collections:
            principal.must_see(collection)
        return _streamed(await conversations.ask(asked), after=0)

    @router.get("/sessions", responses=problems.responses(400, 401, 403, 422, 503))
    async def list_chat_sessions(
        parameters: Annotated[ListParameters, Query()],
        request: Request,
        _: Annotated[Principal, Depends(access.reader)],
    ) -> SessionList:
        """The conversations of this key, last used first."""
        owner = access.owner_of(request)
        scope = f"chat sessions {owner}"
        before = None if parameters.cursor is None else read_cursor(parameters.cursor, scope, tuple[int, str])
        kept, total = await conversations.sessions(owner, limit=parameters.limit, before=before)
        full = len(kept) == parameters.limit
        return SessionList(
            items=[session_shape(one) for one in kept],
            next_cursor=write_cursor(scope, _microseconds(kept[-1].last_at), kept[-1].id) if full else None,
            total=total,
        )

    @router.get("/{session:uuid}", responses=problems.responses(401, 403, 404, 422, 503))
    async def read_chat_session(
        session: SessionId, request: Request, _: Annotated[Principal, Depends(access.reader)]
    ) -> SessionShape:
        """One conversation of this key."""
        return session_shape(await conversations.session(str(session), access.owner_of(request)))

    @router.delete("/{session:uuid}", status_code=204, responses=problems.responses(401, 403, 404, 422, 503))
    async def delete_chat_session(
        session: SessionId, request: Request, _: Annotated[Principal, Depends(access.reader)]
    ) -> Response:
        """It is gone for good, with all its messages."""
        await conversations.delete(str(session), access.owner_of(request))
        return Response(status_code=204)

    @router.get("/{session:uuid}/messages", responses=problems.responses(400, 401, 403, 404, 422, 503))
    async def list_chat_messages(
        session: SessionId,
        parameters: Annotated[ListParameters, Query()],
        request: Request,
        _: Annotated[Principal, Depends(access.reader)],
    ) -> MessageList:
        """In the order in which they were asked."""
        scope = f"chat messages {session}"
        after = 0 if parameters.cursor is None else read_cursor(parameters.cursor, scope, tuple[int])[0]
        kept, total = await conversations.messages(
            str(session), access.owner_of(request), limit=parameters.limit, after=after
        )
        full = len(kept) == parameters.limit
        return MessageList(
            items=[message_shape(one) for one in kept],
            next_cursor=write_cursor(scope, kept[-1].ordinal) if full else None,
            total=total,
        )

    @router.get(
        "/{session:uuid}/messages/{message_id:uuid}/events",
        summary="Take a broken stream up again",
        response_class=StreamingResponse,
        responses={**_STREAM, **problems.responses(401, 403, 404, 410, 422, 503)},
    )
    async def follow_message(
        session: SessionId,
        message_id: MessageId,
        request: Request,
        _: Annotated[Principal, Depends(access.reader)],
        last_event_id: LastEventId = None,
    ) -> Response:
        """Goes on after `Last-Event-ID`, while the answer is made and for five minutes after; nothing is made anew."""
        after = sequence_after(last_event_id, str(message_id))
        stream = await conversations.stream_of(str(session), str(message_id), access.owner_of(request))
        return _streamed(stream, after)

    @router.post(
        "/{session:uuid}/messages/{message_id:uuid}/cancel", responses=problems.responses(401, 403, 404, 422, 503)
    )
    async def cancel_message(
        session: SessionId, message_id: MessageId, request: Request, _: Annotated[Principal, Depends(access.reader)]
    ) -> Cancelled:
        """Ends an answer; what there is of it is kept."""
        was_running = await conversations.cancel(str(session), str(message_id), access.owner_of(request))
        return Cancelled(message_id=str(message_id), was_running=was_running)

    @router.post(
        "/{session:uuid}/messages/{message_id:uuid}/feedback",
        status_code=204,
        responses=problems.responses(401, 403, 404, 422, 503),
    )
    async def rate_message(
        session: SessionId,
        message_id: MessageId,
        feedback: Feedback,
        request: Request,
        _: Annotated[Principal, Depends(access.reader)],
    ) -> Response:
        """Whether the answer was good; replaces what was said before."""
        owner = access.owner_of(request)
        await conversations.rate(str(session), str(message_id), owner, feedback.rating, feedback.comment)
        return Response(status_code=204)

    return router


def _streamed(stream: MessageStream, after: int) -> StreamingResponse:
    return StreamingResponse(event_lines(stream, after), media_type=_MEDIA_TYPE, headers=_HEADERS)


async def event_lines(stream: MessageStream, after: int) -> AsyncIterator[bytes]:
    """The events as they are sent; a comment now and then while there are none."""
    events = stream.follow(after)
    upcoming: asyncio.Task[bytes | None] | None = None

    async def following() -> bytes | None:
        # Not an exception at the end: nobody would ask for it where the client leaves in that moment.
        event = await anext(events, None)
        return None if event is None else event.to_sse()

    try:
        while True:
            upcoming = upcoming or asyncio.create_task(following())
            await asyncio.wait((upcoming,), timeout=_SILENCE_SECONDS)
            if not upcoming.done():
                yield b": still at it\n\n"
                continue
            line, upcoming = upcoming.result(), None
            if line is None:
                return
            yield line
    finally:
        if upcoming is not None and not upcoming.done():
            upcoming.cancel()
            await asyncio.wait((upcoming,))
        await events.aclose()


def _microseconds(at: datetime) -> int:
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
