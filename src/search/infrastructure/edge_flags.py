"""How true and false are kept in a point's payload; alone in a file, so that the child starts without the rest."""

from typing import Final

FLAGS: Final = "flags"
"""Truth values of the metadata as text: the binding takes True for the integer 1 and then matches neither."""


def flag(field: str, value: bool) -> str:
    """How FLAGS says that a field is true or false."""
    return f"{field}={'true' if value else 'false'}"
