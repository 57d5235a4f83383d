"""MSG (MS-OXMSG) through python-oxmsg: header, body, attached messages in their place, attached files as parts."""

import struct
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from olefile import OleFileIO
from oxmsg import Message
from oxmsg.storage import Storage

from process.infrastructure.parsers.draft import Draft, Unreadable, one_line
from process.infrastructure.parsers.embedded import add_page
from process.infrastructure.parsers.encoding import decode
from process.infrastructure.parsers.mail_text import add_mail_text, has_text, mark_quotes

# Property ids of MS-OXPROPS.
_SUBJECT, _BODY, _HTML = 0x0037, 0x1000, 0x1013
_SENDER_NAME, _SENDER_ADDRESS, _SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
_TO, _CC = 0x0E04, 0x0E03
_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME, _DATA = 0x3707, 0x3704, 0x3001, 0x3701
_CONTENT_ID, _CLASS = 0x3712, 0x001A
_UNICODE, _ANSI, _BINARY, _OBJECT = 0x001F, 0x001E, 0x0102, 0x000D
_DEEPEST: Final = 10


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    try:
        with OleFileIO(str(path)) as file:
            root = Storage.from_ole(file)
    except (OSError, ValueError, TypeError, IndexError, KeyError, struct.error, RecursionError) as error:
        raise Unreadable(
            "corrupt", "The Outlook message is damaged. Open it in Outlook, save it again, and upload the result."
        ) from error
    subject = one_line(_text(root, _SUBJECT))
    if subject:
        draft.title = subject
        draft.add("title", subject)
    before = draft.characters
    _message(draft, root, 0)
    if draft.characters == before and "SMIME" in _text(root, _CLASS).upper():
        raise Unreadable("encrypted", "The mail is encrypted. Open it in Outlook and save its text.")


def _message(draft: Draft, storage: Storage, depth: int) -> None:
    sender = " ".join(filter(None, (_text(storage, _SENDER_NAME), _address(storage))))
    lines = [("From", sender), ("To", _text(storage, _TO)), ("Cc", _text(storage, _CC)), ("Date", _date(storage))]
    draft.add("paragraph", "\n".join(f"{name}: {one_line(text)}" for name, text in lines if text.strip()))
    body, page = _text(storage, _BODY), _page(storage)
    if has_text(body) and (len(body) * 20 > len(page) or len(body) > 500):
        add_mail_text(draft, body)
    elif page:
        add_page(draft, mark_quotes(page))
    for number, attached in enumerate(storage.iter_attachment_storages(), 1):
        _attachment(draft, attached, number, page, depth)


def _attachment(draft: Draft, storage: Storage, number: int, page: str, depth: int) -> None:
    inner = next((one for one in storage.storages if one.name == f"__substg1.0_{_DATA:04X}{_OBJECT:04X}"), None)
    name = _text(storage, _LONG_NAME) or _text(storage, _SHORT_NAME) or _text(storage, _DISPLAY_NAME)
    name = one_line(name).replace("/", "_") or f"attachment {number}"
    if inner is not None:
        if any(stream.name == "__properties_version1.0" for stream in inner.streams):
            draft.add("heading", f"Attached message: {one_line(_text(inner, _SUBJECT)) or name}", level=1)
            if depth < _DEEPEST:
                _message(draft, inner, depth + 1)
        else:
            draft.warnings.append(f"The embedded object {name!r} was left out.")
        return
    content_id = _text(storage, _CONTENT_ID).strip("<> ")
    if content_id and f"cid:{content_id}" in page:
        return  # a picture of the page, not an attachment
    content = _stream(storage, _DATA, _BINARY)
    if content:
        draft.add("list_item", f"Attachment: {name}")
        draft.parts.add(name, [content])


def _stream(storage: Storage, name: int, kind: int) -> bytes:
    wanted = f"__substg1.0_{name:04X}{kind:04X}"
    return next((bytes(stream.bytes_) for stream in storage.streams if stream.name == wanted), b"")


def _text(storage: Storage, name: int) -> str:
    wide = _stream(storage, name, _UNICODE)
    if wide:
        return wide[: len(wide) & ~1].decode("utf-16-le", "replace").rstrip("\0")
    narrow = _stream(storage, name, _ANSI).rstrip(b"\0")
    if not narrow:
        return ""
    try:
        return decode(narrow)[0]
    except Unreadable:
        return narrow.decode("cp1252", "replace")


def _page(storage: Storage) -> str:
    raw = _stream(storage, _HTML, _BINARY)
    if raw:
        with suppress(Unreadable):
            return decode(raw)[0]
    return _text(storage, _HTML)


def _address(storage: Storage) -> str:
    address = _text(storage, _SENDER_SMTP) or _text(storage, _SENDER_ADDRESS)
    return f"<{address}>" if "@" in address else ""


def _date(storage: Storage) -> str:
    with suppress(ValueError, KeyError, IndexError, struct.error, OverflowError, AssertionError):
        sent = Message(storage).sent_date
        if isinstance(sent, datetime):
            return sent.strftime("%Y-%m-%d %H:%M")
    return ""
