"""Envelopes: they round-trip whatever they carry, keep their cause, and are read by older and newer readers."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from builders import a_document_received, an_envelope
from shared.events.catalogue import decode
from shared.events.envelope import Envelope, caused_by, current_cause, current_envelope, handling, wrap
from shared.events.ingest import DocumentReceived
from shared.kernel import Refused

texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)
instants = st.datetimes(
    datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.sampled_from((UTC, timezone(timedelta(hours=9))))
)
envelopes = st.builds(
    Envelope,
    id=texts,
    name=texts,
    version=st.integers(1, 1000),
    topic=texts,
    key=texts,
    occurred_at=instants,
    correlation_id=texts,
    causation_id=st.none() | texts,
    producer=texts,
    payload=st.dictionaries(texts, values, max_size=5),
)


@given(envelopes)
def test_an_envelope_round_trips(envelope: Envelope) -> None:
    assert Envelope.from_json(envelope.to_json()) == envelope


@given(st.dictionaries(texts, values, max_size=4), st.integers(1, 10**9), st.integers(0, 2**60))
def test_an_event_round_trips_through_its_envelope(metadata: dict[str, Any], version: int, size: int) -> None:
    event = a_document_received(version=version, size=size)
    event = event.model_copy(update={"labels": event.labels.model_copy(update={"metadata": metadata})})
    envelope = Envelope.from_json(wrap(event, producer="ingest").to_json())
    assert decode(envelope) == event


def test_an_envelope_says_what_its_event_is() -> None:
    event = a_document_received()
    envelope = wrap(event, producer="ingest")
    assert (envelope.name, envelope.version, envelope.topic) == ("DocumentReceived", 1, "ingest.document.v1")
    assert (envelope.key, envelope.producer) == (event.document_id, "ingest")
    assert envelope.occurred_at.tzinfo is not None


def test_without_a_cause_an_event_is_its_own_beginning() -> None:
    envelope = an_envelope()
    assert (envelope.correlation_id, envelope.causation_id) == (envelope.id, None)


def test_the_cause_is_carried_along_and_put_back() -> None:
    with caused_by("outer"):
        with caused_by("request", "event"):
            envelope = an_envelope()
        assert an_envelope().correlation_id == "outer"
    assert (envelope.correlation_id, envelope.causation_id) == ("request", "event")
    assert current_cause() is None


def test_what_follows_a_handled_event_names_it_as_its_cause() -> None:
    first = an_envelope()
    with handling(first):
        assert current_envelope() == first
        second = an_envelope()
    assert (second.correlation_id, second.causation_id) == (first.correlation_id, first.id)
    assert current_envelope() is None


def test_fields_of_a_newer_writer_are_ignored() -> None:
    content = json.loads(an_envelope().to_json())
    content["new"] = 1
    content["payload"]["new"] = 2
    assert isinstance(decode(Envelope.from_json(json.dumps(content))), DocumentReceived)


@pytest.mark.parametrize("raw", [b"", b"\xff", b"null", b"[]", b"{}", b'{"id": 1}'])
def test_what_is_no_envelope_is_said_to_be_none(raw: bytes) -> None:
    with pytest.raises(ValidationError):
        Envelope.from_json(raw)


def test_unknown_names_versions_and_payloads_are_told_apart() -> None:
    envelope = an_envelope()
    with pytest.raises(Refused) as caught:
        decode(envelope.model_copy(update={"name": "SomethingNewer"}))
    assert caught.value.specific_code == "unknown_event"
    with pytest.raises(Refused) as caught:
        decode(envelope.model_copy(update={"version": 99}))
    assert caught.value.specific_code == "unknown_event"
    with pytest.raises(Refused) as caught:
        decode(envelope.model_copy(update={"payload": {}}))
    assert caught.value.specific_code == "bad_payload"
