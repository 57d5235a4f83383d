"""What runs where, told by a description of the machine alone."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from model_builders import a_tiny_model

from shared.model.engine import EngineChoice
from shared.model.engines.runnable import Machine, runnable_choices, this_machine, why_not
from shared.model.files.config import ModelConfig, read_model_config

SERVER = Machine(
    flags=frozenset({"avx512_bf16", "avx512_vnni"}), engines=frozenset({"openvino", "onnx"}), has_gpu=False
)
ALL = replace(SERVER, engines=frozenset({"openvino", "onnx", "sentence-transformers"}))


def a_config(tmp_path: Path, **shape: Any) -> ModelConfig:
    folder = a_tiny_model(tmp_path / "model", **shape)
    return replace(read_model_config(folder, name="tiny"), engine="auto", precision="auto", device="auto")


def test_the_most_promising_engine_comes_first(tmp_path: Path) -> None:
    config = a_config(tmp_path)
    assert runnable_choices(config, SERVER)[0] == EngineChoice("openvino", "int8")
    amx = replace(SERVER, flags=SERVER.flags | {"amx_bf16"})
    assert runnable_choices(config, amx)[0] == EngineChoice("openvino", "bf16")
    plain = replace(SERVER, flags=frozenset({"avx2"}))
    assert {choice.precision for choice in runnable_choices(config, plain)} == {"fp32"}
    assert runnable_choices(config, ALL)[-1] == EngineChoice("sentence-transformers", "fp32")
    gpu = replace(ALL, has_gpu=True)
    assert runnable_choices(config, gpu)[0].engine == "sentence-transformers"
    assert runnable_choices(replace(config, device="cpu"), gpu)[0].engine == "openvino"


def test_only_what_is_asked_for_is_runnable(tmp_path: Path) -> None:
    config = a_config(tmp_path)
    assert {choice.engine for choice in runnable_choices(replace(config, engine="onnx"), ALL)} == {"onnx"}
    assert {choice.precision for choice in runnable_choices(replace(config, precision="int8"), ALL)} == {"int8"}
    assert runnable_choices(replace(config, device="cuda"), ALL) == (EngineChoice("sentence-transformers", "fp32"),)
    assert runnable_choices(replace(config, device="cuda"), SERVER) == ()
    assert runnable_choices(replace(config, engine="remote"), ALL) == ()
    assert runnable_choices(replace(config, engine="sentence-transformers", precision="int8"), ALL) == ()


def test_a_model_without_a_graph_is_left_to_sentence_transformers(tmp_path: Path) -> None:
    config = a_config(tmp_path, model_type="t5")
    assert runnable_choices(config, ALL) == (EngineChoice("sentence-transformers", "fp32"),)
    assert runnable_choices(config, SERVER) == ()


@pytest.mark.parametrize(
    ("choice", "changes", "machine", "parts"),
    [
        (
            EngineChoice("openvino", "bf16"),
            {},
            replace(SERVER, flags=frozenset({"avx2", "avx_vnni"})),
            ("SEOGA_MODEL_PRECISION", "'bf16'", "processor", "`fp32` or `int8`"),
        ),
        (EngineChoice("onnx", "bf16"), {}, SERVER, ("SEOGA_MODEL_PRECISION", "'bf16'", "`fp32` or `int8`")),
        (
            EngineChoice("sentence-transformers", "fp32"),
            {},
            SERVER,
            ("SEOGA_MODEL_ENGINE", "'sentence-transformers'", "requirements/reference.txt", "`onnx` or `openvino`"),
        ),
        (
            EngineChoice("onnx", "fp32"),
            {"device": "cuda"},
            SERVER,
            ("SEOGA_MODEL_DEVICE", "'cuda'", "`auto` or `cpu`"),
        ),
        (EngineChoice("onnx", "fp32"), {"pooling": "lasttoken"}, ALL, ("lasttoken", "`sentence-transformers`")),
        (EngineChoice("onnx", "fp32"), {"pooling": "lasttoken"}, SERVER, ("lasttoken", "requirements/reference.txt")),
    ],
    # A set's words come in another order in every process, and test runners in parallel compare names.
    ids=range(6),
)
def test_what_cannot_run_here_is_said_with_variable_value_and_what_may_be(
    tmp_path: Path, choice: EngineChoice, changes: dict[str, Any], machine: Machine, parts: tuple[str, ...]
) -> None:
    said = why_not(replace(a_config(tmp_path), **changes), choice, machine)
    assert all(part in said for part in parts), said


def test_looking_what_can_run_imports_no_engine(tmp_path: Path) -> None:
    program = (
        "import sys; from shared.model.engines.runnable import this_machine; this_machine(); "
        "import shared.model.engines.opening; "
        "print(sorted({'openvino', 'onnxruntime', 'torch', 'onnx', 'sentence_transformers'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == "[]"
    assert {"openvino", "onnx"} <= this_machine().engines
