"""Which kind of text a text is: a mail, data, a table, a page, or words; its name only chooses where content cannot.

(RFC 5322 for mail, RFC 2557 for MHTML, RFC 8259 for JSON.)
"""

import re
from typing import Final

from ingest.domain.media_types import (
    CSV,
    EML,
    HTML,
    IPYNB,
    JSON,
    JSON_LINES,
    MARKDOWN,
    MHTML,
    TEXT,
    TSV,
    XML,
    binary_extension,
    extension_of,
)
from shared.patterns import pattern

_MARKUP: Final = pattern(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|title|script|style|table|div|sami|"
    r"meta|link|iframe|h[1-6]|font|br|p|a|b)(?=[\s>/])",
    re.IGNORECASE | re.DOTALL,
)
_WHOLE_PAGE: Final = pattern(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)(?=[\s>])", re.I | re.S
)
_XML: Final = pattern(r"\s{0,99}<\?xml\s[^>]{0,200}\?>")
_ELEMENT: Final = pattern(r"\s{0,99}(?:<!--.{0,2000}?-->\s{0,99})?<[A-Za-z_][\w.:-]{0,99}[\s>/]", re.S)
_BY_EXTENSION: Final = {
    "md": MARKDOWN, "markdown": MARKDOWN, "mdown": MARKDOWN, "mkd": MARKDOWN,
    "html": HTML, "htm": HTML, "xhtml": HTML,
    "csv": CSV, "tsv": TSV, "tab": TSV,
}  # fmt: skip
_XML_NAMES: Final = frozenset(("xml", "svg", "rss", "atom", "xsd", "xsl", "xslt", "wsdl", "kml", "gpx", "xbrl", "hml"))
_OLD_OFFICE: Final = frozenset(("doc", "xls"))
# A header field: its name, a colon, and lines that go on with white space.
_FIELD: Final = pattern(r"([!-9;-~]{1,70}):[ \t]?([^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*)(?:\r?\n|\Z)")
_MAILBOX_LINE: Final = pattern(r"(?:From \S[^\n]{0,300}|\d{1,12}[ \t]*)\r?\n")
"""Before a mail in a folder (mbox), and its length as Apple Mail writes it (EMLX)."""
_MAIL_FIELDS: Final = frozenset(
    ("from", "to", "cc", "bcc", "subject", "date", "reply-to", "sender", "x-mailer", "return-path", "received",
     "message-id", "mime-version", "content-type", "content-transfer-encoding", "delivered-to", "dkim-signature",
     "thread-topic", "x-ms-has-attach", "authentication-results", "list-id", "user-agent", "in-reply-to", "references")
)  # fmt: skip
_MAIL_ONLY: Final = frozenset(
    ("message-id", "mime-version", "received", "return-path", "content-transfer-encoding", "dkim-signature")
)
_MHTML_NAMES: Final = frozenset(("mht", "mhtml"))
_MAIL_NAMES: Final = frozenset(("eml", "emlx", "mail", "mbox", *_MHTML_NAMES))
_RELATED: Final = pattern(r"\s*multipart/related\b", re.I)
_SAVED_PAGE: Final = pattern(r"\s*<?saved by|^multipart/related|x-mimeole", re.I)
_TOKENS: Final = pattern(
    r'(?:[\s{}\[\],:]|"(?:[^"\\]|\\.)*+"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|NaN|-?Infinity)++'
)
_CUT_STRING: Final = pattern(r'"(?:[^"\\\n]|\\.)*+\\?', re.S)
_CUT_LITERAL: Final = pattern(r"[-+.\w]{0,40}")
_LINES_NAMES: Final = frozenset(("jsonl", "ndjson", "jl", "jsonlines"))
_JSON_NAMES: Final = frozenset(("json", "jsonc", "json5", "geojson", *_LINES_NAMES))
_SECOND_VALUE: Final = pattern(r"[}\]][ \t]*\r?\n[ \t]*[{\[]")
_NOTEBOOK: Final = pattern(r'"(?:nbformat|cell_type)"\s*:')


def text_type(text: str, name: str) -> str | None:
    """The type of a text (its first 8 KiB); None when its name claims a format that it is not."""
    extension = extension_of(name)
    found = _by_content(text, extension)
    if found is not None:
        return found
    if binary_extension(extension):
        # Web pages saved under the names of old office files are common, and readable.
        return HTML if extension in _OLD_OFFICE and _WHOLE_PAGE.match(text) else None
    if extension in _BY_EXTENSION:
        return _BY_EXTENSION[extension]
    if extension == "txt":
        return HTML if _WHOLE_PAGE.match(text) else TEXT
    if extension in _JSON_NAMES and not _MARKUP.match(text):
        # With comments, a comma too many, or cut: its reader takes what it can.
        return JSON_LINES if extension in _LINES_NAMES else JSON
    if extension in _XML_NAMES and _ELEMENT.match(text) and not _WHOLE_PAGE.match(text):
        return XML
    return HTML if _MARKUP.match(text) else TEXT


def _by_content(text: str, extension: str) -> str | None:
    mail = _mail_type(text, extension)
    if mail is not None:
        return mail
    if _BY_EXTENSION.get(extension) not in (MARKDOWN, HTML, CSV, TSV):
        if _XML.match(text) and not _WHOLE_PAGE.match(text):
            return XML
        if text.lstrip()[:1] in ("{", "[") and _is_json(text):
            if _NOTEBOOK.search(text) and extension in ("ipynb", ""):
                return IPYNB
            lines = extension in _LINES_NAMES or (extension != "json" and _SECOND_VALUE.search(text))
            return JSON_LINES if lines else JSON
    return None


def _mail_type(text: str, extension: str) -> str | None:
    """By its header fields: enough of those that a mail has, and one that only mail has unless it is named so."""
    envelope = _MAILBOX_LINE.match(text)
    at = envelope.end() if envelope else len(text) - len(text.lstrip("\r\n"))
    fields: dict[str, str] = {}
    while field := _FIELD.match(text, at):
        fields.setdefault(field[1].lower(), field[2])
        at = field.end()
    known = _MAIL_FIELDS & fields.keys()
    is_named_so = extension in _MAIL_NAMES
    whole_head = text[at : at + 1] in ("\r", "\n", "")
    if not known or not (is_named_so or (len(known) >= 2 and known & _MAIL_ONLY and whole_head)):
        return None
    is_page = extension in _MHTML_NAMES or _SAVED_PAGE.match(fields.get("from", ""))
    if _RELATED.match(fields.get("content-type", "")) and (is_page or "to" not in fields):
        return MHTML
    return MHTML if extension in _MHTML_NAMES else EML


def _is_json(text: str) -> bool:
    """Whether it consists of JSON's tokens, up to one that the head may have cut."""
    tokens = _TOKENS.match(text)
    rest = text[tokens.end() :] if tokens is not None else text
    # A string without its end: the head's limit cut it, or it is no JSON at all.
    return bool(_CUT_STRING.fullmatch(rest) if rest.startswith('"') else _CUT_LITERAL.fullmatch(rest))
