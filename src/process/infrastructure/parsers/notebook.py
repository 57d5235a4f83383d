"""Jupyter notebooks (nbformat 4): texts, code, and what the code printed."""

from process.infrastructure.parsers.json_text import parse_notebook as parse

__all__ = ["parse"]
