"""Packs give back what was put in, or nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.infrastructure.files.packs import pack, unpack

_TEXT = st.text(max_size=300).map(lambda text: json.dumps({"text": text * 3}).encode())
_CONTENTS = st.dictionaries(st.text(max_size=20), st.binary(max_size=300) | _TEXT, max_size=5)


@given(_CONTENTS)
def test_what_is_packed_is_unpacked(contents: dict[str, bytes]) -> None:
    assert unpack(pack(contents)) == contents


@given(_CONTENTS, st.data())
def test_a_changed_byte_or_a_missing_end_is_noticed(contents: dict[str, bytes], data: st.DataObject) -> None:
    raw = pack(contents)
    place = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :]
    for wrong in (changed, raw[:place]):
        with pytest.raises(ValueError, match="not what was written"):
            unpack(wrong)


def test_text_that_two_have_is_stored_once() -> None:
    text = " ".join(f"{number * 7919 % 10007}" for number in range(2_000))
    alone = len(pack({"parse": json.dumps({"text": text}).encode()}))
    both = len(pack({"parse": json.dumps({"text": text}).encode(), "chunk": json.dumps({"chunks": [text]}).encode()}))
    assert both < 1.1 * alone
