"""SEOGA_SHARED_MODEL: who uses the one model, and what flipping it does to models and callers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from model_builders import tiny_settings

from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.manager import ModelManager
from shared.model.sharing import ModelSharing
from shared.setting_values import MODEL_CONSUMERS


class House:
    """A shared manager, and the private ones that were made."""

    def __init__(self, tmp_path: Path, metrics: PrometheusMetrics) -> None:
        self.shared = ModelManager(tiny_settings(tmp_path), metrics)
        self.private: list[ModelManager] = []
        self.sharing = ModelSharing("on", shared=self.shared, make_private=self._make, metrics=metrics)
        self._settings = tiny_settings(tmp_path)
        self._metrics = metrics

    def _make(self) -> ModelManager:
        self.private.append(ModelManager(self._settings, self._metrics))
        return self.private[-1]

    async def ask(self, consumer: str) -> list[float]:
        vectors = await self.sharing.model_for(consumer).embed(["tariff duty"], kind="query")
        row: list[float] = vectors[0].tolist()
        return row

    def loads(self) -> tuple[int, list[int]]:
        """Of the shared one, and of each private one."""
        return (
            self.shared.status().embedding.slot.loads,
            [manager.status().embedding.slot.loads for manager in self.private],
        )


@pytest.fixture
async def house(tmp_path: Path, metrics: PrometheusMetrics) -> AsyncIterator[House]:
    made = House(tmp_path, metrics)
    async with made.shared, made.sharing:
        yield made


async def test_on_means_one_model_for_all(house: House) -> None:
    answers = await asyncio.gather(*(house.ask(consumer) for consumer in MODEL_CONSUMERS))
    assert np.allclose(answers, answers[0])
    assert house.loads() == (1, [])


async def test_off_gives_each_its_own_and_the_same_vectors(house: House) -> None:
    shared = await house.ask("search")
    await house.sharing.apply("off")
    assert np.allclose([await house.ask(consumer) for consumer in MODEL_CONSUMERS], shared, atol=1e-6)
    assert house.loads() == (1, [1, 1, 1])
    assert set(house.sharing.uses.values()) == {"private"}


async def test_a_list_rolls_out_consumer_by_consumer(house: House) -> None:
    await house.sharing.apply("off")
    for consumer in MODEL_CONSUMERS:
        await house.ask(consumer)
    await house.sharing.apply("search")
    assert house.sharing.uses == {"search": "shared", "process": "private", "api": "private"}
    await house.ask("search")
    assert house.loads()[0] == 1
    await house.sharing.apply("search,process")
    await house.sharing.apply("on")
    assert not any(manager.is_loaded for manager in house.private), "private models nobody needs are gone"


async def test_calls_in_flight_are_answered_whichever_way_it_flips(house: House) -> None:
    await house.sharing.apply("off")
    door = house.sharing.model_for("process")
    asked = [asyncio.create_task(door.embed(["tariff"] * 300, kind="passage")) for _ in range(4)]
    await asyncio.sleep(0)
    await house.sharing.apply("on")
    assert {(await task).shape for task in asked} == {(300, 32)}


async def test_an_unknown_consumer_is_a_mistake_of_ours(house: House) -> None:
    with pytest.raises(ValueError, match="nobody"):
        house.sharing.model_for("nobody")
