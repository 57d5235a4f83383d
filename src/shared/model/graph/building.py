"""Builds what an engine loads in a child process, so that the server never holds onnx, protobuf or safetensors.

Run as `python -m shared.model.graph.building` it is the child.
"""

import asyncio
import tempfile
from pathlib import Path
from typing import Any, Final

from shared.kernel import Unavailable
from shared.model.engine import EngineChoice
from shared.model.files.config import ModelConfig, read_model_config
from shared.runtime.child import serve_parent
from shared.runtime.children import ChildEnded, ChildError, ChildLate, ChildProcess

GRAPH_FILE: Final = "model.onnx"
WEIGHTS_FILE: Final = "model.bin"
OPENVINO_FILE: Final = "model.xml"
"""OpenVINO's own format; its weights lie beside it in model.bin."""


def build_in_child(config: ModelConfig, choice: EngineChoice, target: Path, *, end_seconds: float = 2.0) -> None:
    """Writes the graph that `choice` loads, and its weights, into the folder `target`. Raises Unavailable.

    Blocks the calling thread, which must not be one with an event loop, one to three seconds: the child ends with it.
    A child that is done may take `end_seconds` to end by itself.
    """
    try:
        asyncio.run(_ask_child(config, choice, str(target.absolute()), end_seconds))
    except ChildError as error:
        if error.kind == "UnsupportedArchitecture":
            raise Unavailable(
                f"The engine `{choice.engine}` cannot run the model in '{config.folder}': {error.detail}. "
                "Set SEOGA_MODEL_ENGINE=sentence-transformers (`pip install -r requirements/reference.txt`)."
            ) from error
        raise Unavailable(
            f"The model in '{config.folder}' could not be built: {error.kind}: {error.detail}."
        ) from error
    except ChildLate as error:
        raise Unavailable(
            f"The model in '{config.folder}' was not built within {config.load_timeout_seconds:g} s."
        ) from error
    except ChildEnded as error:
        raise Unavailable(f"The model in '{config.folder}' could not be built: {error}.") from error


async def _ask_child(config: ModelConfig, choice: EngineChoice, target: str, end_seconds: float) -> None:
    child = await ChildProcess.start("shared.model.graph.building")
    try:
        await child.call(
            "build",
            within_seconds=config.load_timeout_seconds,
            folder=str(config.folder.absolute()),
            name=config.name,
            target=target,
            engine=choice.engine,
            precision=choice.precision,
            scores=config.head is not None,
        )
        await child.stop(grace_seconds=end_seconds)
    finally:
        await child.kill()


def build(folder: str, name: str, target: str, engine: str, precision: str, scores: bool = False) -> dict[str, Any]:
    """In the child: the graph in one small file, the weights beside it, so that they can be mapped, not copied.

    `scores`: of a cross-encoder.
    """
    from shared.model.files.cross_encoder import read_cross_encoder_config
    from shared.model.graph.quantising import quantise_onnx, quantise_openvino

    read, into = read_cross_encoder_config if scores else read_model_config, Path(target)
    config = read(Path(folder), name=name)
    grouped = (engine, precision) == ("openvino", "int8")
    model = _graph(config, sort_channels=grouped, in_blocks=precision != "int8")
    nodes = len(model.graph.node)
    if precision != "int8":
        _save(model, into)
        return {"nodes": nodes}
    with tempfile.TemporaryDirectory(dir=into) as exact:
        _save(model, Path(exact))
        del model
        if grouped:
            quantise_openvino(Path(exact) / GRAPH_FILE, into / OPENVINO_FILE)
        else:
            quantise_onnx(Path(exact) / GRAPH_FILE, into / GRAPH_FILE)
    return {"nodes": nodes}


def _graph(config: ModelConfig, *, sort_channels: bool, in_blocks: bool) -> Any:
    """From the weights where our builder knows the model, else from the ONNX file it brings."""
    from shared.model.files.supported import not_buildable, own_onnx
    from shared.model.graph.encoder import build_graph
    from shared.model.graph.own import wrap_own_graph

    own = own_onnx(config)
    if own is not None and not_buildable(config):
        return wrap_own_graph(own, config)
    return build_graph(config, sort_channels=sort_channels, in_blocks=in_blocks)


def _save(model: Any, folder: Path) -> None:
    import onnx

    onnx.save(
        model,
        str(folder / GRAPH_FILE),
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=WEIGHTS_FILE,
        size_threshold=1024,
    )


if __name__ == "__main__":
    serve_parent({"build": build})
