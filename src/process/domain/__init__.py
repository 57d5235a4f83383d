"""Rules of text: what language it is in, where sentences end, how a document becomes chunks."""
