"""What Search does: indexing, consumption, retrieval, cleaning; and the ports it needs."""
