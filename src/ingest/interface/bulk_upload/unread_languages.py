"""What somebody should know who brings documents in a language that the embedding model does not read."""

from collections import Counter
from collections.abc import Sequence

import httpx

from ingest.interface.bulk_upload.outcome import Outcome


def unread_languages(client: httpx.Client, outcomes: Sequence[Outcome]) -> str | None:
    """A sentence, where documents are found by words alone; None where there are none, or nobody tells."""
    spoken = Counter(one.language for one in outcomes if one.status == "searchable" and one.language is not None)
    if not spoken:
        return None
    try:
        answer = client.get("/v1/models")
        (model,) = answer.json()["data"] if answer.is_success else ({},)
        unread = {language: count for language, count in spoken.items() if language not in model["languages"]}
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None  # a server without a model, or a key that may not ask
    if not unread:
        return None
    number, languages = sum(unread.values()), ", ".join(sorted(unread))
    documents = "document is" if number == 1 else "documents are"
    return (
        f"{number} {documents} in a language that the model {model['id']} does not read ({languages}): "
        "found by words alone, not by meaning. SEOGA_MODEL_NAME=multilingual-e5-small reads Korean and some ninety "
        "more: docs/models.md."
    )
