"""What Search needs of others: one file a concept, promises in docstrings."""
