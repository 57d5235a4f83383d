"""Two tenants on one server: who they are, what they have, and how they ask."""

from dataclasses import dataclass, field
from typing import Any

import httpx
from every_route import Operation, bearer, filled
from journeys import upload, wait_for
from pdf_builders import PdfPage, a_pdf_of
from whose_routes import CANARY, HS_CODE, SEEN, THEIR_SHELF, THEIRS, Asked


@dataclass
class Tenants:
    """The server, what they have on it, and what we saw before they had it."""

    server: httpx.Client
    before: dict[str, Any]
    ours: dict[str, Any]
    theirs: dict[str, str] = field(default_factory=dict)
    """Names of path parameters → ids of theirs."""
    receipt: str = ""

    def ask(self, key: str, operation: Operation, asked: Asked, ids: dict[str, str] | None = None) -> httpx.Response:
        """With `{…}` in the path and in what is sent filled from these ids."""
        method, path = operation
        own = _filled(asked.get("path", {}), ids or {})
        values = {**(ids or {}), "collection": THEIR_SHELF, "name": "new.txt", **own}
        sent = {name: _filled(value, values) for name, value in asked.items() if name not in ("path", "files")}
        files = {"files": asked["files"]} if "files" in asked else {}
        return self.server.request(method, filled(path, values), headers=bearer(key), **sent, **files)


def _filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {_filled(name, ids): _filled(one, ids) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, ids) for one in value]
    return filled(value, ids) if isinstance(value, str) else value


def put(server: httpx.Client, key: str, shelf: str, name: str, content: bytes | str) -> dict[str, Any]:
    """A document once it is searchable or failed, with what its upload was answered."""
    document = upload(server, name, content, collection=shelf, headers=bearer(key))
    return document | wait_for(server, document["id"], "searchable", "failed", headers=bearer(key))


def they_move_in(tenants: Tenants) -> None:
    """Documents that are searchable and one that failed, a conversation, evaluations; and they search as we do."""
    server, key = tenants.server, bearer(THEIRS)
    table = f"| {CANARY} | a |\n|-|-|\n| 1 | 2 |\n"
    text = f"# The {CANARY}stone\n\nThe rent of the {CANARY} mill is paid in June. HS {HS_CODE}\n\n{table}"
    note = put(server, THEIRS, THEIR_SHELF, f"{CANARY}.md", text)
    server.patch(
        f"/api/v1/documents/{note['id']}", json={"metadata": {"quernkey": "quernvalue", "kind": CANARY}}, headers=key
    ).raise_for_status()
    drawn = put(
        server, THEIRS, THEIR_SHELF, f"{CANARY}.pdf", a_pdf_of(PdfPage([(72, 700, f"rent of the {CANARY} mill")]))
    )
    assert put(server, THEIRS, THEIR_SHELF, f"{CANARY} broken.pdf", b"%PDF-1.7 no more")["status"] == "failed"
    asked = server.post("/api/v1/chat", json={"question": f"What is the rent of the {CANARY} mill?"}, headers=key)
    assert CANARY in asked.raise_for_status().text
    (session,) = server.get("/api/v1/chat/sessions", headers=key).json()["items"]
    (message,) = server.get(f"/api/v1/chat/{session['session']}/messages", headers=key).json()["items"]
    questions = [{"id": "1", "text": f"{CANARY} mill", "relevant": {f"{CANARY}.md": 1}}]
    wanted = {"name": f"{CANARY} set", "collection": THEIR_SHELF, "questions": questions}
    evaluated = [server.post("/api/v1/evaluations", json=wanted, headers=key).raise_for_status() for _ in range(2)]
    for operation, requests in SEEN.items():
        if operation[1] in ("/api/v1/search", "/api/v1/search/suggest"):
            for one in requests:
                tenants.ask(THEIRS, operation, one).raise_for_status()
    tenants.receipt = note["after"]
    tenants.theirs = {
        "document_id": note["id"],
        "pdf": drawn["id"],
        "session": session["session"],
        "message_id": message["message_id"],
        "evaluation_id": evaluated[0].json()["id"],
        "other_id": evaluated[1].json()["id"],
    }
