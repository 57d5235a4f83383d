"""Builds the encoder graph in a child process, so that the server never holds onnx, protobuf or safetensors.

Run as `python -m shared.model.build_graph` it is the child.
"""

import asyncio
from pathlib import Path
from typing import Any, Final

from shared.kernel import Unavailable
from shared.model.config import ModelConfig, read_model_config
from shared.runtime.children import ChildEnded, ChildError, ChildProcess, serve_parent

GRAPH_FILE: Final = "model.onnx"
WEIGHTS_FILE: Final = "model.bin"


def build_in_child(config: ModelConfig, target: Path) -> None:
    """Writes the graph and its weights into the folder `target`. Raises Unavailable.

    Blocks the calling thread, which must not be one with an event loop, about a second: the child ends with it.
    """
    try:
        asyncio.run(_ask_child(config, folder=str(config.folder.absolute()), target=str(target.absolute())))
    except ChildError as error:
        if error.kind == "UnsupportedArchitecture":
            raise Unavailable(
                f"The engine `onnx` cannot run the model in '{config.folder}': {error.detail}. "
                "Set SEOGA_MODEL_ENGINE=sentence-transformers (`pip install -r requirements/reference.txt`)."
            ) from error
        raise Unavailable(
            f"The model in '{config.folder}' could not be built: {error.kind}: {error.detail}."
        ) from error
    except ChildEnded as error:
        raise Unavailable(f"The model in '{config.folder}' could not be built: {error}.") from error
    except TimeoutError as error:
        raise Unavailable(
            f"The model in '{config.folder}' was not built within {config.load_timeout_seconds:g} s."
        ) from error


async def _ask_child(config: ModelConfig, *, folder: str, target: str) -> None:
    child = await ChildProcess.start("shared.model.build_graph")
    try:
        async with asyncio.timeout(config.load_timeout_seconds):
            await child.call("build", folder=folder, name=config.name, target=target)
    finally:
        await child.kill()


def build(folder: str, name: str, target: str) -> dict[str, Any]:
    """In the child: the graph in one small file, the weights beside it, so that they can be mapped, not copied."""
    import onnx

    from shared.model.encoder_graph import build_graph

    model = build_graph(read_model_config(Path(folder), name=name))
    onnx.save(
        model,
        str(Path(target) / GRAPH_FILE),
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=WEIGHTS_FILE,
        size_threshold=1024,
    )
    return {"nodes": len(model.graph.node)}


if __name__ == "__main__":
    serve_parent({"build": build})
