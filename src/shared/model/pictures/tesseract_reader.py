"""Reads text by Tesseract: chooses how to look at a picture by its shape, and looks again when little was found.

Runs in the child of ocr.py: Tesseract can crash, and what it is given was written by strangers.
"""

import time
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

import tesserocr
from PIL import Image
from tesserocr import PSM, RIL

from shared.model.pictures.answers import answer_of
from shared.model.pictures.decoding import decode_pages
from shared.model.pictures.readings import GOOD, NOTHING, POOR, Reading, Word, joined
from shared.model.pictures.second_look import words_again
from shared.model.pictures.text_lines import Prepared, as_one_line, skew_degrees

_LINE_HEIGHT: Final = 128
_LINE_SHAPE: Final = 8
"""Pictures no higher than this, or so many times wider than high, are first taken for a single line."""
_INK_HEIGHT: Final = 24
"""Of one line. Characters right in Korean word pictures, read in `kor`: 0.943 at 24 pixels, 0.938 at 30, 0.925 at 44,
0.895 unscaled, 0.838 not straightened either. English lines did not care."""
_MARGIN: Final = 16
_SURE: Final = 0.92
_SMALL_WORDS: Final = 16
"""Pixels: words lower than this are read again, larger. Tesseract's own networks see lines 36 or 48 pixels high."""
_WANTED_WORDS: Final = 28
_MOST_UPSCALED_PIXELS: Final = 30_000_000
_TURNS: Final = (180, 90, 270)
_MOST_LANGUAGE_SETS: Final = 4


class TesseractReader:
    """Keeps Tesseract loaded for the last few sets of languages (about 60 MB each)."""

    def __init__(self, data_folder: str, languages: str, most_pixels: int) -> None:
        """Loads the data of `languages`. Raises RuntimeError when Tesseract cannot."""
        self._data_folder = data_folder
        self._most_pixels = most_pixels
        self._loaded: dict[str, tesserocr.PyTessBaseAPI] = {}
        tesserocr.set_leptonica_log_level(tesserocr.LeptLogLevel.NONE)
        self._tesseract(languages)

    def read(self, data: bytes, languages: str, seconds: float) -> dict[str, Any]:
        """A PictureText as a dict. Raises Unreadable. After `seconds` no further way of looking is tried."""
        deadline = time.monotonic() + seconds
        pages, pages_in_file = decode_pages(data, most_pixels=self._most_pixels)
        texts: list[str] = []
        boxes: list[dict[str, Any]] = []
        for number, image in enumerate(pages, start=1):
            reading = self._read_page(image, languages, deadline)
            texts.append(_text_of(reading))
            boxes += [
                {
                    "text": word.text,
                    "confidence": word.confidence,
                    "box": word.box,
                    "block": word.block,
                    "paragraph": word.paragraph,
                    "line": word.line,
                    "page": number,
                }
                for word in reading.words
            ]
        return answer_of(texts, boxes, pages, languages=languages, pages_in_file=pages_in_file)

    def _read_page(self, image: Image.Image, languages: str, deadline: float) -> Reading:
        picture = Prepared.of(image).smoothed()
        found = NOTHING
        if image.height <= _LINE_HEIGHT or image.width >= _LINE_SHAPE * image.height:
            found = self._read_line(picture, languages, deadline)
            if found.confidence >= GOOD:
                return found
        for other in self._readings_of_page(picture, languages, deadline):
            found = max(found, other, key=lambda reading: reading.worth)
            is_good = found.confidence >= GOOD and not found.is_cut_through
            if is_good or time.monotonic() > deadline:
                return found
        return words_again(picture, found, lambda word: self._read_in_time(word, languages, deadline))

    def _read_in_time(self, word: Prepared, languages: str, deadline: float) -> Reading:
        return self._read_line(word, languages, deadline) if time.monotonic() < deadline else NOTHING

    def _read_line(self, picture: Prepared, languages: str, deadline: float) -> Reading:
        line = as_one_line(picture, ink_height=_INK_HEIGHT, margin=_MARGIN)
        found = self._recognise(line, languages, PSM.SINGLE_LINE)
        first, *others = languages.split("+")
        if found.confidence < _SURE and others:
            # With two alphabets to choose from, a blurred Hangul word becomes a Latin one now and then. The first
            # language alone knows better (0.943 against 0.915 of the characters), and is far less sure of a line that
            # really is in the other alphabet: rendered English lines stayed at 0.999.
            alone = self._recognise(line, first, PSM.SINGLE_LINE, deadline)
            found = max(found, alone, key=lambda reading: reading.confidence)
        return found

    def _readings_of_page(self, picture: Prepared, languages: str, deadline: float) -> Iterator[Reading]:
        """One way after another, the usual one first; whoever asks stops when one is good."""
        first = self._recognise(picture, languages, PSM.AUTO)
        yield first
        if 0 < first.word_height < _SMALL_WORDS:
            pixels = picture.image.width * picture.image.height
            factor = min(_WANTED_WORDS / first.word_height, 4.0, (_MOST_UPSCALED_PIXELS / pixels) ** 0.5)
            if factor > 1.2:
                picture = picture.scaled(factor)
                yield self._recognise(picture, languages, PSM.AUTO, deadline)
        # The layout analysis sees columns between the syllables of large Korean type (0.03 to 0.24 of the characters
        # right on rendered pages, 0.97 to 1.00 as one block), and takes a few words on a photo for a part of it.
        is_low = picture.image.height <= _LINE_HEIGHT
        block = picture.bordered(_MARGIN) if is_low else picture
        as_block = self._recognise(block, languages, PSM.SINGLE_BLOCK, deadline)
        yield as_block
        angle = skew_degrees(picture.image)
        if angle:
            picture = picture.turned(angle)
            yield self._recognise(picture, languages, PSM.AUTO, deadline)
        if as_block.words and as_block.confidence < POOR:
            # A page on its head or side: Tesseract's own detector wants more text than many pages have.
            for degrees in _TURNS:
                yield self._recognise(picture.turned(degrees), languages, PSM.AUTO, deadline)
        yield self._recognise(picture, languages, PSM.SPARSE_TEXT, deadline)

    def _recognise(self, picture: Prepared, languages: str, layout: int, deadline: float | None = None) -> Reading:
        """Nothing when it is not done by the deadline; None is no deadline, for the first look, which must be had."""
        milliseconds = 0 if deadline is None else int((deadline - time.monotonic()) * 1000)
        if deadline is not None and milliseconds <= 0:
            return NOTHING
        tesseract = self._tesseract(languages)
        tesseract.SetPageSegMode(layout)
        tesseract.SetImage(picture.image)
        try:
            if not tesseract.Recognize(milliseconds):
                return NOTHING
            return Reading(tuple(_words(tesseract, picture)))
        finally:
            tesseract.Clear()

    def _tesseract(self, languages: str) -> tesserocr.PyTessBaseAPI:
        tesseract = self._loaded.pop(languages, None)
        if tesseract is None:
            while len(self._loaded) >= _MOST_LANGUAGE_SETS:
                self._loaded.pop(next(iter(self._loaded))).End()
            tesseract = tesserocr.PyTessBaseAPI(path=self._data_folder, lang=languages)
            tesseract.SetVariable("debug_file", "/dev/null")
            # Level Korean lines are taken for vertical ones otherwise: syllables stand as far apart as lines.
            tesseract.SetVariable("textord_tabfind_vertical_text", "0")
        self._loaded[languages] = tesseract  # the last one used stands last
        return tesseract


def _words(tesseract: tesserocr.PyTessBaseAPI, picture: Prepared) -> Iterator[Word]:
    iterator = tesseract.GetIterator()
    if iterator is None:
        return
    block = paragraph = line = 0
    pieces: list[Word] = []
    for item in tesserocr.iterate_level(iterator, RIL.WORD):
        block += item.IsAtBeginningOf(RIL.BLOCK)
        paragraph += item.IsAtBeginningOf(RIL.PARA)
        line += item.IsAtBeginningOf(RIL.TEXTLINE)
        try:
            text = unicodedata.normalize("NFC", item.GetUTF8Text(RIL.WORD) or "").strip()
        except RuntimeError:  # a block without text: a line, a photo
            continue
        box = item.BoundingBox(RIL.WORD)
        if not text or not box:
            continue
        # Of Korean a "word" may be one syllable; what has no blank before it goes on with the word before.
        if pieces and (item.BlanksBeforeWord() or pieces[-1].line != line):
            yield joined(pieces)
            pieces.clear()
        confidence = max(0.0, min(1.0, item.Confidence(RIL.WORD) / 100))
        pieces.append(Word(text, confidence, picture.box_in_original(box), block, paragraph, line))
    if pieces:
        yield joined(pieces)


def _text_of(reading: Reading) -> str:
    pieces: list[str] = []
    last: Word | None = None
    for word in reading.words:
        if last is not None:
            pieces.append("\n\n" if word.block != last.block else "\n" if word.line != last.line else " ")
        pieces.append(word.text)
        last = word
    return "".join(pieces)
