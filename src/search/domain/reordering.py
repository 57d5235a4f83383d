"""A reranker's numbers instead of a fused list's: the order changes, the scores stay between those that were there."""

from collections.abc import Sequence


def reordered(fused: Sequence[float], said: Sequence[float]) -> list[tuple[int, float]]:
    """For each place from the best on, which member stands there now, and its score.

    `fused` falls from member to member; `said` has the reranker's number of each, on any scale. The best gets the
    best fused score and the last one the lowest, so that what follows the reordered ones still scores less; members
    with the same number stay in their order.
    """
    if not said:
        return []
    lowest, span = min(said), max(said) - min(said)
    low, high = fused[-1], fused[0]
    order = sorted(range(len(said)), key=lambda place: -said[place])

    def scaled(place: int) -> float:
        share = (said[place] - lowest) / span if span > 0.0 else 1.0
        return min(high, max(low, low + share * (high - low)))

    return [(place, scaled(place)) for place in order]
