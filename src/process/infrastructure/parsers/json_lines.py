"""JSON Lines: one value a line."""

from process.infrastructure.parsers.json_text import parse_lines as parse

__all__ = ["parse"]
