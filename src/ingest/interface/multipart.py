"""Reads multipart/form-data as it arrives: each file streams straight into the blob store.

Nothing is spooled: memory stays bounded for any number of files, and the fsync of one file overlaps with
the arrival of the next.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

from python_multipart import multipart
from python_multipart.exceptions import FormParserError

from ingest.interface.file_names import file_name
from ingest.interface.requests import BrokenUpload
from shared.kernel import DomainError, FieldError, InvalidInput, Unsupported
from shared.ports.storage import StoredBlob

Store = Callable[[AsyncIterator[bytes]], Awaitable[StoredBlob]]

MOST_FILES: Final = 1000
_STORED_AT_ONCE: Final = 8
_PIECES_WAITING: Final = 4
_LARGEST_FIELD: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of the form, and its stored bytes or why they could not be stored."""

    name: str
    stored: StoredBlob | DomainError


@dataclass(slots=True)
class Form:
    """Everything a form said, once it was read whole."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[FormFile] = field(default_factory=list)


class _Part:
    """What is known of the part that is being read."""

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.name = ""
        self.filename: str | None = None
        self.text = bytearray()
        self.file: _FileInFlight | None = None


class _FileInFlight:
    """A file whose pieces go to a task that stores them; with a refusal it is read past and belongs to nothing."""

    def __init__(self, name: str, store: Store, room: asyncio.Semaphore, refusal: DomainError | None) -> None:
        self.name = name
        self._refusal = refusal
        self._room = room
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_PIECES_WAITING)
        self.task = asyncio.create_task(self._run(store))

    async def give(self, piece: bytes | None) -> None:
        """Waits while the store is slower than the sender; None ends the file."""
        while not self.task.done():
            if not self._pieces.full():
                self._pieces.put_nowait(piece)
                return
            putting = asyncio.create_task(self._pieces.put(piece))
            await asyncio.wait((putting, self.task), return_when=asyncio.FIRST_COMPLETED)
            if putting.done():
                return
            putting.cancel()

    async def _run(self, store: Store) -> FormFile:
        try:
            stored = await store(self._stream())
            return FormFile(self.name, self._refusal or stored)
        except DomainError as error:
            return FormFile(self.name, error)
        finally:
            self._room.release()

    async def _stream(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece


class FormReader:
    """Reads one form. `fields` are the text fields there may be, `file_field` the one that holds files."""

    def __init__(self, *, fields: Collection[str], file_field: str, store: Store) -> None:
        self._fields = fields
        self._file_field = file_field
        self._store = store
        self._room = asyncio.Semaphore(_STORED_AT_ONCE)
        self._happened: list[tuple[str, bytes]] = []
        self._part = _Part()
        self._header: tuple[bytes, bytes] = (b"", b"")
        self._in_flight: list[_FileInFlight] = []
        self._form = Form()
        self._ended = False

    async def read(self, content_type: str, body: AsyncIterator[bytes]) -> Form:
        """Raises InvalidInput (an unknown field), Unsupported, BrokenUpload, and what `body` raises.

        When it raises, files that were stored meanwhile belong to no document.
        """
        try:
            parser = self._parser(content_type)
            async for chunk in body:
                parser.write(chunk)
                await self._follow()
            parser.finalize()
            await self._follow()
            if not self._ended:
                raise BrokenUpload("The form breaks off before its closing boundary; nothing was stored.")
            self._form.files = list(await asyncio.gather(*(file.task for file in self._in_flight)))
        except FormParserError as error:
            raise BrokenUpload(f"This is not a valid multipart/form-data body: {error}") from error
        finally:
            unfinished = [file.task for file in self._in_flight if not file.task.done()]
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        return self._form

    def _parser(self, content_type: str) -> multipart.MultipartParser:
        kind, options = multipart.parse_options_header(content_type)
        if kind != b"multipart/form-data":
            raise Unsupported("Send the files as multipart/form-data, or one file as the body of a PUT.")
        if not options.get(b"boundary"):
            raise BrokenUpload("The Content-Type has no boundary.")

        def note(kind: str) -> Callable[..., None]:
            def data(data: bytes = b"", start: int = 0, end: int = 0) -> None:
                self._happened.append((kind, data[start:end]))

            return data

        kinds = ("part_begin", "part_data", "part_end", "header_field", "header_value", "header_end",
                 "headers_finished", "end")  # fmt: skip
        callbacks: Any = {f"on_{kind}": note(kind) for kind in kinds}
        return multipart.MultipartParser(options[b"boundary"], callbacks)

    async def _follow(self) -> None:
        """Does what the parser's callbacks, which cannot wait, have noted."""
        happened, self._happened = self._happened, []
        for kind, data in happened:
            match kind:
                case "part_begin":
                    self._part = _Part()
                case "header_field":
                    self._header = (self._header[0] + data, self._header[1])
                case "header_value":
                    self._header = (self._header[0], self._header[1] + data)
                case "header_end":
                    self._part.headers[self._header[0].lower()] = self._header[1]
                    self._header = (b"", b"")
                case "headers_finished":
                    await self._begin(self._part)
                case "part_data":
                    await self._more(self._part, data)
                case "part_end":
                    await self._end(self._part)
                case _:
                    self._ended = True

    async def _begin(self, part: _Part) -> None:
        disposition = part.headers.get(b"content-disposition", b"")
        _, options = multipart.parse_options_header(disposition)
        part.name = options.get(b"name", b"").decode("utf-8", "replace")
        refusal: InvalidInput | None = None
        try:
            name = file_name(disposition)
        except InvalidInput as error:
            name, refusal = options[b"filename"].decode("utf-8", "replace"), error
        if name is None:
            self._refuse_unknown_text(part.name)
            return
        if part.name != self._file_field:
            raise _wrong_field(part.name, f"is not known here as a file: the field is called {self._file_field!r}")
        if len(self._in_flight) >= MOST_FILES:
            raise _wrong_field(self._file_field, f"has more than {MOST_FILES} files; send them in several requests")
        await self._room.acquire()
        part.file = _FileInFlight(name, self._store, self._room, refusal)
        self._in_flight.append(part.file)

    def _refuse_unknown_text(self, name: str) -> None:
        if name == self._file_field:
            raise _wrong_field(name, "has no file in it: its part needs a filename")
        if name not in self._fields:
            known = ", ".join(repr(field) for field in self._fields)
            raise _wrong_field(name, f"is not known here: files go in {self._file_field!r}, texts in {known}")
        if name in self._form.fields:
            raise _wrong_field(name, "is given more than once")

    async def _more(self, part: _Part, data: bytes) -> None:
        if part.file is not None:
            await part.file.give(data)
            return
        part.text += data
        if len(part.text) > _LARGEST_FIELD:
            raise _wrong_field(part.name, f"has more than {_LARGEST_FIELD} bytes")

    async def _end(self, part: _Part) -> None:
        if part.file is not None:
            await part.file.give(None)
            return
        try:
            self._form.fields[part.name] = part.text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _wrong_field(part.name, "is not UTF-8") from error


def _wrong_field(name: str, message: str) -> InvalidInput:
    return InvalidInput(f"The form field {name!r} {message}.", errors=(FieldError(name, message),))
