"""What libraries would tell their makers, switched off before any of them is imported.

Seoga sends nothing that its settings do not name. `shared/__init__.py` imports this file, so every process that runs
code of ours has it, and children inherit the environment.
"""

import os
import sys
from typing import Final

REPORTS_OFF: Final = {
    # ONNX Runtime 1.29 and later, on Linux: a device id under ~/.cache and events to its maker, from the import on.
    # Read once, then; `disable_telemetry_events()` comes too late.
    "ORT_DISABLE_TELEMETRY": "1",
    # huggingface_hub, and what calls it: sentence-transformers and transformers.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # https://donottrack.sh, which others honour.
    "DO_NOT_TRACK": "1",
}
"""Not to be overridden by who starts Seoga: the promise is Seoga's."""

FETCHES_OFF: Final = {
    # Models are looked for on this machine only; even with the files there, transformers would ask the hub for others.
    "HF_HUB_OFFLINE": "1",
}
"""For processes that are all Seoga's. A program that borrows the model may fetch models of its own."""


def report_nothing() -> None:
    """For this process and what it starts."""
    os.environ.update(REPORTS_OFF)
    # OpenVINO's reports need this package, which our locks leave out; None is Python's mark for what is not there.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # what the import system allows


def fetch_nothing() -> None:
    """Called first by the command line and the benchmarks; children are started so (runtime/children.py)."""
    os.environ.update(FETCHES_OFF)


report_nothing()
