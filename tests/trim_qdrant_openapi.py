"""Makes tests/search/qdrant_openapi_*.json of Qdrant's published description (docs/redoc/<version>/openapi.json):

    python tests/trim_qdrant_openapi.py openapi.json tests/search/qdrant_openapi_1.18.json

Only what the index uses is kept, as JSON schemas: what may be null says so in its type, and an object has no other
fields than those it names, because the server ignores what it does not know and a wrong name would go unnoticed.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

_COLLECTION: Final = "/collections/{collection_name}"
OPERATIONS: Final = (
    "GET /",
    "GET /aliases",
    "POST /collections/aliases",
    "GET /collections",
    f"GET {_COLLECTION}",
    f"PUT {_COLLECTION}",
    f"PATCH {_COLLECTION}",
    f"DELETE {_COLLECTION}",
    f"PUT {_COLLECTION}/index",
    f"PUT {_COLLECTION}/points",
    f"POST {_COLLECTION}/points",
    f"POST {_COLLECTION}/points/delete",
    f"POST {_COLLECTION}/points/payload",
    f"POST {_COLLECTION}/points/batch",
    f"POST {_COLLECTION}/points/scroll",
    f"POST {_COLLECTION}/points/count",
    f"POST {_COLLECTION}/points/query/batch",
)
_WORDS: Final = (
    "description",
    "example",
    "examples",
    "title",
    "summary",
    "deprecated",
    "format",
    "default",
    "nullable",
)


def _schema(node: Any) -> Any:
    if isinstance(node, list):
        return [_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _schema(value) for key, value in node.items() if key not in _WORDS}
    if "properties" in node:
        # A field may be called as one of the words.
        kept["properties"] = {name: _schema(value) for name, value in node["properties"].items()}
        kept.setdefault("additionalProperties", False)
    if node.get("nullable"):
        kept = {"anyOf": [kept, {"type": "null"}]} if kept else {"type": "null"}
    return kept


def trimmed(published: dict[str, Any]) -> dict[str, Any]:
    """The operations with the schemas of their bodies, parameters' names and answers; and what those refer to."""
    schemas: dict[str, Any] = {}

    def collect(node: Any) -> None:
        if isinstance(node, list):
            for one in node:
                collect(one)
        elif isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name and name not in schemas:
                schemas[name] = _schema(published["components"]["schemas"][name])
                collect(schemas[name])
            collect(list(node.values()))

    operations = {}
    for operation in OPERATIONS:
        method, path = operation.split()
        described = published["paths"][path][method.lower()]
        body = described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        answer = described["responses"]["200"]["content"]["application/json"]["schema"]
        parameters = [one["name"] for one in described.get("parameters", ()) if one["in"] == "query"]
        operations[operation] = {"parameters": parameters, "body": _schema(body), "answer": _schema(answer)}
    collect(operations)
    about = published["info"]
    return {
        "source": f"docs/redoc/{about['version']}/openapi.json of https://github.com/qdrant/qdrant, "
        "trimmed by trim_qdrant_openapi.py",
        "version": about["version"],
        "license": "Apache-2.0",
        "operations": operations,
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(json.dumps(trimmed(json.loads(source.read_text())), separators=(",", ":")) + "\n")
