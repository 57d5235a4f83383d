"""What an operator does with the models while the server runs: look, load, unload, reload, compare, share."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from shared.kernel import Conflict, InvalidInput, Unavailable
from shared.model.embedding.status import ModelStatus
from shared.model.manager import ModelManager
from shared.model.sharing import ModelSharing, Use
from shared.model.status import ModelsStatus
from shared.model.tuning.comparing import EngineTable
from shared.settings import Settings, WrongSettings

if TYPE_CHECKING:
    from shared.model.remote.model import RemoteModel

EMBEDDING: Final = "embedding"


@dataclass(frozen=True, slots=True)
class Health:
    """What a real embedding said."""

    state: str
    seconds: float | None
    """None when the model is not loaded, which is no fault: it loads when it is needed."""


class ModelOperations:
    """The verbs behind `/api/v1/model/*` and `seoga model`."""

    def __init__(
        self, settings: Settings, manager: ModelManager, sharing: ModelSharing, remote: "RemoteModel | None"
    ) -> None:
        """`remote` is the model the consumers share when it is another server's."""
        self._settings = settings
        self._manager = manager
        self._sharing = sharing
        self._remote = remote

    def status(self) -> tuple[ModelsStatus, Mapping[str, Use]]:
        """All models, and who shares them. Reads small files: belongs in a thread."""
        status = self._manager.status()
        if self._remote is not None:
            status = replace(status, embedding=_as_remote(status.embedding, self._remote))
        return status, self._sharing.uses

    async def health(self, deadline_seconds: float) -> Health:
        """A real embedding, if the model is loaded. Raises Unavailable when it fails or is late."""
        model = self._remote or self._manager
        if not model.is_loaded:
            return Health("unloaded", None)
        started = time.perf_counter()
        await model.check(deadline_seconds)
        return Health("ready", time.perf_counter() - started)

    async def load(self, name: str) -> None:
        """Loads now what would be loaded when it is first needed."""
        self._refuse_remote(name)
        await self._manager.load(name)

    async def unload(self, name: str) -> None:
        """Gives the memory back once what was asked for is answered."""
        self._refuse_remote(name)
        await self._manager.unload(name)

    async def reload(self, name: str, shared: str | None) -> None:
        """Reads the settings again (environment and `.env`) and loads by them; see ModelManager.

        `shared`, as SEOGA_SHARED_MODEL, changes only who shares, and nothing is loaded: rolling back must not
        depend on a model that may be the reason for it. Raises InvalidInput for a setting that is wrong now.
        """
        try:
            settings = self._settings.read_again(shared_model=shared)
        except WrongSettings as error:
            raise InvalidInput(error.detail, code=error.code, errors=error.errors) from error
        await self._sharing.apply(settings.shared_model)
        if shared is None:
            self._refuse_remote(name)
            await self._manager.reload(name, settings)

    async def measure(self) -> EngineTable:
        """Compares the engines of this machine; with the engine `auto` the best takes over."""
        self._refuse_remote(EMBEDDING)
        return await self._manager.measure()

    async def forget_artefacts(self) -> int:
        """Deletes what was built on disk; gives how many."""
        return await self._manager.forget_artefacts()

    def _refuse_remote(self, name: str) -> None:
        if self._remote is not None and name == EMBEDDING:
            raise Conflict(
                f"The embedding model is the one of {self._settings.model_url}: do this there.", code="remote_model"
            )


def _as_remote(here: ModelStatus, remote: "RemoteModel") -> ModelStatus:
    """What is known here of a model that is another server's."""
    try:
        description = remote.describe()
    except Unavailable as error:
        return replace(here, engine="remote", slot=replace(here.slot, state="failed", last_error=error.detail))
    return replace(
        here,
        name=description.name,
        engine="remote",
        dimension=description.dimension,
        max_tokens=description.max_tokens,
        languages=tuple(sorted(description.languages)),
        fingerprint=description.fingerprint,
        slot=replace(here.slot, state="ready", last_error=None),
    )
