"""Texts to vectors: the embedding model, its source, batches over callers, and which engine is left when one fails."""
