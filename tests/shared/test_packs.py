"""Packs give back what was put in, or nothing."""

import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.infrastructure.files.packs import pack, unpack

_TEXT = st.text(max_size=300).map(lambda text: json.dumps({"text": text * 3}).encode())
_ORIGINALS = st.text(min_size=40, max_size=300).map(lambda text: (text * 3).encode()) | st.binary(max_size=300)
_CONTENTS = st.dictionaries(st.text(max_size=20), st.binary(max_size=300) | _TEXT, max_size=5)


@given(_CONTENTS)
def test_what_is_packed_is_unpacked(contents: dict[str, bytes]) -> None:
    assert unpack(pack(contents)) == contents


@given(_CONTENTS, _ORIGINALS)
def test_what_is_packed_beside_its_original_is_unpacked_with_it(contents: dict[str, bytes], original: bytes) -> None:
    assert unpack(pack(contents, original), lambda: original) == contents


def test_text_that_the_original_has_is_not_stored_again() -> None:
    text = " ".join(f"{number * 7919 % 10007}" for number in range(2_000))
    contents = {"parse": json.dumps({"text": text}).encode()}
    raw = pack(contents, text.encode())
    assert len(raw) < 0.1 * len(pack(contents))
    for other in (b"", text.encode()[1:]):
        with pytest.raises(ValueError, match="original"):
            unpack(raw, partial(bytes, other))


@pytest.mark.parametrize("original", [b"", bytes(range(256)), b"text " * 10_000], ids=["none", "no text", "too long"])
def test_an_original_that_does_not_help_is_not_needed(original: bytes) -> None:
    contents = {"parse": b'{"text":"' + b"text " * 1_000 + b'"}', "embed": bytes(range(256))}
    assert pack(contents, original) == pack(contents)


@given(_CONTENTS, _ORIGINALS, st.data())
def test_a_changed_byte_or_a_missing_end_is_noticed(
    contents: dict[str, bytes], original: bytes, data: st.DataObject
) -> None:
    raw = pack(contents, original)
    place = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :]
    for wrong in (changed, raw[:place]):
        with pytest.raises(ValueError, match="not what was written"):
            unpack(wrong, lambda: original)


def test_text_that_two_have_is_stored_once() -> None:
    text = " ".join(f"{number * 7919 % 10007}" for number in range(2_000))
    alone = len(pack({"parse": json.dumps({"text": text}).encode()}))
    both = len(pack({"parse": json.dumps({"text": text}).encode(), "chunk": json.dumps({"chunks": [text]}).encode()}))
    assert both < 1.1 * alone
