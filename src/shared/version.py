"""Seoga's version: here, and nowhere else (pyproject.toml reads it)."""

from typing import Final

VERSION: Final = "0.1.0"
