"""Files in a file are originals before anybody hears of them, and are looked for before an old list of them is used."""

from email.message import EmailMessage
from pathlib import Path
from typing import Any

from pipeline_builders import InProcessParser
from process_builders import SmallModel, stream

from builders import a_document_received, labels
from process.application.stages.parse import ParseStage
from process.application.stages.stage import Way
from process.infrastructure.parser_child import read
from process.infrastructure.parsers.parts import Parts
from shared.artefacts.address import original_key
from shared.artefacts.parsed import ParsedDocument
from shared.infrastructure.files.blobs import FileBlobs


class Parser(InProcessParser):
    """Reads in this process."""

    async def parse(
        self, path: str, media_type: str, name: str, *, parts_folder: str | None = None, **_: Any
    ) -> ParsedDocument:
        assert parts_folder is not None
        parts = Parts(Path(parts_folder), most=10, most_bytes=1 << 20)
        return ParsedDocument.from_bytes(read(Path(path), media_type, most_characters=100_000, parts=parts))


def a_mail() -> bytes:
    mail = EmailMessage()
    mail.set_content("words")
    mail.add_attachment(b"attached words", maintype="text", subtype="plain", filename="a.txt")
    return mail.as_bytes()


async def test_they_are_kept_and_missed(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path / "blobs", min_free_bytes=0) as blobs:
        stage = ParseStage(blobs, Parser(), tmp_path / "scratch")
        stored = await blobs.store(stream(a_mail()), max_bytes=1 << 20)
        event = a_document_received(sha256=stored.sha256, size=stored.size, labels=labels(media_type="message/rfc822"))
        parsed = await stage.work(Way(event, SmallModel().describe(), (stage,)))
        (part,) = parsed.parts
        assert await blobs.read(original_key(part.sha256)) == b"attached words"
        assert not any((tmp_path / "scratch").glob("*"))
        assert await stage.is_whole(parsed)
        await blobs.delete(original_key(part.sha256))
        assert not await stage.is_whole(parsed)
