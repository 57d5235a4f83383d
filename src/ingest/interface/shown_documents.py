"""How the command line shows a document: a line of a list, or all that is known of it."""

import json
from datetime import datetime
from typing import Any

from shared.runtime.client import printable


def line(document: dict[str, Any]) -> str:
    """Id, status, when it came, size, and `collection/name`; the columns before the name have one width."""
    return printable(
        f"{document['id']}  {document['status']:<10}  {_local(document['received_at'])}  "
        f"{size(document['size']):>8}  {document['collection']}/{document['name']}"
    ).replace("\n", " ")


def reason(document: dict[str, Any]) -> str:
    """Why it failed, at which stage, and whether to try again is of any use."""
    problem = document["problem"] or {}
    stage = f"stage {problem['stage']}; " if problem.get("stage") else ""
    hope = "trying again can help" if problem.get("retryable") else "trying again does not help"
    return printable(f"{problem.get('detail') or problem.get('title')} ({stage}{hope})").replace("\n", " ")


def details(document: dict[str, Any], chunks: int | None) -> str:
    """Some lines, each with a word and what it is."""
    rows: list[tuple[str, str]] = [
        ("id", document["id"]),
        ("collection", document["collection"]),
        ("status", _status(document)),
    ]
    if document["parent"]:
        rows.append(("came in", document["parent"]))
    if document["children"]:
        rows.append(("has in it", f"{document['children']:,} documents"))
    if document["problem"]:
        rows.append(("reason", reason(document)))
    rows += [("warning", warning) for warning in document["warnings"]]
    rows += [("nearly", _similar(one)) for one in document["similar"] or ()]
    rows += [("also named", name) for name in document["names"] if name != document["name"]]
    rows += [
        ("type", document["media_type"]),
        ("size", f"{document['size']:,} bytes"),
        ("language", document["language"] or "not known"),
        ("chunks", "none" if chunks is None else f"{chunks:,}"),
        ("revision", _revision(document)),
        ("received", _local(document["received_at"])),
    ]
    if early := document["early"]:
        rows.append(("searchable", f"the first {early['pages_done']:,} of {early['pages_total']:,} pages"))
    elif document["searchable_at"]:
        rows.append(("searchable", _local(document["searchable_at"])))
    rows.append(("sha256", document["sha256"]))
    if document["metadata"]:
        rows.append(("metadata", json.dumps(document["metadata"], ensure_ascii=False)))
    lines = [document["name"], *(f"  {name:<11} {value}" for name, value in rows)]
    return "\n".join(printable(text).replace("\n", " ") for text in lines)


def size(count: int) -> str:
    """Of a file, for people: decimal units."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def _similar(other: dict[str, Any]) -> str:
    return f"{other['collection']}/{other['name']} ({other['similarity']:.0%} the same, {other['id']})"


def _status(document: dict[str, Any]) -> str:
    progress = document["progress"] or {}
    if document["status"] not in ("received", "processing"):
        return str(document["status"])
    stage = f", stage {document['stage']}" if document["stage"] else ""
    before = f", {progress['queue_position']:,} before it" if progress.get("queue_position") else ""
    return f"{document['status']}{stage}{before}"


def _revision(document: dict[str, Any]) -> str:
    served = document["searchable_revision"]
    now, note = document["revision"], ""
    if served is not None and served != now:
        note = f" (search shows {served})"
    return f"{now}{note}"


def _local(instant: str) -> str:
    """In the time zone of who reads it."""
    return datetime.fromisoformat(instant).astimezone().strftime("%Y-%m-%d %H:%M")
