"""Routes of API keys: made, listed by name, withdrawn; and of the audit log."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field, StringConstraints

from shared.ports.audit import AuditAction, AuditFilter, AuditLog
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.cursors import read_cursor, write_cursor
from shared.web.key_management import KeyManagement, SeenKey
from shared.web.keys_file import COLLECTION, NAME, Right
from shared.web.requests import BodyFields, CursorText, Instant, RequestFields
from shared.web.routes import Routes
from shared.web.shapes import Shape

_Name = Annotated[str, Path(description="The key's name.", max_length=64)]
_Collection = Annotated[str, StringConstraints(pattern=rf"^{COLLECTION}$")]
_SCOPE: Final = "audit"


class NewKey(BodyFields):
    """A key that is asked for."""

    name: str = Field(pattern=NAME)
    """1 to 64 letters, digits, `.`, `-` or `_`: whose it is, or what for."""
    rights: list[Right] = Field(default=["read"], min_length=1, max_length=3)
    """Of `read`, `write`, `admin`; `read` if left out."""
    collections: list[_Collection] | None = Field(default=None, min_length=1, max_length=1_000)
    """The collections it may touch; all if left out."""


class KeyView(Shape):
    """A key, without itself."""

    name: str
    """Its name."""
    rights: list[str]
    """Of `read`, `write`, `admin`."""
    collections: list[str] | None
    """The collections it may touch; null: all."""
    source: Literal["made", "settings"]
    """`settings`: it stands in the file of SEOGA_API_KEYS_FILE, and is withdrawn there."""
    created_at: datetime | None
    """When it was made; null for a key of the settings."""
    last_used_at: datetime | None
    """When it was used last, about a minute behind; null: never, and for a key of the settings."""


class MadeKeyView(KeyView):
    """A new key."""

    key: str
    """The key itself. It is shown here and never again: only a hash of it is kept."""
    closes_server: bool
    """Whether it is the first key: until now none was needed, from now on every request needs one."""


class KeyList(Shape):
    """All keys."""

    items: list[KeyView]
    """Those of the settings first, then by name."""
    total: int
    """How many."""


class WithdrawQuery(RequestFields):
    """What else it may do."""

    open_server: bool = Field(
        default=False, description="Also the last key of all: afterwards everybody on this machine may do everything."
    )


class AuditQuery(RequestFields):
    """Which entries."""

    limit: int = Field(default=50, ge=1, le=500, description="How many.")
    cursor: CursorText = None
    key_name: Annotated[str | None, Field(max_length=64, description="Only what was done with this key.")] = None
    action: Annotated[AuditAction | None, Field(description="Only what was done so.")] = None
    since: Annotated[Instant | None, Field(description="Only of this instant and later, with its offset from UTC.")] = (
        None
    )
    until: Annotated[Instant | None, Field(description="Only before this instant.")] = None


class AuditEntryView(Shape):
    """One thing that was done."""

    at: datetime
    """When."""
    key_name: str
    """Of the key that did it; `anonymous` where no key was needed."""
    action: str
    """`document.deleted`, `document.moved`, `collection.deleted`, `dead_letter.replayed`, `model.reloaded`,
    `key.made`, `key.withdrawn`."""
    subject: str
    """What it was done to: a document's id, a collection, a dead letter's id, a model, a key's name."""
    detail: str
    """More in words, such as a document's name; may be empty."""
    collection: str | None
    """Where the subject was, if in one."""
    count: int
    """How many things it was done to."""
    correlation_id: str | None
    """`X-Request-ID` of the request."""


class AuditList(Shape):
    """A page of the audit log."""

    items: list[AuditEntryView]
    """Newest first."""
    next_cursor: str | None
    """For the next page; null on the last one."""


def build_key_router(management: KeyManagement, audit: AuditLog, access: Access) -> APIRouter:
    """`/api/v1/keys` and `/api/v1/audit`, for keys with the right `admin` over every collection."""
    router = Routes(prefix="/api/v1", tags=["keys"])
    operator = Annotated[Principal, Depends(access.operator)]

    @router.get("/keys", responses=problems.responses(401, 403, 503))
    async def list_keys(_: operator, response: Response) -> KeyList:
        """All keys by name, with what each may do and when it was used last; never a key itself."""
        response.headers["Cache-Control"] = "no-store"
        seen = await management.all()
        return KeyList(items=[KeyView(**_fields(key)) for key in seen], total=len(seen))

    @router.post("/keys", status_code=201, responses=problems.responses(401, 403, 409, 422, 503, 507))
    async def make_key(principal: operator, wanted: NewKey, response: Response) -> MadeKeyView:
        """Makes a key and shows it this once. The first of all closes the server, and must be able to make others."""
        response.headers["Cache-Control"] = "no-store"
        made = await management.make(principal, wanted.name, collections=wanted.collections, rights=wanted.rights)
        return MadeKeyView(**_fields(made.seen), key=made.key, closes_server=made.closes_server)

    @router.delete("/keys/{name}", status_code=204, responses=problems.responses(401, 403, 404, 409, 422, 503))
    async def withdraw_key(
        principal: operator,
        name: _Name,
        query: Annotated[WithdrawQuery, Query()],
    ) -> Response:
        """It lets nobody in any more, within a second in every process; its sessions end with it."""
        await management.withdraw(principal, name, open_server=query.open_server)
        return Response(status_code=204)

    @router.get("/audit", responses=problems.responses(400, 401, 403, 422, 503))
    async def list_audit(_: operator, query: Annotated[AuditQuery, Query()], response: Response) -> AuditList:
        """What was deleted, replayed, reloaded, made and withdrawn, and with which key; newest first."""
        response.headers["Cache-Control"] = "no-store"
        which = AuditFilter(query.key_name, query.action, query.since, query.until)
        scope = _SCOPE if which == AuditFilter() else f"{_SCOPE}:{which}"
        before = None if query.cursor is None else read_cursor(query.cursor, scope, tuple[str])[0]
        found = await audit.entries(which, before=before, limit=query.limit + 1)
        page = found[: query.limit]
        return AuditList(
            items=[AuditEntryView.model_validate(entry, from_attributes=True) for entry in page],
            next_cursor=write_cursor(scope, page[-1].id) if len(found) > len(page) else None,
        )

    return router


def _fields(key: SeenKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "rights": sorted(key.rights),
        "collections": None if key.collections is None else sorted(key.collections),
        "source": "settings" if key.is_of_settings else "made",
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
    }
