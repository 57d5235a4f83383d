"""Synonyms and words of the house, over HTTP and from the command line."""
