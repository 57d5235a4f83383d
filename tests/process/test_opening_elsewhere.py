"""A file with a password is opened in one process, and the rest of the work on it is done in another."""

import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from fpdf import FPDF
from ocr_builders import LINES
from picture_builders import a_picture, as_file
from pipeline_builders import House
from process_builders import PDF

from builders import a_document_received
from process.application.opening import Opening
from process.application.pipeline import DocumentProcessing
from shared.artefacts.recognised import RecognisedDocument
from shared.events.ingest import DocumentReceived
from shared.events.process import DocumentProcessed
from shared.infrastructure.pages.renderer import PageRenderer
from shared.kernel import DocumentId, Refused, Unavailable
from shared.ports.passwords import Opener

PASSWORD = "plain-8471"
TEXT = "What only those may read who know the word for it."
MINE = DocumentId("mine")
CHILD = Path(__file__).with_name("opening_child.py")


def a_locked_scan(password: str, *, text: str = TEXT) -> bytes:
    """A page of text, and one that is a picture."""
    pdf = FPDF()
    pdf.set_encryption(owner_password="owner", user_password=password)
    pdf.set_font("helvetica", size=12)
    if text:
        pdf.add_page()
        pdf.multi_cell(0, 6, text)
    pdf.add_page()
    pdf.image(BytesIO(as_file(a_picture(*LINES).convert("RGB"))), x=0, y=0, w=210)
    return bytes(pdf.output())


async def arrives(house: House, content: bytes, version: int) -> DocumentReceived:
    labels = a_document_received().labels.model_copy(update={"media_type": PDF})
    return await house.arrives(content, document_id=MINE, document_version=version, fresh=version > 1, labels=labels)


def opened_in_another_process(house: House, event: DocumentReceived, password: str) -> subprocess.CompletedProcess[str]:
    told = json.dumps({"root": str(house.root), "event": event.model_dump_json(), "password": password})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, str(CHILD)], input=told, capture_output=True, text=True, env=environment, timeout=240
    )


async def test_what_one_process_opened_another_goes_on_with(house: House) -> None:
    content = a_locked_scan(PASSWORD)
    await arrives(house, content, 1)
    with pytest.raises(Refused, match="Reprocess it with its password"):
        await house.run(await house.claim())

    asked = await arrives(house, content, 2)
    refused = opened_in_another_process(house, asked, "another")
    assert refused.returncode == 1 and "the one that was given is another" in refused.stderr
    with pytest.raises(Refused, match="password"):
        await house.run(await house.claim())

    asked = await arrives(house, content, 3)
    opened = opened_in_another_process(house, asked, PASSWORD)
    assert opened.returncode == 0, opened.stderr
    assert PASSWORD not in opened.stdout + opened.stderr
    # This process has neither the password nor anything that reads pictures.
    done = (await house.run(await house.claim()))[-1]
    assert isinstance(done, DocumentProcessed) and done.warnings == ()
    recognised = RecognisedDocument.from_bytes(await house.blobs.read(str(done.text_artefact)))
    assert TEXT in recognised.text and LINES[0] in recognised.text and recognised.unread == ()
    for path in house.root.parent.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path


async def test_what_was_opened_is_of_no_use_to_others_with_the_same_bytes(house: House) -> None:
    content = a_locked_scan(PASSWORD)
    await an_opening(house).open(await arrives(house, content, 1), PASSWORD)
    await house.arrives(content, document_id=DocumentId("another"), labels=a_document_received().labels.model_copy(
        update={"media_type": PDF}))  # fmt: skip
    jobs = {job.document_id: job for job in (await house.claim(), await house.claim())}
    with pytest.raises(Refused, match="password"):
        await house.run(jobs[DocumentId("another")])
    assert isinstance((await house.run(jobs[MINE]))[-1], DocumentProcessed)


async def test_an_opening_that_takes_too_long_is_given_up(house: House) -> None:
    asked = await arrives(house, a_locked_scan(PASSWORD), 1)
    with pytest.raises(Unavailable, match="send its password again"):
        await an_opening(house, seconds=0).open(asked, PASSWORD)


async def test_pages_of_a_locked_scan_are_drawn_with_its_password_alone(tmp_path: Path, pages: PageRenderer) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(a_locked_scan(PASSWORD, text=""))
    assert (await pages.page(str(path), PDF, 1, password=PASSWORD)).width > 500
    for wrong in (None, "another"):
        with pytest.raises(Refused, match="password") as refusal:
            await pages.page(str(path), PDF, 1, password=wrong)
        assert refusal.value.specific_code == "encrypted"


def an_opening(house: House, *, seconds: float = 240) -> Opener:
    assert isinstance(house.processing, DocumentProcessing)
    return Opening(house.blobs, house.stages(), seconds=seconds)
