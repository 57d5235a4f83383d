"""The hash of a model's weights, and whether they are what they are meant to be."""

from shared.kernel import Unavailable
from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import ModelConfig


def weights_sha256(config: ModelConfig, artefacts: ArtefactCache) -> str:
    """Of the file with the weights (remembered). Raises Unavailable for a packaged model's file that is another one."""
    digest = artefacts.content_sha256(config.weights)
    if config.weights_sha256 and digest != config.weights_sha256:
        raise Unavailable(
            f"The file '{config.weights}' of the packaged model '{config.name}' is not the one it should be: its "
            f"SHA-256 is {digest}, and {config.weights_sha256} is expected. Run `make setup` to install it again."
        )
    return digest
