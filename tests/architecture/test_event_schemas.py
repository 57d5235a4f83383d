"""What was stored yesterday is read today: committed schemas and samples of events and artefacts."""

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from architecture.write_event_schemas import (
    ARTEFACT_FOLDER,
    EVENT_FOLDER,
    STREAM_FOLDER,
    artefact_stem,
    breaking_changes,
    event_stem,
    lost_to_readers,
    schema_text,
    stream_schema_path,
    written,
)

from search.chat.domain.events import EventName
from search.chat.interface.event_shapes import STREAM_EVENTS, event_schema
from shared.artefacts.chunks import ChunkedDocument
from shared.artefacts.parsed import ParsedDocument
from shared.events.catalogue import EVENTS, decode
from shared.events.envelope import Envelope, Event

RENEW = (
    "If it only gained a field with a default: python -m tests.architecture.write_event_schemas; else a new version."
)
ARTEFACTS: tuple[type[ParsedDocument] | type[ChunkedDocument], ...] = (ParsedDocument, ChunkedDocument)


@pytest.mark.parametrize("event", EVENTS, ids=event_stem)
def test_an_event_has_the_committed_schema(event: type[Event]) -> None:
    committed = EVENT_FOLDER / f"{event_stem(event)}.schema.json"
    assert committed.exists(), f"{committed.name} is missing. {RENEW}"
    assert schema_text(event) == committed.read_text(encoding="utf-8"), f"{event.name} changed. {RENEW}"


@pytest.mark.parametrize("event", EVENTS, ids=event_stem)
def test_an_event_has_a_committed_sample(event: type[Event]) -> None:
    assert (EVENT_FOLDER / f"{event_stem(event)}.sample.json").exists(), RENEW


@pytest.mark.parametrize("sample", sorted(EVENT_FOLDER.glob("*.sample.json")), ids=lambda path: path.name)
def test_an_old_event_still_decodes(sample: Path) -> None:
    raw = sample.read_text(encoding="utf-8")
    envelope = Envelope.from_json(raw)
    event = decode(envelope)
    assert sample.name == f"{envelope.name}.v{envelope.version}.sample.json"
    assert (event.topic, event.key) == (envelope.topic, envelope.key)
    kept = event.model_dump(mode="json")
    assert {name: kept[name] for name in envelope.payload} == envelope.payload


@pytest.mark.parametrize("sample", sorted(EVENT_FOLDER.glob("*.sample.json")), ids=lambda path: path.name)
def test_an_old_event_fits_its_committed_schema(sample: Path) -> None:
    schema = json.loads(sample.with_name(sample.name.replace(".sample.", ".schema.")).read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(sample.read_text(encoding="utf-8"))["payload"], schema)


def test_names_and_topics_are_written_as_the_rules_say() -> None:
    for event in EVENTS:
        owner, _, rest = event.topic.partition(".")
        noun, _, version = rest.partition(".")
        assert owner in ("ingest", "process", "search", "chat", "monitor", "shared"), event.topic
        assert noun.isalpha() and version.startswith("v") and version[1:].isdigit(), event.topic
        assert event.name == event.__name__, "the wire name of an event is its class's name when it is first written"


@pytest.mark.parametrize("artefact", ARTEFACTS, ids=artefact_stem)
def test_an_artefact_has_the_committed_schema_and_its_old_sample_is_read(
    artefact: type[ParsedDocument] | type[ChunkedDocument],
) -> None:
    schema = ARTEFACT_FOLDER / f"{artefact_stem(artefact)}.schema.json"
    assert schema.exists(), RENEW
    assert schema_text(artefact) == schema.read_text(encoding="utf-8"), f"{artefact.__name__} changed. {RENEW}"
    raw = schema.with_name(f"{artefact_stem(artefact)}.sample.json").read_bytes()
    jsonschema.validate(json.loads(raw), json.loads(schema.read_text(encoding="utf-8")))
    assert json.loads(artefact.from_bytes(raw).to_bytes()) == json.loads(raw)


@pytest.mark.parametrize("sample", sorted(ARTEFACT_FOLDER.glob("*.sample.json")), ids=lambda path: path.name)
def test_an_older_artefact_still_reads(sample: Path) -> None:
    artefact = next(kind for kind in ARTEFACTS if sample.name.startswith(f"{kind.__name__}."))
    raw = json.loads(sample.read_bytes())
    kept = artefact.from_bytes(sample.read_bytes()).model_dump(mode="json")
    assert _part_of(raw, kept) == raw


def _part_of(raw: Any, kept: Any) -> Any:
    """What of `kept` is in `raw` too."""
    if isinstance(raw, dict):
        return {name: _part_of(value, kept[name]) for name, value in raw.items()}
    if isinstance(raw, list):
        return [_part_of(*pair) for pair in zip(raw, kept, strict=True)]
    return kept


@pytest.mark.parametrize("name", STREAM_EVENTS)
def test_an_event_of_an_answers_stream_has_the_committed_schema(name: EventName) -> None:
    committed = stream_schema_path(name)
    assert committed.exists(), f"{committed.name} is missing. {RENEW}"
    assert written(event_schema(name)) == committed.read_text(encoding="utf-8"), f"{name} changed. {RENEW}"


def test_streams_have_schemas_of_their_events_alone() -> None:
    names: tuple[EventName, ...] = get_args(EventName)
    assert {path.name for path in STREAM_FOLDER.iterdir()} == {stream_schema_path(name).name for name in names}


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ({"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a", "b"]}, "required now"),
        ({"properties": {}, "required": []}, "gone"),
        ({"properties": {"a": {"type": "string"}}, "required": ["a"]}, "another type"),
    ],
)
def test_a_change_that_old_events_do_not_survive_is_noticed(new: dict[str, Any], words: str) -> None:
    old = {"properties": {"a": {"type": "integer"}}, "required": ["a"]}
    assert words in " ".join(breaking_changes(old, new))


def test_a_new_field_with_a_default_keeps_the_version() -> None:
    old = {"properties": {"a": {"type": "integer"}}, "required": ["a"]}
    new = {"properties": {"a": {"type": "integer"}, "b": {"type": "string", "default": ""}}, "required": ["a"]}
    assert breaking_changes(old, new) == []


def test_clients_of_a_stream_may_be_given_more_and_never_less() -> None:
    old: dict[str, Any] = {"$defs": {"Cited": {"properties": {"page": {"type": "integer"}}, "required": ["page"]}}}
    more: dict[str, Any] = {
        "$defs": {"Cited": {"properties": {"page": {"type": "integer"}, "box": {}}, "required": ["page", "box"]}}
    }
    less: dict[str, Any] = {"$defs": {"Cited": {"properties": {}}}}
    assert lost_to_readers(old, more) == [] and lost_to_readers(old, less) == ["Cited: `page` is gone"]
