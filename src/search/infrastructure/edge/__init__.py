"""The chunk index on Qdrant Edge, in a process of its own because its calls hold the GIL."""

from typing import Final

PROCESS: Final = "search.infrastructure.edge.process"
"""The module of the child that has the index open."""
