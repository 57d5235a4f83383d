"""The sandbox in which parsers run, and the parsers."""
