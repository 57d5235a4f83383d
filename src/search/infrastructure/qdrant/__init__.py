"""The chunk index on a Qdrant server, shared by any number of processes."""
