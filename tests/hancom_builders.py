"""HWPX and HWP 5 files made here, part by part and record by record."""

import io
import struct
import zipfile
import zlib

from ole_builder import an_ole_file

HWP, HWPX = "application/x-hwp", "application/hwp+zip"
NAMESPACES = " ".join(
    f'xmlns:{prefix}="http://www.hancom.co.kr/hwpml/2011/{name}"'
    for prefix, name in (("hp", "paragraph"), ("hs", "section"), ("hh", "head"))
)


def an_hwpx(body: str, head: str = "", **more: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("mimetype", "application/hwp+zip")
        archive.writestr("Contents/content.hpf", "<package/>")
        archive.writestr("Contents/header.xml", f"<hh:head {NAMESPACES}>{head}</hh:head>")
        archive.writestr("Contents/section0.xml", f"<hs:sec {NAMESPACES}>{body}</hs:sec>")
        for name, content in more.items():
            archive.writestr(name, content)
    return packed.getvalue()


def a_line(text: str, attributes: str = "") -> str:
    return f"<hp:p {attributes}><hp:run><hp:t>{text}</hp:t></hp:run></hp:p>"


def a_record(tag: int, level: int, data: bytes = b"") -> bytes:
    if len(data) < 0xFFF:
        return struct.pack("<I", tag | level << 10 | len(data) << 20) + data
    return struct.pack("<II", tag | level << 10 | 0xFFF << 20, len(data)) + data


def an_hwp_line(text: str, level: int = 0, *, controls: int = 0, shape: int = 0, style: int = 0) -> bytes:
    header = struct.pack("<IIHB", 1, 0, shape, style).ljust(22, b"\0")
    inside = "".join("\x0b\0\0\0\0\0\0\x0b" for _ in range(controls))
    return a_record(66, level, header) + a_record(67, level + 1, (text + inside + "\r").encode("utf-16-le"))


def a_control(kind: bytes, level: int, *inside: bytes) -> bytes:
    return a_record(71, level, kind[::-1].ljust(20, b"\0")) + b"".join(inside)


def a_list(level: int, cell: tuple[int, ...] = ()) -> bytes:
    return a_record(72, level, bytes(8) + struct.pack(f"<{len(cell)}H", *cell).ljust(24, b"\0"))


def an_hwp(*lines: bytes, flags: int = 1, info: bytes = b"") -> bytes:
    packing = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packing.compress(b"".join(lines)) + packing.flush()
    packing = zlib.compressobj(9, zlib.DEFLATED, -15)
    described = packing.compress(info) + packing.flush()
    header = b"HWP Document File".ljust(32, b"\0") + struct.pack("<II", 0x05000300, flags)
    return an_ole_file({"FileHeader": header, "DocInfo": described, "BodyText/Section0": body})
