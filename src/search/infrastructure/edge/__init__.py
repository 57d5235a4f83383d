"""The chunk index on Qdrant Edge, in a process of its own because its calls hold the GIL."""
