"""HTML inside Markdown, made so that a tag which somebody only speaks of hides nothing of the text behind it."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from markdown_it.token import Token

_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)((?:[\s/][^<>]*)?)>")
_KNOWN_NAMES: Final = (
    "a abbr acronym address area article aside audio b base basefont bdi bdo big blink blockquote body br button "
    "canvas caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed "
    "fieldset figcaption figure font footer form frame frameset g h1 h2 h3 h4 h5 h6 head header hgroup hr html i "
    "iframe image img input ins kbd label legend li link listing main map mark marquee math menu meta meter nav nobr "
    "noembed noframes noscript object ol optgroup option output p param path picture plaintext pre progress q rb rect "
    "rp rt rtc ruby s samp script search section select slot small source span strike strong style sub summary sup "
    "svg table tbody td template text textarea tfoot th thead time title tr track tspan tt u ul var video wbr xmp"
)
_KNOWN: Final = frozenset(_KNOWN_NAMES.split())
_SWALLOWING: Final = frozenset(
    (
        *("script", "style", "textarea", "title", "xmp", "plaintext", "iframe", "noembed", "noframes", "noscript"),
        *("template", "select", "svg", "math", "audio", "video", "canvas", "button", "dialog", "head", "datalist"),
    )
)
"""Elements that hide, or change the meaning of, all up to their end."""
_PARTING: Final = frozenset(("td", "th", "tr", "dt", "dd", "li", "option", "caption"))
"""Elements that a browser forgets outside a table or a list, gluing what they kept apart."""


def keep_apart(tokens: Iterable[Token]) -> None:
    """Changes the HTML in the tokens of a document: tags without an end that would hide the rest become text.

    So do tags of no HTML element that nothing ends, such as `<name>`. The ends of cells and items are followed by a
    space. Inside a paragraph an end counts only in the same paragraph.
    """
    for group in _groups(tokens):
        ends: dict[str, int] = {}
        number = 0
        for token in group:
            for match in _TAG.finditer(token.content):
                number += 1
                if match[1]:
                    ends[match[2].lower()] = number
        number = 0
        for token in group:
            number = _change(token, ends, number)


def _groups(tokens: Iterable[Token]) -> Iterator[list[Token]]:
    blocks = []
    for token in tokens:
        if token.type == "html_block":
            blocks.append(token)
        elif token.children:
            yield [child for child in token.children if child.type == "html_inline"]
    yield blocks


def _change(token: Token, ends: dict[str, int], number: int) -> int:
    parts: list[str] = []
    position = 0
    for match in _TAG.finditer(token.content):
        number += 1
        name = match[2].lower()
        parts.append(token.content[position : match.start()])
        position = match.end()
        tag = match[0]
        unended = not match[1] and ends.get(name, 0) < number and not match[3].rstrip().endswith("/")
        if unended and (name in _SWALLOWING or name not in _KNOWN):
            tag = "&lt;" + tag[1:-1] + "&gt;"
        parts.append(tag + " " if match[1] and name in _PARTING else tag)
    parts.append(token.content[position:])
    token.content = "".join(parts)
    return number
