"""Which reranker the settings name, if any."""

from pathlib import Path

from shared.model.reranking.cross_encoder import CrossEncoder
from shared.ports.reranker import Reranker
from shared.runtime.resilience import Remotes
from shared.settings import Settings, without_credentials
from shared.telemetry import Metrics
from shared.vocabulary import SEARCH

_RESET_SECONDS = 10.0
"""How long one is left alone that was late or failed five times in a row."""


def reranker_of(settings: Settings, metrics: Metrics, remotes: Remotes) -> Reranker | None:
    """None: results stay as they are fused. Opens nothing; a server's client is imported only for one."""
    seconds = settings.rerank_deadline_seconds
    if SEARCH not in settings.modules:
        return None
    if settings.rerank_url is not None:
        from shared.model.reranking.server import RerankServer

        where = f"The reranker at {without_credentials(settings.rerank_url)} (SEOGA_RERANK_URL)"
        guard = remotes.guard("rerank", where=where, timeout_seconds=seconds, reset_seconds=_RESET_SECONDS)
        key = None if settings.rerank_key is None else settings.rerank_key.get_secret_value()
        return RerankServer(settings.rerank_url, settings.rerank_model, key=key, guard=guard)
    if settings.rerank_model is None:
        return None
    guard = remotes.guard(
        "rerank",
        where="The reranker (SEOGA_RERANK_MODEL)",
        timeout_seconds=seconds,
        attempts=1,
        reset_seconds=_RESET_SECONDS,
    )
    return CrossEncoder(settings, Path(settings.rerank_model), metrics, guard)
