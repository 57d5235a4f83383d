"""Upload receipts: what Ingest writes, Search reads; nothing else is read."""

import base64
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.receipt import MOST_VERSIONS, read_receipt, write_receipt
from shared.kernel import DocumentId, InvalidInput, new_document_id

versions = st.tuples(st.uuids().map(lambda uuid: DocumentId(str(uuid))), st.integers(1, (1 << 62) - 1))


def packed(content: object, *, raw: bytes | None = None) -> str:
    return base64.urlsafe_b64encode(zlib.compress(raw or json.dumps(content).encode())).decode()


@given(st.lists(versions, max_size=20))
def test_receipts_come_back_as_they_went(given: list[tuple[DocumentId, int]]) -> None:
    token = write_receipt(given)
    assert token.isascii() and token.replace("-", "").replace("_", "").isalnum()
    assert read_receipt(token) == sorted(set(given))


def test_the_largest_receipt_is_read() -> None:
    most = [(new_document_id(), (1 << 62) - 1) for _ in range(MOST_VERSIONS)]
    assert len(read_receipt(write_receipt(most))) == MOST_VERSIONS


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_receipt(text)
    assert refused.value.specific_code == "invalid_after"


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(packed({"a": 1}), id="no list"),
        pytest.param(packed([["no-uuid", 1]]), id="no uuid"),
        pytest.param(packed([[new_document_id()]]), id="no pair"),
        pytest.param(packed([[new_document_id(), 0]]), id="version 0"),
        pytest.param(packed([[new_document_id(), True]]), id="no number"),
        pytest.param(packed([[new_document_id(), 1 << 62]]), id="too large a number"),
        pytest.param(packed([[1, 1]]), id="id is a number"),
        pytest.param(packed([[new_document_id(), 1]] * (MOST_VERSIONS + 1)), id="too many"),
        pytest.param(packed(None, raw=b" " * (5 << 20) + b"[]"), id="too long"),
        pytest.param(packed(None, raw=b"[" * 100_000), id="too deep"),
        pytest.param(packed([])[:-4], id="cut off"),
        pytest.param("\ud800", id="a lone surrogate"),
    ],
)
def test_wrong_versions_and_absurd_sizes_are_refused(token: str) -> None:
    assert read_receipt(packed([])) == []
    with pytest.raises(InvalidInput) as refused:
        read_receipt(token)
    assert refused.value.specific_code == "invalid_after"
