"""Office files with a password, opened in memory: for the child processes that read them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

_OLE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_ZIP: Final = b"PK"


class WrongPassword(Exception):
    """It does not open the file."""


@contextmanager
def unlocked(path: Path, password: str | None) -> Iterator[Path]:
    """The file as it is without its password: Word, Excel and PowerPoint of all years (MS-OFFCRYPTO), OpenDocument and
    HWPX. Others stay what they are.

    What is unlocked has no place on any disk. Raises WrongPassword.
    """
    unlock = None if password is None else _opener_of(path)
    if password is None or unlock is None:
        yield path
        return
    descriptor = os.memfd_create("seoga-unlocked")
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as out:
            is_unlocked = unlock(path, password, out)
        # Where it is not, who reads it says what it is.
        yield Path(f"/proc/self/fd/{descriptor}") if is_unlocked else path
    finally:
        os.close(descriptor)


def _opener_of(path: Path) -> Callable[[Path, str, BinaryIO], bool] | None:
    """Writes it as it is without a password; False where that is not in its power. Raises WrongPassword."""
    with path.open("rb") as file:
        beginning = file.read(len(_OLE))
    if beginning == _OLE:
        return _unlock_office
    return _unlock_package if beginning.startswith(_ZIP) else None


def _unlock_office(path: Path, password: str, out: BinaryIO) -> bool:
    import msoffcrypto
    from msoffcrypto.exceptions import DecryptionError, FileFormatError, InvalidKeyError, ParseError

    try:
        with path.open("rb") as file:
            office: Any = msoffcrypto.OfficeFile(file)
            if not office.is_encrypted():
                return False
            office.load_key(password=password)
            office.decrypt(out)
    except InvalidKeyError as error:
        raise WrongPassword from error
    except (FileFormatError, ParseError, DecryptionError, NotImplementedError):
        return False
    return True


def _unlock_package(path: Path, password: str, out: BinaryIO) -> bool:
    from shared.infrastructure.package_unlocking import is_locked, unlock

    if not is_locked(path):
        return False
    try:
        is_unlocked = unlock(path, password, out)
    except ValueError:
        return False
    if not is_unlocked:
        raise WrongPassword
    return True
