"""Process: turns a document's bytes into text, chunks and vectors.

Owns: the jobs of kind `process` and the artefacts of the stages parse, ocr, chunk and embed (process.sqlite).
Publishes: StageFinished, ChunksEmbedded, PagesRead, PagesProcessed, DocumentProcessed, ProcessingFailed.
Consumes: DocumentReceived, DocumentWithdrawn.
"""
