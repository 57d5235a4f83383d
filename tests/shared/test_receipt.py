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
        packed({"a": 1}),
        packed([["no-uuid", 1]]),
        packed([[new_document_id()]]),
        packed([[new_document_id(), 0]]),
        packed([[new_document_id(), True]]),
        packed([[new_document_id(), 1 << 62]]),
        packed([[1, 1]]),
        packed([[new_document_id(), 1]] * (MOST_VERSIONS + 1)),
        packed(None, raw=b" " * (5 << 20) + b"[]"),
        packed(None, raw=b"[" * 100_000),
        packed([])[:-4],
        "\ud800",
    ],
    ids=lambda token: f"{token[:16]!r} of {len(token)}",
)
def test_wrong_versions_and_absurd_sizes_are_refused(token: str) -> None:
    assert read_receipt(packed([])) == []
    with pytest.raises(InvalidInput) as refused:
        read_receipt(token)
    assert refused.value.specific_code == "invalid_after"
