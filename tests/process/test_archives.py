"""Archives made here: members become parts, and what is built to do harm does none."""

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from process.infrastructure.parsers.draft import Unreadable
from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
ZIP = "application/zip"


def an_archive(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def locked(raw: bytes, name: str) -> bytes:
    """The member's flags say that it is encrypted."""
    changed = bytearray(raw)
    for magic, flags, name_at in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
        at = raw.find(magic)
        while at >= 0:
            if raw[at + name_at :].startswith(name.encode()):
                changed[at + flags] |= 1
            at = raw.find(magic, at + 1)
    return bytes(changed)


def paths(document: ParsedDocument) -> list[str]:
    return [part.path for part in document.parts]


def test_members_are_parts_and_their_names_the_text(parse_bytes: ParseBytes) -> None:
    raw = an_archive(
        {"보고서/1장.txt": b"one", "a.csv": b"x,y", "__MACOSX/._a": b"x", ".DS_Store": b"x", "empty/": b""}
    )
    document = parse_bytes(raw, ZIP)
    assert paths(document) == ["보고서/1장.txt", "a.csv"]
    assert document.text == "보고서/1장.txt\na.csv"
    assert document.warnings == ()


def test_names_in_cp949_are_korean(parse_bytes: ParseBytes) -> None:
    raw = an_archive({"XXXXXXXX.txt": b"one"}).replace(b"XXXXXXXX", "견적서류".encode("cp949"))
    assert paths(parse_bytes(raw, ZIP)) == ["견적서류.txt"]


def test_names_that_climb_stay_inside_and_links_are_left_out(parse_bytes: ParseBytes) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../etc/passwd", b"one")
        archive.writestr("/srv/absolute.txt", b"two")
        archive.writestr("C:\\windows\\x.txt", b"three")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, b"/etc/passwd")
    document = parse_bytes(packed.getvalue(), ZIP)
    assert paths(document) == ["etc/passwd", "srv/absolute.txt", "windows/x.txt"]
    assert document.warnings == ("Members that are links were left out (1): link.",)


def test_a_locked_or_damaged_member_leaves_the_good_ones(parse_bytes: ParseBytes) -> None:
    raw = an_archive({"good.txt": b"good", "secret.txt": b"secret", "broken.txt": b"broken words"}, zipfile.ZIP_STORED)
    raw = locked(raw, "secret.txt").replace(b"broken words", b"broken wordz", 1)
    document = parse_bytes(raw, ZIP)
    assert paths(document) == ["good.txt"]
    assert document.warnings == (
        "Members that are protected with a password were left out (1): secret.txt.",
        "Members that are damaged were left out (1): broken.txt.",
    )


def test_members_of_the_same_name_are_both_there(parse_bytes: ParseBytes) -> None:
    packed = io.BytesIO()
    with pytest.warns(UserWarning), zipfile.ZipFile(packed, "w") as archive:
        for content in (b"one", b"two", b"one"):
            archive.writestr("same.txt", content)
    assert paths(parse_bytes(packed.getvalue(), ZIP)) == ["same.txt", "same.txt"]


def a_bomb(size: int = 64 << 20) -> bytes:
    return an_archive({"bomb.txt": bytes(size)})


def overlapping() -> bytes:
    """Two entries of the directory lead to the same bytes."""
    raw = an_archive({"a.txt": b"words" * 100})
    directory = raw.index(b"PK\x01\x02")
    end = raw.index(b"PK\x05\x06")
    entry = raw[directory:end]
    tail = bytearray(raw[end:])
    struct.pack_into("<HHI", tail, 8, 2, 2, 2 * len(entry))
    return raw[:directory] + entry * 2 + bytes(tail)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: locked(an_archive({"secret.txt": b"x"}), "secret.txt"), "encrypted"),
        (lambda: an_archive({}), "no_text"),
        (lambda: an_archive({"a.txt": b"words" * 99})[:80], "corrupt"),
        (a_bomb, "too_large_inside"),
        (overlapping, "too_large_inside"),
        (lambda: an_archive(dict.fromkeys(map(str, range(20_001)), b"x"), zipfile.ZIP_STORED), "too_many_parts"),
    ],
    ids=["locked", "empty", "cut", "bomb", "overlapping", "many"],
)
def test_archives_that_are_refused_say_why(parse_bytes: ParseBytes, make: Callable[[], bytes], code: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        parse_bytes(make(), ZIP)
    assert refusal.value.data["code"] == code


def test_a_member_that_is_more_than_it_declares_is_left_out(parse_bytes: ParseBytes) -> None:
    raw = bytearray(an_archive({"good.txt": b"good", "liar.txt": b"words" * 1000}))
    at = raw.index(b"PK\x01\x02", raw.index(b"PK\x01\x02") + 1)
    struct.pack_into("<I", raw, at + 24, 10)
    document = parse_bytes(bytes(raw), ZIP)
    assert "good.txt" in paths(document)
    assert all(part.size <= 10 for part in document.parts)


def test_what_is_beyond_the_limits_is_a_warning(tmp_path: Any) -> None:
    from process.infrastructure.parser_child import read
    from process.infrastructure.parsers.parts import Parts

    path = tmp_path / "a.zip"
    path.write_bytes(an_archive({f"{number}.txt": b"%d words" % number for number in range(9)}))
    for parts, count in ((Parts(None, most=4, most_bytes=1 << 20), 4), (Parts(None, most=9, most_bytes=20), 2)):
        document = ParsedDocument.from_bytes(read(path, ZIP, most_characters=1_000, parts=parts))
        assert len(document.parts) == count
        assert any("the most that is taken apart" in warning for warning in document.warnings)
