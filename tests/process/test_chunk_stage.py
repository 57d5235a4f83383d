"""The chunk stage: how large a chunk a model gets, and what its artefact depends on."""

from process_builders import SmallModel, count_tokens

from builders import a_document_received
from process.application.stages.chunk import ChunkStage
from process.application.stages.stage import Way
from shared.artefacts.parsed import ParsedDocument

TEXT = " ".join(f"The duty on item {number} is paid on arrival." for number in range(99))


def a_way(model: SmallModel) -> Way:
    way = Way(a_document_received(), model.describe(), [ChunkStage(model)])
    way.keep(ParsedDocument(text=TEXT, blocks=(), media_type="text/plain", language="en"))
    return way


async def test_a_model_that_reads_books_gets_chunks_of_a_glance() -> None:
    model = SmallModel(max_tokens=8_192)
    chunks = (await ChunkStage(model).work(a_way(model))).chunks
    assert len(chunks) > 1
    assert max(count_tokens([chunk.text for chunk in chunks])) <= 254


def test_chunks_that_were_cut_otherwise_are_another_artefact_and_others_the_same() -> None:
    plain, long = SmallModel(), SmallModel(max_tokens=8_192)
    assert ChunkStage(plain).depends_on(a_way(plain)) == {"model": "small-1"}
    assert ChunkStage(long).depends_on(a_way(long)) == {"model": "small-1", "tokens": 254}
