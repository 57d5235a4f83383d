"""Which route is whose, of all that the OpenAPI document has: what two tenants see of each other.

An operation that is in no table fails the test: whoever adds a route says here what it tells of other collections.
"""

from typing import Any, Final

from every_route import Operation

THEIRS, OURS = "their-key-of-a-collection", "our-key-of-a-collection-0"
OUR_ADMIN, OPERATOR = "our-key-that-administers", "operator-of-the-whole-01"
THEIR_SHELF, OUR_SHELF = "heron-shelf", "osprey-shelf"
CANARY: Final = "quern"
"""Stands in everything that is theirs, and in no answer to us: what we send is not told back where it is looked for."""
Asked = dict[str, Any]
HS_CODE: Final = "8471.30"

NOBODYS: Final[dict[Operation, str]] = {
    ("get", "/health/live"): "open",
    ("get", "/health/ready"): "open",
    ("get", "/api/v1/session"): "of who asks",
    ("post", "/api/v1/session"): "of who asks",
    ("delete", "/api/v1/session"): "of who asks",
    ("get", "/api/v1/installation"): "which stores there are",
    ("get", "/api/v1/samples"): "how many come with the server",
    ("get", "/api/v1/model/status"): "of the model",
    ("get", "/api/v1/model/health"): "of the model",
    ("post", "/api/v1/model/images"): "keeps nothing",
    ("post", "/v1/embeddings"): "keeps nothing",
    ("post", "/v1/tokens"): "keeps nothing",
    ("get", "/v1/models"): "of the model",
    ("get", "/v1/models/{model_id}"): "of the model",
    ("get", "/api/v1/hs-codes"): "the nomenclature",
    ("get", "/api/v1/hs-codes/chapters"): "the nomenclature",
    ("post", "/api/v1/hs-codes/spot"): "keeps nothing",
    ("get", "/api/v1/search/lexicon"): "words of the house, which operators give",
    ("get", "/api/v1/monitor/health"): "of the server",
}
"""What tenants have no part in, and why; the rest of `/metrics` and what operators do is in `OF_EVERYTHING`."""

OF_EVERYTHING: Final[set[Operation]] = {
    ("get", "/metrics"),
    ("get", "/api/v1/settings"),
    ("post", "/api/v1/installation/adopt"),
    ("post", "/api/v1/model/load"),
    ("post", "/api/v1/model/unload"),
    ("post", "/api/v1/model/reload"),
    ("post", "/api/v1/model/bench"),
    ("delete", "/api/v1/model/artefacts"),
    ("get", "/api/v1/keys"),
    ("post", "/api/v1/keys"),
    ("delete", "/api/v1/keys/{name}"),
    ("get", "/api/v1/audit"),
    ("get", "/api/v1/storage"),
    ("post", "/api/v1/storage/collect"),
    ("post", "/api/v1/storage/trash/empty"),
    ("put", "/api/v1/search/lexicon"),
    ("post", "/api/v1/search/collect"),
    ("get", "/api/v1/monitor/channels"),
    ("post", "/api/v1/monitor/channels"),
    ("put", "/api/v1/monitor/channels/{name}"),
    ("delete", "/api/v1/monitor/channels/{name}"),
    ("post", "/api/v1/monitor/channels/{name}/test"),
    ("get", "/api/v1/monitor/deliveries"),
    ("get", "/api/v1/monitor/metrics"),
    ("get", "/api/v1/monitor/metrics/{name}"),
    ("get", "/api/v1/monitor/rules"),
    ("post", "/api/v1/monitor/rules"),
    ("get", "/api/v1/monitor/rules/{rule_id}"),
    ("put", "/api/v1/monitor/rules/{rule_id}"),
    ("delete", "/api/v1/monitor/rules/{rule_id}"),
    ("get", "/api/v1/monitor/alerts"),
    ("post", "/api/v1/monitor/alerts/{alert_id}/acknowledge"),
    ("post", "/api/v1/monitor/alerts/{alert_id}/resolve"),
    ("get", "/api/v1/monitor/silences"),
    ("post", "/api/v1/monitor/silences"),
    ("delete", "/api/v1/monitor/silences/{silence_id}"),
}
"""Of the whole installation: a key of some collections is refused, whatever it may do there."""

SEEN: Final[dict[Operation, list[Asked]]] = {
    ("get", "/api/v1/documents"): [{}, {"params": {"name": CANARY}}, {"params": {"status": "failed"}}],
    ("get", "/api/v1/collections"): [{}],
    ("post", "/api/v1/search"): [
        {"json": {"query": "rent of the mill", "mode": mode, "limit": 50, "facets": ["collection", "metadata.kind"]}}
        for mode in ("hybrid", "keyword", "vector")
    ]
    + [
        {"json": {"query": "rent of the mill", "group_by": "document", "facets": ["metadata.quernkey", "media_type"]}},
        {"json": {"query": "rent of the mill", "sort": "newest"}},
        {"json": {"query": "mill", "filters": {"or": [{"not": {"collection": OUR_SHELF}}, {"name": "ours.md"}]}}},
        {"json": {"query": "mill", "filters": {"not": {"collection": OUR_SHELF}}}},
        {"json": {"query": "mill", "filters": {"metadata.quernkey": "quernvalue"}}},
        # A word of theirs, one letter wrong: nobody tells us what was meant.
        {"json": {"query": f"{CANARY}stome"}},
    ],
    ("get", "/api/v1/search"): [{"params": {"q": f"{CANARY}stone"}}],
    ("get", "/api/v1/search/suggest"): [{"params": {"q": "quer"}}, {"params": {"q": "rent of the q"}}],
    ("get", "/api/v1/hs-codes/{code}"): [{"path": {"code": HS_CODE}}],
    ("post", "/api/v1/chat"): [{"json": {"question": "What is the rent of the mill?", "remember": False}}],
    ("get", "/api/v1/chat/sessions"): [{}],
    ("get", "/api/v1/evaluations"): [{}],
    ("get", "/api/v1/monitor"): [{}],
    ("get", "/api/v1/monitor/stream"): [{}],
    ("get", "/api/v1/documents/events"): [{}],
    ("get", "/api/v1/monitor/journeys"): [{}, {"params": {"q": CANARY}}, {"params": {"sort": "troubled"}}],
    ("get", "/api/v1/monitor/dead-letters"): [{}],
    ("post", "/api/v1/monitor/dead-letters/replay"): [{"json": {"all": True, "dry_run": True}}],
}
"""What tells of many things: the same to us before they had anything and after. Streams are listened to instead."""

AIMED: Final[dict[Operation, list[Asked]]] = {
    ("post", "/api/v1/samples"): [{}],
    ("post", "/api/v1/documents"): [{"data": {"collection": THEIR_SHELF}, "files": {"files": ("x.txt", b"ours")}}],
    ("put", "/api/v1/documents/{collection}/{name}"): [{"content": b"ours"}],
    ("get", "/api/v1/documents"): [{"params": {"collection": THEIR_SHELF}}, {"params": {"parent": "{document_id}"}}],
    ("get", "/api/v1/documents/{document_id}"): [{}],
    ("patch", "/api/v1/documents/{document_id}"): [{"json": {"name": "mine now", "metadata": {}}}],
    ("delete", "/api/v1/documents/{document_id}"): [{}],
    ("get", "/api/v1/documents/{document_id}/revisions"): [{}],
    ("get", "/api/v1/documents/{document_id}/chunks"): [{}],
    ("get", "/api/v1/documents/{document_id}/events"): [{}],
    ("get", "/api/v1/documents/{document_id}/content"): [{}, {"params": {"revision": 1}}],
    ("get", "/api/v1/documents/{document_id}/text"): [{}],
    ("get", "/api/v1/documents/{document_id}/tables"): [{}],
    ("get", "/api/v1/documents/{document_id}/pages/{number}"): [{"path": {"document_id": "{pdf}", "number": "1"}}],
    ("get", "/api/v1/documents/{document_id}/similar"): [{}],
    ("post", "/api/v1/documents/{document_id}/move"): [{"json": {"collection": OUR_SHELF}}],
    ("post", "/api/v1/documents/{document_id}/reprocess"): [{}],
    ("delete", "/api/v1/collections/{name}"): [{"path": {"name": THEIR_SHELF}}],
    ("get", "/api/v1/collections/{name}/removal"): [{"path": {"name": THEIR_SHELF}}],
    ("post", "/api/v1/evaluations"): [
        {
            "json": {
                "name": "ours",
                "collection": THEIR_SHELF,
                "questions": [{"id": "1", "text": "mill", "relevant": {"{document_id}": 1}}],
            }
        }
    ],
    ("get", "/api/v1/evaluations/{evaluation_id}"): [{}],
    ("get", "/api/v1/evaluations/{evaluation_id}/compare/{other_id}"): [{}],
    ("post", "/api/v1/search"): [{"json": {"query": "mill", "filters": {"collection": THEIR_SHELF}}}],
    ("get", "/api/v1/search"): [{"params": {"q": "mill", "collection": THEIR_SHELF}}],
    ("get", "/api/v1/search/suggest"): [{"params": {"q": "m", "collection": THEIR_SHELF}}],
    ("post", "/api/v1/chat"): [
        {"json": {"question": "mill?", "session": "{session}"}},
        {"json": {"question": "mill?", "collection": [OUR_SHELF, THEIR_SHELF]}},
    ],
    ("get", "/api/v1/chat/{session}"): [{}],
    ("delete", "/api/v1/chat/{session}"): [{}],
    ("get", "/api/v1/chat/{session}/messages"): [{}],
    ("get", "/api/v1/chat/{session}/messages/{message_id}/events"): [{}],
    ("post", "/api/v1/chat/{session}/messages/{message_id}/cancel"): [{}],
    ("post", "/api/v1/chat/{session}/messages/{message_id}/feedback"): [{"json": {"rating": "down"}}],
    ("get", "/api/v1/monitor/journeys/{document_id}"): [{}],
    ("post", "/api/v1/monitor/dead-letters/{letter_id}/replay"): [{}],
}
"""What names one thing of theirs: answered as if there were no such thing, or refused, as what is not there is."""

ENDLESS: Final = {("get", "/api/v1/monitor/stream"), ("get", "/api/v1/documents/events")}
"""Of those that are seen, what is listened to instead."""
