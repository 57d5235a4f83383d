"""OpenDocument and HWPX files with a password: zips whose members are encrypted, opened in memory.

After OpenDocument 1.2 part 3, section 3.4, and KS X 6101 (OWPML), chapter 15: a key for each member from a hash of the
password, AES in CBC. LibreOffice since 24.2 encrypts the whole package as one member: Argon2id, AES in GCM.
"""

import base64
import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Final

from shared.infrastructure.damaged_zips import UNREADABLE_MEMBER

_MANIFEST: Final = "META-INF/manifest.xml"
_MARK: Final = b"encryption-data"
_WHOLE: Final = "encrypted-package"
_MOST_BYTES: Final = 200 << 20
"""Of all members together, unpacked: as many as readers of office files accept."""
_MOST_MANIFEST: Final = 16 << 20
_MOST_ROUNDS: Final = 5_000_000
_MOST_PASSES: Final = 50
_MOST_KIB: Final = 256 << 10
_MOST_LANES: Final = 16
_BLOCK: Final = 16
_NONCE: Final = 12
_CHECKED: Final = 1024
"""Bytes of a member, packed, that its checksum is of."""


def is_locked(path: Path) -> bool:
    """Whether it is such a package."""
    return _manifest(path) is not None


def unlock(path: Path, password: str, out: BinaryIO) -> bool:
    """Writes the package as it is without its password; False where it has another one.

    Raises ValueError for what is encrypted in another way (Blowfish, keys of people), damaged or too large.
    """
    manifest = _manifest(path)
    if manifest is None:
        raise ValueError("it has no password")
    try:
        root = _tree(manifest)
        locks = _locks(root)
        with zipfile.ZipFile(path) as archive:
            if _WHOLE in locks:
                whole = _opened(archive.read(_WHOLE), locks[_WHOLE], password, _MOST_BYTES)
                out.write(whole or b"")
                return whole is not None
            return _write_opened(archive, locks, root, password, out)
    except (*UNREADABLE_MEMBER, TypeError) as error:
        raise ValueError(f"it cannot be opened: {error!r}") from error


def _write_opened(archive: zipfile.ZipFile, locks: Mapping[str, Any], root: Any, password: str, out: BinaryIO) -> bool:
    left = _MOST_BYTES
    with zipfile.ZipFile(out, "w") as opened:
        for member in archive.infolist():
            if member.file_size > left:
                raise ValueError("it unpacks to too much")
            content: bytes | None = archive.read(member)
            if member.filename in locks:
                content = _opened(content or b"", locks[member.filename], password, left)
                if content is None:
                    return False
            elif member.filename == _MANIFEST:
                content = _unmarked(root)
            left -= len(content or b"")
            opened.writestr(member.filename, content or b"")
    return True


def _manifest(path: Path) -> bytes | None:
    """Where it says that members are encrypted."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_MANIFEST) as file:
            raw = file.read(_MOST_MANIFEST)
    except (*UNREADABLE_MEMBER, ValueError):
        return None
    return raw if _MARK in raw else None


def _tree(raw: bytes) -> Any:
    from lxml import etree

    try:
        return etree.fromstring(raw, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except etree.XMLSyntaxError as error:
        raise ValueError("its manifest is no XML") from error


def _locks(root: Any) -> dict[str, Any]:
    """By member, the element that says how it is encrypted."""
    found = {}
    for entry in root.iter("{*}file-entry"):
        lock = next(entry.iter("{*}encryption-data"), None)
        if lock is not None:
            found[_said(entry, "full-path").lstrip("/")] = lock
    return found


def _unmarked(root: Any) -> bytes:
    from lxml import etree

    for lock in list(root.iter("{*}encryption-data")):
        lock.getparent().remove(lock)
    raw: bytes = etree.tostring(root)
    return raw


def _opened(encrypted: bytes, lock: Any, password: str, most: int) -> bytes | None:
    """A member as it is; None where the password is another."""
    parts = {name: next(lock.iter(f"{{*}}{name}"), None) for name in ("algorithm", "key-derivation")}
    if any(part is None for part in parts.values()):
        raise ValueError("it does not say how it is encrypted")
    algorithm = _said(parts["algorithm"], "algorithm-name").lower()
    start = next(lock.iter("{*}start-key-generation"), None)
    hashed = _said(start, "start-key-generation-name").lower() if start is not None else "sha1"
    size = int(_said(parts["key-derivation"], "key-size") or (16 if start is None else 32))
    key = _key(_start_key(hashed, password), _told(parts["key-derivation"]), size)
    nonce = base64.b64decode(_said(parts["algorithm"], "initialisation-vector"))
    if algorithm.endswith("-gcm"):
        packed = _from_gcm(encrypted, key, nonce)
    elif algorithm.endswith("-cbc") and "aes" in algorithm:
        packed = _from_cbc(encrypted, key, nonce)
        if packed is not None and not _is_as_summed(packed, lock):
            packed = None
    else:
        raise ValueError(f"it is encrypted with {algorithm[:80]}")
    return None if packed is None else _unpacked(packed, most)


def _start_key(name: str, password: str) -> bytes:
    kind = "sha256" if "sha256" in name else "sha1" if "sha1" in name else ""
    return hashlib.new(kind, password.encode()).digest()


@lru_cache(maxsize=64)
def _key(start: bytes, told: tuple[tuple[str, str], ...], size: int) -> bytes:
    """The same for members of one salt. Numbers come from the file, so none is taken that would cost too much."""
    said = dict(told)
    name, salt = said["key-derivation-name"].lower(), base64.b64decode(said["salt"])
    if size not in (16, 24, 32):
        raise ValueError(f"its key has {size} bytes")
    if name.endswith("argon2id"):
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

        passes, kib, lanes = (int(said[f"argon2-{what}"]) for what in ("iterations", "memory", "lanes"))
        if passes > _MOST_PASSES or kib > _MOST_KIB or lanes > _MOST_LANES:
            raise ValueError("its key takes too much to make")
        return Argon2id(salt=salt, length=size, iterations=passes, lanes=lanes, memory_cost=kib).derive(start)
    rounds = int(said["iteration-count"])
    if "pbkdf2" not in name or rounds > _MOST_ROUNDS:
        raise ValueError(f"its key is made with {name[:80]}")
    return hashlib.pbkdf2_hmac("sha1", start, salt, rounds, size)


def _from_cbc(encrypted: bytes, key: bytes, nonce: bytes) -> bytes | None:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if not encrypted or len(encrypted) % _BLOCK:
        raise ValueError("a member is cut")
    reader = Cipher(algorithms.AES(key), modes.CBC(nonce)).decryptor()
    plain = reader.update(encrypted) + reader.finalize()
    # As XML Encryption pads: the last byte says how many there are, the others say nothing.
    return plain[: -plain[-1]] if 1 <= plain[-1] <= _BLOCK else None


def _from_gcm(encrypted: bytes, key: bytes, nonce: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    # XML Encryption has the nonce before the text as well as the manifest has it.
    texts = [encrypted[_NONCE:], encrypted] if encrypted.startswith(nonce[:_NONCE]) else [encrypted]
    for text in texts:
        try:
            return AESGCM(key).decrypt(nonce[:_NONCE], text, None)
        except InvalidTag:
            continue
    return None


def _is_as_summed(packed: bytes, lock: Any) -> bool:
    kind, wanted = _said(lock, "checksum-type").lower(), _said(lock, "checksum")
    if not wanted:
        return True  # whether it unpacks tells
    name = "sha256" if "sha256" in kind else "sha1"
    summed = packed[:_CHECKED] if kind.endswith("1k") else packed
    return hashlib.new(name, summed).digest() == base64.b64decode(wanted)


def _unpacked(packed: bytes, most: int) -> bytes:
    if packed.startswith(b"PK\x03\x04"):
        return packed
    content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most + 1)
    if len(content) > most:
        raise ValueError("it unpacks to too much")
    return content


def _told(element: Any) -> tuple[tuple[str, str], ...]:
    """Attributes by their names without a namespace."""
    return tuple((str(name).rpartition("}")[2], str(value)) for name, value in element.attrib.items())


def _said(element: Any, name: str) -> str:
    return dict(_told(element)).get(name, "")
