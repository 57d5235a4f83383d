"""A stand-in for a Qdrant server: it writes down what it is asked and answers in Qdrant's form, without searching.

It stands for somebody else's program, so that requests can be looked at where there is no server. What is found, and
how well, is proven on a real one only (marker `servers`).
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_COLLECTION = re.compile(r"/collections/(?!aliases$)[^/]+")


@dataclass(frozen=True)
class Request:
    """One that came."""

    operation: str
    """Method and path as in the published description."""
    parameters: tuple[str, ...]
    key: str | None
    body: Any
    answer: Any
    """What it was answered; None: an error."""


@dataclass
class QdrantStandIn:
    """What it knows, and how it is to behave."""

    version: str = "1.18.3"
    title: str = "qdrant - vector search engine"
    key: str | None = None
    trouble: tuple[int, str] | None = None
    """A status and a message that everything is answered with."""
    loses: set[str] = field(default_factory=set)
    """Operations whose next answer is lost after the work is done; of aliases: the kind of change."""
    requests: list[Request] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    collections: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each was created with, and `points`, `indexes`."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"qdrant://127.0.0.1:{self.port}"

    def operations(self) -> set[str]:
        return {request.operation for request in self.requests}

    def answer(self, operation: str, name: str, body: Any) -> Any:
        """The `result`; raises KeyError for what is not there."""
        if operation == "GET /aliases":
            named = [{"alias_name": alias, "collection_name": of} for alias, of in self.aliases.items()]
            return {"aliases": named}
        if operation == "POST /collections/aliases":
            for action in body["actions"]:
                self._change_alias(action)
            return True
        if operation == "GET /collections":
            return {"collections": [{"name": one} for one in self.collections]}
        if operation == "PUT /collections/{collection_name}":
            if name in self.collections:
                raise FileExistsError(f"Wrong input: Collection `{name}` already exists!")
            self.collections[name] = {**body, "points": {}, "indexes": {}}
            return True
        if operation == "DELETE /collections/{collection_name}":
            self.aliases = {alias: of for alias, of in self.aliases.items() if of != name}
            return self.collections.pop(name, None) is not None
        collection = self.collections[self.aliases.get(name, name)]
        match operation.removeprefix("GET ").removeprefix("PUT ").removeprefix("POST ").removeprefix("PATCH "):
            case "/collections/{collection_name}" if operation.startswith("GET"):
                return _info(collection)
            case "/collections/{collection_name}":
                collection["metadata"] |= body.get("metadata", {})
                collection |= {key: value for key, value in body.items() if key in ("hnsw_config",)}
                return True
            case "/collections/{collection_name}/index":
                collection["indexes"][body["field_name"]] = body["field_schema"]
            case "/collections/{collection_name}/points" if operation.startswith("PUT"):
                only_new = "update_filter" in body
                for point in body["points"]:
                    if not (only_new and point["id"] in collection["points"]):
                        collection["points"][point["id"]] = point
            case "/collections/{collection_name}/points":
                return [_record(collection["points"][one]) for one in body["ids"] if one in collection["points"]]
            case "/collections/{collection_name}/points/scroll":
                ids = sorted(one for one in collection["points"] if one >= (body.get("offset") or ""))
                page, following = ids[: body["limit"]], ids[body["limit"] :]
                records = [_record(collection["points"][one]) for one in page]
                return {"points": records, "next_page_offset": following[0] if following else None}
            case "/collections/{collection_name}/points/count":
                return {"count": len(collection["points"])}
            case "/collections/{collection_name}/points/query/batch":
                points = [collection["points"][one] for one in sorted(collection["points"])]
                return [{"points": [_scored(one) for one in points[: ask["limit"]]]} for ask in body["searches"]]
            case "/collections/{collection_name}/points/batch":
                return [{"operation_id": 1, "status": "completed"} for _ in body["operations"]]
        return {"operation_id": 1, "status": "completed"}

    def _change_alias(self, action: dict[str, Any]) -> None:
        ((kind, given),) = action.items()
        if kind == "create_alias":
            if given["collection_name"] not in self.collections:
                raise KeyError(given["collection_name"])
            if given["alias_name"] in self.collections:
                raise FileExistsError(f"Wrong input: Collection `{given['alias_name']}` already exists!")
            self.aliases[given["alias_name"]] = given["collection_name"]
        elif kind == "delete_alias":
            self.aliases.pop(given["alias_name"], None)
        else:
            self.aliases[given["new_alias_name"]] = self.aliases.pop(given["old_alias_name"])


def _info(collection: dict[str, Any]) -> dict[str, Any]:
    hnsw = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000, **collection.get("hnsw_config", {})}
    parameters = ("vectors", "sparse_vectors", "shard_number", "replication_factor", "write_consistency_factor")
    return {
        "status": "green",
        "optimizer_status": "ok",
        "segments_count": 2,
        "points_count": len(collection["points"]),
        "config": {
            "params": {name: collection[name] for name in parameters if name in collection},
            "hnsw_config": hnsw,
            "optimizer_config": {
                "deleted_threshold": 0.2,
                "vacuum_min_vector_number": 1000,
                "default_segment_number": 0,
                "flush_interval_sec": 5,
            },
            "quantization_config": collection.get("quantization_config"),
            "metadata": collection.get("metadata"),
        },
        "payload_schema": {
            one: {"data_type": schema if isinstance(schema, str) else schema["type"], "points": 0}
            for one, schema in collection["indexes"].items()
        },
    }


def _record(point: dict[str, Any]) -> dict[str, Any]:
    return {"id": point["id"], "payload": point["payload"], "vector": point["vector"]}


def _scored(point: dict[str, Any]) -> dict[str, Any]:
    return {"id": point["id"], "version": 1, "score": 0.5, "payload": point["payload"]}


@contextmanager
def a_qdrant_stand_in(port: int = 0, **how: Any) -> Iterator[QdrantStandIn]:
    """Listening until the block is left."""
    stand_in = QdrantStandIn(**how)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer is one packet: two would wait 40 ms for each other.
        wbufsize = -1
        disable_nagle_algorithm = True

        def respond(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = json.loads(body) if body else None
            operation = f"{self.command} {_COLLECTION.sub('/collections/{collection_name}', parts.path) or '/'}"
            key = self.headers.get("api-key")
            status, answer = self._answer(operation, parts.path, key, asked)
            parameters = tuple(name for name, _ in parse_qsl(parts.query))
            given = answer if status == 200 else None
            stand_in.requests.append(Request(operation, parameters, key, asked, given))
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = respond  # noqa: N815  # what http.server calls them

        def _answer(self, operation: str, path: str, key: str | None, asked: Any) -> tuple[int, Any]:
            if operation == "GET /":
                return 200, {"title": stand_in.title, "version": stand_in.version, "commit": "0" * 40}
            if key != stand_in.key:
                return 401, {"status": {"error": "Must provide an API key or an Authorization bearer token"}}
            if stand_in.trouble is not None:
                return stand_in.trouble[0], {"status": {"error": stand_in.trouble[1]}, "time": 0.0}
            try:
                name = (path.split("/") + [""] * 2)[2]
                result = stand_in.answer(operation, name, asked)
            except KeyError as error:
                return 404, {
                    "status": {"error": f"Not found: Collection `{error.args[0]}` doesn't exist!"},
                    "time": 0.0,
                }
            except FileExistsError as error:
                return 409, {"status": {"error": str(error)}, "time": 0.0}
            kinds = {kind for action in (asked or {}).get("actions", ()) for kind in action} | {operation}
            if kinds & stand_in.loses:
                stand_in.loses -= kinds
                return 503, {"status": {"error": "Service unavailable"}, "time": 0.0}
            return 200, {"result": result, "status": "ok", "time": 0.001}

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", port), Handler) as server:
        stand_in.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join()
