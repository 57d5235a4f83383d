"""Search: finds chunks by words and by meaning, and shows one revision of each document at a time.

Owns: the chunk index, the live record of every document (search.sqlite), fusion, highlights, cursors.
Publishes: PagesIndexed, DocumentIndexed, DocumentRemoved, VectorsOutdated, SearchPerformed.
Consumes: DocumentReceived, DocumentChanged, DocumentWithdrawn, PagesProcessed, DocumentProcessed,
ProcessingFailed, dead letters.
"""
