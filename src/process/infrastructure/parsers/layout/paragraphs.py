"""Lines in reading order become headings, paragraphs, items, notes and tables of a draft."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from process.infrastructure.parsers.draft import Draft, one_line
from process.infrastructure.parsers.layout.joining import Joiner, ends_in_hyphen
from process.infrastructure.parsers.layout.segment import Line, Page
from process.infrastructure.parsers.layout.table_blocks import add_table
from process.infrastructure.parsers.tables.going_on import goes_on

_MARKER: Final = re.compile(r"(?:[•◦▪■□○●◎▶▷※∙·‣⁃*–◆◇✓✔❖➢\uf000-\uf0ff-]|\(?\d{1,3}[.)]|\(?[a-zA-Z가-힣][.)]|[①-⑳])\s")
_NOTE_MARK: Final = re.compile(r"(?:\d{1,3}\)?|[*†‡§]{1,3}|주\s?\d{0,3}\))\s?(?=\S)")
_SENTENCE_ENDS: Final = tuple(".!?。:;")
_CLOSING: Final = "\"'”’)]"
"""What may stand behind the end of a sentence."""
_SMALL_WORD_END: Final = re.compile(
    r"(?:,|\b(?:the|an?|of|and|or|to|in|on|at|by|for|with|from|as|is|are|was|were|be|been|that|which|than|its?|their|"
    r"shall|may|must|will|not|per|no))\Z",
    re.I,
)
_ARTICLE: Final = re.compile(r"제\s?\d+\s?[조장절편관](?:의\s?\d+)?(?:\s?[(（]|\s(?!제\s?\d))")
"""How an article of a law begins; where one is only referred to, a particle or a paragraph's number follows."""
_HANGUL_END: Final = re.compile(r"[가-힣,]\Z")
_LONGEST_HEADING: Final = 160
_LONGEST_CELL: Final = 30
"""Characters, in the mean of a table's cells."""
_SMALLER: Final = 0.93
"""Times the height of the body's lines: footnotes are at most so tall."""


def assemble(pages: Sequence[Page], draft: Draft) -> None:
    """Adds the blocks of all pages; sets the draft's title where the first page shows one."""
    lines = [line for page in pages for line in page.lines]
    if lines:
        _Assembly(pages, lines, draft).run()
    else:
        for page in pages:
            _add_beside(page, draft)


def _add_beside(page: Page, draft: Draft) -> None:
    for picture in page.pictures:
        left, top, right, bottom = picture.box
        draft.add_picture(picture.identity, page=page.number, box=(left, top, right, bottom))
    for note in page.notes:
        draft.add(note.kind, note.text, page=page.number)


class _Assembly:
    def __init__(self, pages: Sequence[Page], lines: Sequence[Line], draft: Draft) -> None:
        self._pages = pages
        self._draft = draft
        self._joiner = Joiner(lines)
        self._body = _body_height(lines)
        self._levels = _heading_levels(lines, self._body)
        self._title_height = _title_height(lines, self._body)
        self._lines = lines
        self._left_pages = 0
        """Pages whose notes have been added."""
        self._footnotes: list[list[Line]] = []

    @cached_property
    def _edges(self) -> dict[tuple[int, int], tuple[float, int]]:
        return _right_edges(self._lines)

    def run(self) -> None:
        flow: list[Line] = []
        for page in self._pages:
            body, notes = self._without_footnotes(page.lines)
            flow.extend(body)
            self._footnotes.append(notes)
        _clear_cells_of_text(flow)
        index = number = 0
        while index < len(flow):
            if flow[index].page != number:
                number = flow[index].page
                self._leave_pages_before(number)
            index += self._add(flow, index)
        self._leave_pages_before(self._pages[-1].number + 1)

    def _add(self, flow: Sequence[Line], index: int) -> int:
        """Adds one block; how many lines it took."""
        line = flow[index]
        run = [line]
        level = self._levels.get(_rounded(line.height)) if self._levels else None
        if line.table is not None:
            parts = [line.table]
            for following in flow[index + 1 :]:
                if following.table is None or not goes_on(parts[-1], following.table):
                    break
                parts.append(following.table)
            add_table(self._draft, parts)
            return len(parts)
        if line.cells:
            while index + len(run) < len(flow) and _same_table(line, flow[index + len(run)]):
                run.append(flow[index + len(run)])
            self._draft.add_table([row.cells for row in run], page=line.page)
        elif level is not None and _may_be_heading(line):
            while index + len(run) < len(flow) and len(run) < 3 and _same_heading(run[-1], flow[index + len(run)]):
                run.append(flow[index + len(run)])
            text = one_line(self._joiner.joined(run))
            if self._title_height is not None and line.page == 1 and _rounded(line.height) == self._title_height:
                self._draft.add("title", text, page=line.page)
                self._draft.title = text
                self._title_height = None
            else:
                self._draft.add("heading", text, level=level, page=line.page)
        else:
            while index + len(run) < len(flow) and self._continues(run, flow[index + len(run)]):
                run.append(flow[index + len(run)])
            kind = "list_item" if _MARKER.match(line.text) else "paragraph"
            self._draft.add(kind, self._joiner.joined(run), page=line.page)
        return len(run)

    def _leave_pages_before(self, number: int) -> None:
        while self._left_pages < len(self._pages) and self._pages[self._left_pages].number < number:
            page, notes = self._pages[self._left_pages], self._footnotes[self._left_pages]
            for run in _runs_of_notes(notes):
                self._draft.add("footnote", self._joiner.joined(run), page=page.number)
            _add_beside(page, self._draft)
            self._left_pages += 1

    def _without_footnotes(self, lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
        """The page's lines, and those at the foot of its columns that are smaller and begin with a note's mark."""
        body: list[Line] = []
        notes: list[Line] = []
        for column in _columns(lines):
            at = len(column)
            tallest = _SMALLER * self._body
            while at > 0 and column[at - 1].height <= tallest and not _is_of_table(column[at - 1]):
                at -= 1
            while at < len(column) and not _NOTE_MARK.match(column[at].text):
                at += 1
            body.extend(column[:at])
            notes.extend(column[at:])
        return (body, notes) if body else (notes, [])

    def _continues(self, run: Sequence[Line], following: Line) -> bool:
        """Whether the line goes on with the paragraph."""
        line = run[-1]
        if following.cells or following.table is not None or _MARKER.match(following.text):
            return False
        height, next_height = line.top - line.bottom, following.top - following.bottom
        if next_height > height:
            height, next_height = next_height, height
        if height <= 0 or height - next_height > 0.15 * height:
            return False
        unfinished = not line.text.rstrip(_CLOSING).endswith(_SENTENCE_ENDS)
        goes_on = unfinished and (following.text[0].islower() or ends_in_hyphen(line.text))
        if following.page != line.page or following.column != line.column:
            return following.page <= line.page + 1 and (goes_on or (unfinished and self._is_cut_off(line, following)))
        drop = line.bottom - following.bottom
        if not 0 < drop <= 1.8 * height:
            return drop < 0 and goes_on
        if following.left > line.right or following.right < line.left:
            return False
        near = [line, *[item for item in run[-3:-1] if item.column == line.column and item.page == line.page]]
        left, right = line.left, line.right if line.right > following.right else following.right
        for item in near[1:]:
            left, right = min(left, item.left), max(right, item.right)
        ends_early = right - line.right > 0.15 * (right - left)
        if ends_early:
            return goes_on
        indented = following.left - line.left > 0.8 * height
        return unfinished or not (indented and len(near) > 1)

    def _is_cut_off(self, line: Line, following: Line) -> bool:
        """Whether a sentence surely goes on in another column or on the next page."""
        if _SMALL_WORD_END.search(line.text):
            return True
        if _ARTICLE.match(following.text):
            return False
        edge, lines = self._edges[line.page, line.column]
        is_full = lines >= 3 and edge - line.right < 1.5 * line.height
        return is_full and (bool(_HANGUL_END.search(line.text)) or following.text[0].isdigit())


def _columns(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    start = 0
    for index in range(1, len(lines) + 1):
        if index == len(lines) or lines[index].column != lines[start].column:
            yield lines[start:index]
            start = index


def _runs_of_notes(lines: Sequence[Line]) -> Iterator[list[Line]]:
    run: list[Line] = []
    for line in lines:
        if run and _NOTE_MARK.match(line.text) and not (run[-1].column == line.column and line.left > run[0].left + 1):
            yield run
            run = []
        run.append(line)
    if run:
        yield run


def _right_edges(lines: Sequence[Line]) -> dict[tuple[int, int], tuple[float, int]]:
    """For each column of each page how far its lines reach, and how many they are."""
    edges: dict[tuple[int, int], tuple[float, int]] = {}
    for line in lines:
        right, count = edges.get((line.page, line.column), (line.right, 0))
        edges[line.page, line.column] = (max(right, line.right), count + 1)
    return edges


def _clear_cells_of_text(flow: Sequence[Line]) -> None:
    """What stands in line without telling anything by it is text: numbers of headings, notes, what a drawing says."""
    index = 0
    while index < len(flow):
        if not flow[index].cells:
            index += 1
            continue
        run = [flow[index]]
        while index + len(run) < len(flow) and _same_table(run[0], flow[index + len(run)]):
            run.append(flow[index + len(run)])
        if not _tells_as_table([line.cells for line in run]):
            for line in run:
                line.cells = []
        index += len(run)


def _tells_as_table(rows: Sequence[Sequence[str]]) -> bool:
    """Most rows have several cells, short ones, in several columns or with figures behind the first."""
    cells = [cell for row in rows for cell in row if cell]
    telling = sum(sum(map(bool, row)) > 1 for row in rows)
    if len(rows) < 2 or telling * 5 < len(rows) * 3 or sum(map(len, cells)) > _LONGEST_CELL * len(cells):
        return False
    behind = [cell for row in rows for cell in row[1:] if cell]
    figures = sum(any(map(str.isdigit, cell)) for cell in behind)
    return figures * 4 >= len(behind) or len(rows[0]) > 2


def _is_of_table(line: Line) -> bool:
    return bool(line.cells) or line.table is not None


def _same_table(row: Line, following: Line) -> bool:
    return following.page == row.page and following.column == row.column and len(following.cells) == len(row.cells)


def _rounded(height: float) -> float:
    return round(height * 2) / 2


def _body_height(lines: Sequence[Line]) -> float:
    exactly: dict[float, int] = {}
    for line in lines:
        height = line.top - line.bottom
        exactly[height] = exactly.get(height, 0) + len(line.text)
    heights: Counter[float] = Counter()
    for height, characters in exactly.items():
        heights[_rounded(height)] += characters
    return heights.most_common(1)[0][0]


def _may_be_heading(line: Line) -> bool:
    if len(line.text) > _LONGEST_HEADING or line.cells:
        return False
    letters = map(str.isalpha, line.text)
    return any(letters) and any(letters)


def _heading_levels(lines: Sequence[Line], body: float) -> dict[float, int]:
    """Heights clearly above the body's, the largest first, are levels 1 to 4."""
    if body <= 0:
        return {}
    characters: Counter[float] = Counter()
    tall = 1.12 * body
    for line in lines:
        if line.top - line.bottom >= tall and _may_be_heading(line):
            characters[_rounded(line.height)] += len(line.text)
    total = sum(len(line.text) for line in lines)
    heights = [height for height, count in characters.items() if count <= 0.25 * total]
    return {height: min(4, rank) for rank, height in enumerate(sorted(heights, reverse=True), start=1)}


def _title_height(lines: Sequence[Line], body: float) -> float | None:
    if body <= 0:
        return None
    tall = [line for line in lines if line.page == 1 and _rounded(line.height) >= 1.3 * body]
    return max((_rounded(line.height) for line in tall if _may_be_heading(line)), default=None)


def _same_heading(line: Line, following: Line) -> bool:
    return (
        following.page == line.page
        and following.column == line.column
        and _rounded(following.height) == _rounded(line.height)
        and 0 < line.bottom - following.bottom <= 1.6 * line.height
        and _may_be_heading(following)
        and not _MARKER.match(following.text)
    )
