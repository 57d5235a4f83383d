"""OpenDocument and HWPX files with a password, written as office programs do."""

import base64
import hashlib
import os
import zipfile
import zlib
from io import BytesIO

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

ODT = "application/vnd.oasis.opendocument.text"
MANIFEST = "META-INF/manifest.xml"
_NAMESPACES = (
    'xmlns="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" '
    'xmlns:loext="urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0"'
)
_ROUNDS = 1_000


def an_odt(text: str, picture: bytes) -> bytes:
    content = (
        '<o:document-content xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:t="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'xmlns:d="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:x="http://www.w3.org/1999/xlink">'
        f'<o:body><o:text><t:p>{text}</t:p><t:p><d:frame><d:image x:href="Pictures/one.png"/></d:frame></t:p>'
        "</o:text></o:body></o:document-content>"
    )
    return a_zip({"mimetype": ODT.encode(), "content.xml": content.encode(), "Pictures/one.png": picture})


def a_zip(members: dict[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def locked_by_members(package: bytes, password: str, *, cipher: str = "aes256-cbc", size: int = 32) -> bytes:
    """Each member for itself, as OpenDocument 1.2 has it."""
    start = hashlib.sha256(password.encode()).digest()
    members, entries = {}, []
    for name, content in _members(package).items():
        if name in ("mimetype", MANIFEST):
            members[name] = content
            continue
        salt, nonce = os.urandom(16), os.urandom(16)
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(content) + packer.flush()
        padding = 16 - len(packed) % 16
        padded = packed + os.urandom(padding - 1) + bytes([padding])
        key = hashlib.pbkdf2_hmac("sha1", start, salt, _ROUNDS, size)
        writer = Cipher(algorithms.AES(key), modes.CBC(nonce)).encryptor()
        members[name] = writer.update(padded) + writer.finalize()
        entries.append(
            f'<file-entry full-path="{name}" size="{len(content)}"><encryption-data checksum-type="urn:oasis:names:tc:'
            f'opendocument:xmlns:manifest:1.0#sha256-1k" checksum="{_text(hashlib.sha256(packed[:1024]).digest())}">'
            f'<algorithm algorithm-name="http://www.w3.org/2001/04/xmlenc#{cipher}" '
            f'initialisation-vector="{_text(nonce)}"/><key-derivation key-derivation-name="PBKDF2" key-size="{size}" '
            f'iteration-count="{_ROUNDS}" salt="{_text(salt)}"/><start-key-generation '
            'start-key-generation-name="http://www.w3.org/2000/09/xmldsig#sha256" key-size="32"/>'
            "</encryption-data></file-entry>"
        )
    members[MANIFEST] = f"<manifest {_NAMESPACES}>{''.join(entries)}</manifest>".encode()
    return a_zip(members)


def locked_as_a_whole(package: bytes, password: str, *, nonce_before: bool = True, kib: int = 1_024) -> bytes:
    """As LibreOffice does by default since 24.8."""
    salt, nonce = os.urandom(16), os.urandom(12)
    start = hashlib.sha256(password.encode()).digest()
    key = Argon2id(salt=salt, length=32, iterations=2, lanes=2, memory_cost=1_024).derive(start)
    encrypted = AESGCM(key).encrypt(nonce, package, None)
    manifest = (
        f'<manifest {_NAMESPACES}><file-entry full-path="encrypted-package" size="{len(package)}"><encryption-data>'
        '<algorithm algorithm-name="http://www.w3.org/2009/xmlenc11#aes256-gcm" '
        f'initialisation-vector="{_text(nonce)}"/><key-derivation key-derivation-name="urn:org:documentfoundation:'
        f'names:experimental:office:manifest:argon2id" key-size="32" loext:argon2-iterations="2" '
        f'loext:argon2-memory="{kib}" loext:argon2-lanes="2" salt="{_text(salt)}"/><start-key-generation '
        'start-key-generation-name="http://www.w3.org/2001/04/xmlenc#sha256" key-size="32"/>'
        "</encryption-data></file-entry></manifest>"
    )
    whole = nonce + encrypted if nonce_before else encrypted
    return a_zip({"mimetype": ODT.encode(), "encrypted-package": whole, MANIFEST: manifest.encode()})


def _members(package: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(package)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
