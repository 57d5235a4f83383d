"""Words that modules must spell alike though they do not know one another. They are stored and sent: never changed."""

from collections.abc import Mapping
from typing import Final, Literal

ModuleName = Literal["ingest", "process", "search", "monitor", "model"]
"""What a process may be told to do; `model` is no module: such a process only lends its model."""

INGEST: Final = "ingest"
PROCESS: Final = "process"
SEARCH: Final = "search"
MONITOR: Final = "monitor"
MODULES: Final[tuple[ModuleName, ...]] = (INGEST, PROCESS, SEARCH, MONITOR)
"""The name of a module is also its consumer group and the producer of its events."""

PROCESS_JOB: Final = "process"
"""The kind of job that works on a version of a document."""
INDEX_JOB: Final = "index"
"""The kind of job that makes a version searchable."""
JOB_KINDS: Final[Mapping[str, tuple[str, ...]]] = {PROCESS: (PROCESS_JOB,), SEARCH: (INDEX_JOB,)}
"""The kinds of jobs that each module's store holds."""

PARSE, OCR, CHUNK, EMBED = PROCESS_STAGES = ("parse", "ocr", "chunk", "embed")
"""The stages of Process, in order."""
INDEX: Final = "index"
STAGES: Final = (*PROCESS_STAGES, INDEX)
"""All that is done to a document before it is found, in order; the last is Search's."""

DEFAULT_COLLECTION: Final = "default"
"""Where documents go that name no collection; it exists always."""
