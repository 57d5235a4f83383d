"""Ingest: where documents come in and are looked after.

Owns: documents, their names, revisions, originals and status (`ingest.sqlite`).
Publishes: DocumentReceived, DocumentChanged, DocumentWithdrawn.
Consumes: StageFinished, ChunksEmbedded, PagesRead, DocumentProcessed, ProcessingFailed, PagesIndexed,
DocumentIndexed, DocumentRemoved, VectorsOutdated, dead letters.
"""
