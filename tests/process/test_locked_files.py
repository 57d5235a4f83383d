"""Files with a password: what is opened with it, what is said without it or with another one."""

from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

import docx
import pytest
import pyzipper
from fpdf import FPDF
from hwpx.document import HwpxDocument
from msoffcrypto.format.ooxml import OOXMLFile
from ocr_builders import LINES
from package_locking import ODT, an_odt, locked_as_a_whole, locked_by_members
from pdf_builders import a_locked_pdf
from picture_builders import a_picture, as_file
from pipeline_builders import House
from process_builders import DOCX, PDF

from builders import a_document_received
from process.infrastructure.parser_child import read
from process.infrastructure.parsers.draft import Unreadable
from process.infrastructure.parsers.parts import Parts
from shared.artefacts.parsed import ParsedDocument
from shared.events.process import DocumentProcessed
from shared.infrastructure.pages.renderer import PageRenderer
from shared.kernel import DocumentId, Refused

PASSWORD = "열려라 참깨 8471"
PLAIN = "plain-8471"
TEXT = "What only those may read who know the word for it."
PICTURE = as_file(a_picture(*LINES).convert("RGB"))


def a_pdf(password: str) -> bytes:
    pdf = FPDF()
    pdf.set_encryption(owner_password="owner", user_password=password)
    pdf.set_font("helvetica", size=12)
    pdf.add_page()
    pdf.multi_cell(0, 6, TEXT)
    pdf.image(BytesIO(PICTURE), x=10, y=60, w=150)
    return bytes(pdf.output())


def a_docx(password: str) -> bytes:
    document, plain, out = docx.Document(), BytesIO(), BytesIO()
    document.add_paragraph(TEXT)
    document.add_picture(BytesIO(PICTURE))
    document.save(plain)
    OOXMLFile(plain).encrypt(password, out)
    return out.getvalue()


def an_archive(password: str) -> bytes:
    out = BytesIO()
    with pyzipper.AESZipFile(out, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(password.encode())
        archive.writestr(f"{TEXT}.txt", "one")
    return out.getvalue()


def an_odt_by_members(password: str) -> bytes:
    return locked_by_members(an_odt(TEXT, PICTURE), password)


def an_odt_as_a_whole(password: str) -> bytes:
    return locked_as_a_whole(an_odt(TEXT, PICTURE), password)


KINDS = pytest.mark.parametrize(
    ("make", "media_type", "password"),
    [
        (a_pdf, PDF, PLAIN),
        (a_docx, DOCX, PASSWORD),
        (an_archive, "application/zip", PASSWORD),
        (an_odt_by_members, ODT, PASSWORD),
        (an_odt_as_a_whole, ODT, PASSWORD),
    ],
    ids=["pdf", "docx", "zip", "odt", "odt as a whole"],
)
Make = Callable[[str], bytes]


@KINDS
def test_a_password_opens_its_file_and_no_other_does(
    tmp_path: Path, make: Make, media_type: str, password: str
) -> None:
    path = tmp_path / "original"
    path.write_bytes(make(password))

    def opened(with_password: str | None) -> ParsedDocument:
        parts = Parts(tmp_path / "parts", most=10, most_bytes=1 << 20)
        raw = read(path, media_type, most_characters=10_000, parts=parts, password=with_password)
        return ParsedDocument.from_bytes(raw)

    for wrong, said in ((None, "Reprocess it with its password"), ("another", "the one that was given is another")):
        with pytest.raises(Unreadable, match=said) as refusal:
            opened(wrong)
        assert refusal.value.data["code"] == "encrypted" and not refusal.value.data["retryable"]
        assert "another" not in str(refusal.value).replace("given is another", "")
    assert TEXT in opened(password).text


@KINDS
async def test_pictures_in_it_are_opened_too(tmp_path: Path, make: Make, media_type: str, password: str) -> None:
    path = tmp_path / "original"
    path.write_bytes(make(password))
    parsed = ParsedDocument.from_bytes(read(path, media_type, most_characters=10_000, password=password))
    async with PageRenderer(timeout_seconds=60, memory_bytes=1 << 30, most_pixels=20_000_000) as pages:
        for picture in parsed.pictures:
            see = partial(pages.picture, str(path), media_type, picture.source, page=picture.page, box=picture.box)
            seen = await see(password=password)
            assert seen.width > 500
            with pytest.raises(Refused, match="password") as refusal:
                await see(password="another")
            assert refusal.value.specific_code == "encrypted"
    assert len(parsed.pictures) == (media_type != "application/zip")


def test_a_hancom_document_of_xml_is_opened_as_open_document_is(tmp_path: Path) -> None:
    written, out = HwpxDocument.new(), BytesIO()
    written.add_paragraph(TEXT)
    written.save_to_stream(out)
    path = tmp_path / "original"
    path.write_bytes(locked_by_members(out.getvalue(), PASSWORD, cipher="aes128-cbc", size=16))
    for wrong in (None, "another"):
        with pytest.raises(Unreadable, match="password"):
            read(path, "application/hwp+zip", most_characters=10_000, password=wrong)
    opened = read(path, "application/hwp+zip", most_characters=10_000, password=PASSWORD)
    assert TEXT in ParsedDocument.from_bytes(opened).text


@pytest.mark.parametrize(
    "raw",
    [
        locked_by_members(an_odt(TEXT, PICTURE), PASSWORD, cipher="blowfish"),
        locked_as_a_whole(an_odt(TEXT, PICTURE), PASSWORD, kib=1 << 30),
    ],
    ids=["another cipher", "a key that takes all memory"],
)
def test_what_a_password_does_not_open_is_told_from_a_wrong_one(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "original"
    path.write_bytes(raw)
    with pytest.raises(Unreadable, match="only the program opens that made it") as refusal:
        read(path, ODT, most_characters=10_000, password=PASSWORD)
    assert refusal.value.data["code"] == "encrypted"


def test_a_nonce_may_stand_in_the_manifest_alone(tmp_path: Path) -> None:
    path = tmp_path / "original"
    path.write_bytes(locked_as_a_whole(an_odt(TEXT, PICTURE), PASSWORD, nonce_before=False))
    assert TEXT in ParsedDocument.from_bytes(read(path, ODT, most_characters=10_000, password=PASSWORD)).text


async def test_a_password_opens_a_document_for_itself_alone_and_is_kept_nowhere(house: House) -> None:
    locked, mine = a_locked_pdf(PLAIN, "What only those may read who know the word for it."), DocumentId("mine")

    async def arrives(document_id: DocumentId, version: int, *, fresh: bool = False) -> None:
        await house.arrives(
            locked,
            document_id=document_id,
            document_version=version,
            fresh=fresh,
            labels=a_document_received().labels.model_copy(update={"media_type": PDF}),
        )

    await arrives(mine, 1)
    with pytest.raises(Refused, match="Reprocess it with its password") as refusal:
        await house.run(await house.claim())
    assert refusal.value.specific_code == "encrypted"
    house.passwords.keep(mine, "another word")
    await arrives(mine, 2, fresh=True)
    with pytest.raises(Refused, match="another"):
        await house.run(await house.claim())
    assert house.passwords.of(mine) is None
    house.passwords.keep(mine, PLAIN)
    await arrives(mine, 3, fresh=True)
    first = (await house.run(await house.claim()))[-1]
    assert isinstance(first, DocumentProcessed) and first.characters > 40
    assert house.passwords.of(mine) is None
    # Whoever has the bytes and not the password has nothing.
    await arrives(DocumentId("another"), 1)
    with pytest.raises(Refused, match="password"):
        await house.run(await house.claim())
    # What was opened once is not asked for again, as after a change of the model.
    await arrives(mine, 4)
    later = (await house.run(await house.claim()))[-1]
    assert isinstance(later, DocumentProcessed)
    assert (later.text_artefact, later.chunks_artefact) == (first.text_artefact, first.chunks_artefact)
    for path in house.root.parent.rglob("*"):
        assert not path.is_file() or PLAIN.encode() not in path.read_bytes(), path
