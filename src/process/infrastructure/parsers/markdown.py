"""Markdown (CommonMark with tables, strike-through and footnotes): made into HTML, which its reader reads."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from process.infrastructure.parsers.draft import Draft, normalised
from process.infrastructure.parsers.encoding import read_text
from process.infrastructure.parsers.html import read_fragment
from process.infrastructure.parsers.html_nodes import KIND, MARKER
from process.infrastructure.parsers.markdown_html import keep_apart

_LONGEST_STYLED: Final = 20_000
"""Inline marks in a longer paragraph are left as they are."""
_UNSPACED: Final = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff]")
"""Hangul, Kana and ideographs."""
_FRONT_MATTER: Final = {"---": (("---", "..."), ":"), "+++": (("+++",), "=")}
"""Its first line, what may be its last, and what stands behind a name."""
_FOOTNOTE: Final = re.compile(r"\[\^[^\]\s]{1,100}\]:")


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    read_markdown(normalised(read_text(path.read_bytes(), draft)), draft)


def read_markdown(text: str, draft: Draft) -> None:
    """Normalised text into the draft; its title is that of the front matter or the first heading of level 1."""
    text = _after_front_matter(text, draft)
    read_fragment(_parser().render(text), draft)
    if draft.title is None:
        draft.title = draft.first("heading", 1)


def _after_front_matter(text: str, draft: Draft) -> str:
    """YAML (TOML) between two rules: its title is the document's, the rest is kept to be found."""
    rule = text.partition("\n")[0].rstrip()
    if rule not in _FRONT_MATTER:
        return text
    ends, assigns = _FRONT_MATTER[rule]
    kept: list[str] = []
    position = text.find("\n") + 1
    while 0 < position < len(text):
        stop = text.find("\n", position)
        stop = len(text) if stop == -1 else stop
        line = text[position:stop]
        position = stop + 1
        if line.strip() in ends:
            draft.add("code", "\n".join(kept))
            return text[position:]
        name, sign, value = line.partition(assigns)
        if sign and name.strip().lower() == "title":
            draft.title = value.strip().strip("\"'") or None
        kept.append(line)
    draft.title = None  # the first rule was one between paragraphs
    return text


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", renderer_cls=_Renderer).enable(["table", "strikethrough"])
    parser.block.ruler.before("reference", "footnote", _footnote, {"alt": []})
    parser.core.ruler.at("inline", _styled)
    parser.inline.ruler.at("emphasis", _emphasis)
    return parser


def _emphasis(state: StateInline, silent: bool) -> bool:
    """As markdown-it's own rule, but a star may touch a letter of a writing that puts no spaces around signs.

    CommonMark (6.2) wants a space or a sign behind `**관세(關稅)**`; Korean puts a particle there.
    """
    marker = state.src[state.pos]
    if silent or marker not in "*_":
        return False
    before, start = state.src[state.pos - 1 : state.pos], state.pos
    run = state.scanDelims(start, marker == "*")
    behind = state.src[start + run.length : start + run.length + 1]
    can_open, can_close = run.can_open, run.can_close
    if marker == "*" and run.length == 1 and before.isdigit() and behind.isdigit():
        can_open = can_close = False  # a multiplication
    elif marker == "*":
        can_open = can_open or bool(_UNSPACED.match(before) and behind.strip())
        can_close = can_close or bool(_UNSPACED.match(behind) and before.strip())
    for _ in range(run.length):
        state.push("text", "", 0).content = marker
        place = len(state.tokens) - 1
        state.delimiters.append(Delimiter(ord(marker), run.length, place, -1, can_open, can_close))
    state.pos += run.length
    return True


def _styled(state: StateCore) -> None:
    """As markdown-it's own rule, but very long paragraphs cost nothing, and tags hide nothing behind them."""
    for token in state.tokens:
        if token.type == "inline":
            token.children = [] if token.children is None else token.children
            if len(token.content) > _LONGEST_STYLED:
                token.children.append(Token("text", "", 0, content=token.content))
            else:
                state.md.inline.parse(token.content, state.md, state.env, token.children)
    keep_apart(state.tokens)


def _footnote(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A footnote's text is a paragraph: CommonMark takes one of a single word for the target of a link."""
    begin, stop = state.bMarks[start] + state.tShift[start], state.eMarks[start]
    if state.is_code_block(start) or not _FOOTNOTE.match(state.src, begin, stop):
        return False
    if silent:
        return True
    last = start + 1
    while last < end and not state.isEmpty(last) and state.sCount[last] >= state.blkIndent + 1:
        last += 1
    content = state.getLines(start, last, state.blkIndent, False).strip()
    state.line = last
    opening = state.push("paragraph_open", "p", 1)
    opening.map, opening.attrs = [start, last], {KIND: "footnote"}
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = content, [start, last], []
    state.push("paragraph_close", "p", -1)
    return True


class _Renderer(RendererHTML):
    """HTML that keeps what Markdown's source shows: marks of lists, line breaks, code as it stands."""

    def softbreak(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A line break stays one."""
        return "<br>"

    def list_item_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """With its mark."""
        token = tokens[idx]
        mark = f"{token.info}{token.markup}" if token.info else "-"
        return f'<li {MARKER}="{escapeHtml(mark)}">'

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Without its language: that is no text."""
        return f"<pre>\n{escapeHtml(tokens[idx].content)}</pre>\n"

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """As between fences."""
        return self.fence(tokens, idx, options, env)
