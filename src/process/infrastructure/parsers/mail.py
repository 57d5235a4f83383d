"""EML, mbox and MHTML (RFC 5322, 2045–2049, 2557, 4155): header, body, quoted messages marked, attachments as parts."""

import email
import re
from collections.abc import Iterator
from email.header import decode_header
from email.message import Message
from email.policy import compat32
from email.utils import collapse_rfc2231_value
from pathlib import Path
from typing import Final

from process.infrastructure.parsers.content_lines import plain_lines
from process.infrastructure.parsers.draft import Draft, Unreadable, normalised, one_line
from process.infrastructure.parsers.embedded import add_page
from process.infrastructure.parsers.encoding import decode
from process.infrastructure.parsers.html import line_of
from process.infrastructure.parsers.mail_folders import mails_of
from process.infrastructure.parsers.mail_text import add_mail_text, has_text, mark_quotes

_SHOWN: Final = ("From", "To", "Cc", "Date")
_DEEPEST: Final = 30
_ENOUGH: Final = 500
"""Characters of plain text, which then is no stand-in for the page beside it."""
_MOST_PARTS: Final = 5_000
_SEVEN_BIT: Final = re.compile(r"iso-2022-|utf-7|hz", re.I)
_LOCKED: Final = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))
_ENDINGS: Final = {"application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg", "text/calendar": ".ics"}


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    reader = _Reader(draft)
    try:
        for one in mails_of(raw):
            reader.read(email.message_from_bytes(one, policy=compat32))
        reader.finish()
    except RecursionError as error:
        raise Unreadable(
            "too_deep",
            "The mail holds messages in messages, deeper than any reader follows. Save the inner ones apart.",
        ) from error


def parse_page(path: Path, draft: Draft) -> None:
    """Of a web page that was saved with its pictures (MHTML): the page."""
    message = email.message_from_bytes(path.read_bytes(), policy=compat32)
    pages = [part for part in _leaves(message) if part.get_content_type() in ("text/html", "application/xhtml+xml")]
    if not pages:
        parse(path, draft)
        return
    for number, page in enumerate(pages):
        text = _body_text(page)
        if text is not None and (number == 0 or has_text(text)):
            add_page(draft, text, with_title=number == 0)
    draft.title = draft.title or header_text(message, "Subject") or None


class _Reader:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._attached = 0
        self._damaged = 0
        self._locked = 0
        self._is_locked = False
        self._has_text = False

    def read(self, message: Message) -> None:
        """One mail into the draft, behind those before it."""
        self._is_locked = False
        subject = header_text(message, "Subject")
        if subject:
            self._draft.title = self._draft.title or subject
            self._draft.add("title", subject)
        lines = [(name, header_text(message, name)) for name in _SHOWN]
        self._draft.add("paragraph", "\n".join(f"{name}: {text}" for name, text in lines if text))
        before = self._draft.characters
        self._part(message, 0)
        if self._draft.characters > before:
            self._has_text = True
        elif self._is_locked:
            self._locked += 1
        elif message.defects and not any((subject, *(text for _, text in lines))):
            self._damaged += 1

    def finish(self) -> None:
        """Tells what could not be read. Raises Unreadable where no mail had a text, and a reason is known."""
        if self._has_text:
            if self._locked:
                self._draft.warnings.append(f"Encrypted mails, of which only the headers were read: {self._locked:,}.")
            return
        if self._locked:
            raise Unreadable("encrypted", "The mail is encrypted. Open it in your mail program and save its text.")
        if self._damaged:
            raise Unreadable("corrupt", "The mail is damaged: no header and no text can be read in it.")

    def _part(self, part: Message, depth: int) -> None:
        kind = part.get_content_type()
        if depth > _DEEPEST:
            raise RecursionError
        if kind == "multipart/encrypted" or (kind in _LOCKED and "signed" not in str(part.get_param("smime-type", ""))):
            self._is_locked = True
            return
        if part.is_multipart() and kind not in ("message/rfc822", "message/delivery-status"):
            children = [child for child in part.get_payload() if isinstance(child, Message)]
            if kind == "multipart/alternative":
                self._alternatives(children, depth)
            elif kind == "multipart/related":
                self._related(children, depth)
            else:
                for child in children:
                    self._part(child, depth + 1)
            return
        if kind == "message/rfc822" or _is_attached(part):
            self._attach(part, kind)
        elif kind == "text/html":
            self._add_html(part)
        elif kind.startswith(("text/", "multipart/")):
            # A multipart whose boundary nowhere stands has no parts, but text.
            text = _body_text(part)
            if text is not None:
                self._add_text(part, text)
        elif kind == "message/delivery-status":
            self._add_fields(part)
        else:
            self._attach(part, kind)

    def _alternatives(self, children: list[Message], depth: int) -> None:
        """The same in several forms: plain text, if it says as much as the page does."""
        plain = next((one for one in children if one.get_content_type() == "text/plain"), None)
        others = [one for one in children if one.get_content_type() != "text/plain"]
        page = next((leaf for one in others for leaf in _leaves(one) if leaf.get_content_type() == "text/html"), None)
        plain_text = (_body_text(plain) or "") if plain is not None else ""
        page_text = (_body_text(page) or "") if page is not None else ""
        # "Your program does not show HTML" stands for the page.
        says_enough = len(plain_text) > _ENOUGH or 2 * len(plain_text) > len(line_of(page_text))
        if plain is not None and has_text(plain_text) and says_enough:
            self._add_text(plain, plain_text)
        elif page is not None:
            self._add_html(page)
        for one in others:
            for leaf in _leaves(one):
                if leaf is not page and (
                    _is_attached(leaf) or not leaf.get_content_type().startswith(("text/", "image/"))
                ):
                    self._part(leaf, depth + 1)

    def _related(self, children: list[Message], depth: int) -> None:
        """A page and what it shows: its pictures are no attachments."""
        for number, child in enumerate(children):
            shown = child.get("Content-ID") or child.get("Content-Location")
            if number and shown and child.get_content_maintype() == "image":
                continue
            self._part(child, depth + 1)

    def _add_fields(self, part: Message) -> None:
        """Of a notice that says what became of a mail (RFC 3464): groups of header fields."""
        for group in part.get_payload() if part.is_multipart() else ():
            if isinstance(group, Message):
                names = dict.fromkeys(group.keys())
                self._draft.add("paragraph", "\n".join(f"{name}: {header_text(group, name)}" for name in names))

    def _add_text(self, part: Message, text: str) -> None:
        lines = plain_lines(normalised(text))
        if lines is not None:  # an invitation
            self._draft.add("paragraph", lines)
            return
        flowed, without_space = (str(part.get_param(name, "")).lower() for name in ("format", "delsp"))
        add_mail_text(self._draft, text, flowed=flowed == "flowed", without_space=without_space == "yes")

    def _add_html(self, part: Message) -> None:
        text = _body_text(part)
        if text is not None:
            add_page(self._draft, mark_quotes(text))

    def _attach(self, part: Message, kind: str) -> None:
        self._attached += 1
        if self._attached > _MOST_PARTS:
            return
        name = _file_name(part)
        if kind == "message/rfc822":
            inner = part.get_payload()
            inner = inner[0] if isinstance(inner, list) and inner else None
            if not isinstance(inner, Message):
                return
            name = name or f"{header_text(inner, 'Subject') or f'message {self._attached}'}.eml"
            content = inner.as_bytes(unixfrom=False)
        else:
            payload = part.get_payload(decode=True)
            content = payload if isinstance(payload, bytes) else b""
        name = one_line(normalised(name)).replace("/", "_") or f"attachment {self._attached}{_ENDINGS.get(kind, '')}"
        if content:
            self._draft.add("list_item", f"Attachment: {name}")
            self._draft.parts.add(name, [content])


def header_text(message: Message, name: str) -> str:
    """A header field as people read it: encoded words decoded, raw bytes in the encoding they are in, on one line."""
    value = next((text for key, text in message.raw_items() if key.lower() == name.lower()), "")
    raw = str(value).encode("utf-8", "surrogateescape")
    try:
        text = decode(raw)[0]
    except Unreadable:
        return ""
    if "=?" in text:
        text = _decoded_words(re.sub(r"\r?\n[ \t]+", " ", text))
    return one_line(normalised(text))


def _decoded_words(text: str) -> str:
    try:
        pieces = decode_header(text)
    except (ValueError, LookupError):
        return text
    shown = []
    for piece, charset in pieces:
        shown.append(piece if isinstance(piece, str) else _decoded(piece, charset) if charset else _plainly(piece))
    return "".join(shown)


def _plainly(raw: bytes) -> str:
    # What stands between encoded words comes as the bytes of "raw-unicode-escape".
    try:
        return raw.decode("raw-unicode-escape")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace")


def _decoded(raw: bytes, charset: str | None) -> str:
    if charset and _SEVEN_BIT.match(charset):
        try:
            return raw.decode(charset, "replace")
        except LookupError:
            pass
    try:
        return decode(raw, declared=charset)[0]
    except Unreadable:
        return raw.decode("utf-8", "replace")


def _body_text(part: Message) -> str | None:
    payload = part.get_payload(decode=True)
    return _decoded(payload, part.get_content_charset()) if isinstance(payload, bytes) else None


def _leaves(message: Message) -> Iterator[Message]:
    """Every part that has no parts, without those of mails that are attached."""
    stack = [message]
    seen = 0
    while stack and seen < _MOST_PARTS:
        part = stack.pop()
        seen += 1
        children = part.get_payload() if part.is_multipart() else None
        if isinstance(children, list) and part.get_content_type() != "message/rfc822":
            stack += reversed([child for child in children if isinstance(child, Message)])
        else:
            yield part


def _is_attached(part: Message) -> bool:
    if part.get_content_disposition() == "attachment":
        return True
    return bool(_file_name(part)) and not part.get_content_type().startswith("text/")


def _file_name(part: Message) -> str:
    """From the disposition or the type; encoded as RFC 2231 or, against it, as an encoded word."""
    value = part.get_param("filename", None, "content-disposition") or part.get_param("name", None)
    if value is None:
        return ""
    text = collapse_rfc2231_value(value)
    raw = text.encode("utf-8", "surrogateescape")
    if any(0xDC80 <= ord(sign) <= 0xDCFF for sign in text):
        text = _decoded(raw, None)
    return _decoded_words(text) if "=?" in text else text
