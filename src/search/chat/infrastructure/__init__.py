"""Adapters of asking: generators of answers, history, sources of knowledge."""
