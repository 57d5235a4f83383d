"""A model fetched from the Hugging Face hub into the local cache, because somebody asked for it by name.

The one place of Seoga that fetches; only the command `seoga model fetch` comes here, in a process of its own.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Final

from shared.kernel import InvalidInput, NotFound, Unavailable
from shared.model.files.config import read_model_config
from shared.model.files.locating import PACKAGED, hub_cache, hub_name
from shared.model.files.supported import not_runnable

# What is read of a model. Pickles and other runtimes' weights are several times as large, and never read.
_WANTED: Final = ("*.json", "*.txt", "*.model", "README.md", "*.safetensors", "onnx/model.onnx*", "model.onnx*")
_NAME: Final = re.compile(r"[\w.-]+(/[\w.-]+)?")
_SHA256: Final = 64
_CHUNK: Final = 1 << 20


def fetch_model(name: str, revision: str) -> tuple[Path, str]:
    """Fetches what is missing, showing its progress; what was broken off goes on. Blocks for minutes.

    Returns the folder, and why no engine but sentence-transformers can run it ("" where one can). Raises InvalidInput
    for what is no name, NotFound, and Unavailable where the hub cannot be reached or sent something else than it said.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"'{name}' is not the name of a model: it looks like `intfloat/multilingual-e5-base`.")
    if name.lower() in {model.name.lower() for model in PACKAGED}:
        raise InvalidInput(f"'{name}' is installed with Seoga: set SEOGA_MODEL_NAME={name}, nothing is to be fetched.")
    # Every process of Seoga says that nothing is fetched; the library reads it once, when it is imported.
    os.environ["HF_HUB_OFFLINE"] = "0"
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        folder = Path(
            snapshot_download(hub_name(name), revision=revision, cache_dir=hub_cache(), allow_patterns=list(_WANTED))
        )
    except GatedRepoError as error:
        raise Unavailable(f"The hub gives '{name}' to those only whom its owner has let in.") from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise NotFound(f"The hub has no model '{name}' with a revision '{revision}'.") from error
    except Exception as error:  # what several libraries raise for a network that is not there
        raise Unavailable(f"'{name}' could not be fetched: {_first_line(error)}. {_instead(name)}") from error
    _check(folder)
    config = read_model_config(folder, name=name.rpartition("/")[2])
    return folder, not_runnable(config)


def _check(folder: Path) -> None:
    """Files of the cache are called by the hash the hub gave: of the content, or of a git blob. Raises Unavailable."""
    for path in sorted(folder.rglob("*")):
        stored = path.resolve()
        if not stored.is_file() or stored == path:
            continue
        digest = hashlib.sha256() if len(stored.name) == _SHA256 else hashlib.sha1(usedforsecurity=False)
        if digest.name == "sha1":
            digest.update(f"blob {stored.stat().st_size}\0".encode())
        with stored.open("rb") as file:
            while piece := file.read(_CHUNK):
                digest.update(piece)
        if digest.hexdigest() != stored.name:
            stored.unlink()
            path.unlink()
            raise Unavailable(
                f"'{path.name}' came damaged: its hash is not the one that the hub has. It was deleted; fetch again."
            )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")


def _instead(name: str) -> str:
    packaged = " and ".join(model.name for model in PACKAGED)
    folder = f"models--{hub_name(name).replace('/', '--')}"
    return (
        f"Where there is no network: fetch it on another machine and copy the folder '{folder}' into '{hub_cache()}', "
        f"or any sentence-transformers folder and set SEOGA_MODEL_PATH. {packaged} are installed with Seoga."
    )
