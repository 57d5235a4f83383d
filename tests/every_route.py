"""What the OpenAPI document has, for tests that must not forget a route."""

import re
from collections.abc import Mapping
from typing import Any, Final

import httpx

Operation = tuple[str, str]
"""Method in small letters, and path with its parameters in braces."""
NO_ID: Final = "6f1c2f4e-9c1d-4c57-9d3e-0d5f0a1b2c3d"
"""Of nothing."""
_METHODS: Final = ("get", "post", "put", "patch", "delete")


def bearer(key: str) -> dict[str, str]:
    """The header that shows this key."""
    return {"Authorization": f"Bearer {key}"}


def described(client: httpx.Client, headers: Mapping[str, str] | None = None) -> dict[Operation, dict[str, Any]]:
    """Every operation with what the document says of it."""
    document = client.get("/api/v1/openapi.json", headers=headers).raise_for_status().json()
    return {
        (method, path): told
        for path, methods in document["paths"].items()
        for method, told in methods.items()
        if method in _METHODS
    }


def filled(path: str, values: Mapping[str, str]) -> str:
    """The path with its parameters; those that `values` has not are the id of nothing."""
    return re.sub(r"\{([^}]+)\}", lambda one: values.get(one[1], NO_ID), path)


def parameters(path: str) -> list[str]:
    """The names of a path's parameters."""
    return re.findall(r"\{([^}]+)\}", path)
