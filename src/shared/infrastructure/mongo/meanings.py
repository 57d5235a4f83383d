"""What MongoDB's answers mean to the rest of Seoga, and in which words people are told. Imports no driver."""

from collections.abc import Mapping
from typing import Any, Final

from shared.kernel import DomainError, StorageFull, Unavailable
from shared.settings import WrongSettings, without_credentials

# Codes of MongoDB's `error_codes.yml`.
NO_SUCH_PATH: Final = 28
IMMUTABLE: Final = 66
NOT_PRIMARY: Final = 10107
DUPLICATE: Final = 11000
_NOT_AUTHENTICATED: Final = frozenset((18, 8000))
_NOT_ALLOWED: Final = frozenset((13, 33, 31))
_READ_ONLY: Final = frozenset((NOT_PRIMARY, 13435, 11602, 189, 91))
_OTHER_OPTIONS: Final = frozenset((85, 86))
_NO_ROOM: Final = frozenset((14031,))


class Duplicate(DomainError):
    """A unique index holds these values already; nothing was written."""

    code = "duplicate_key"
    title = "Exists already"


def meaning_of(where: str, code: int | None, words: str, *, late: bool = False) -> DomainError:
    """Of an answer that is an error: its code and the server's own words."""
    if code == DUPLICATE:
        return Duplicate(f"{where} refused a second of what is unique.")
    if code in _NOT_AUTHENTICATED:
        return Unavailable(f"{where} does not accept the user or password in the URL.", code="wrong_credentials")
    if code in _NOT_ALLOWED:
        return Unavailable(
            f"{where}: this user may not do what is needed; give it `readWrite` on the database.", code="not_allowed"
        )
    if code in _OTHER_OPTIONS:
        return WrongSettings(
            f"{where} has an index of the same name or keys with other options: {words} "
            "Drop that index, or choose another database in the URL."
        )
    if code in _READ_ONLY:
        return Unavailable(f"{where} takes no writes now (read-only, or electing a primary): {words}", code="read_only")
    if code in _NO_ROOM:
        return StorageFull(f"{where} has no room left on its disk.")
    if late:
        return Unavailable(f"{where} did not answer in time.", code="timeout")
    return Unavailable(f"{where} failed: {words}")


def of_another(where: str, database: str, mine: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Says that the database belongs to another installation, by what differs."""
    return (
        f"MongoDB ({where}, SEOGA_STORE_URL): the database {database!r} belongs to another installation. "
        f"There: {_listed(theirs)}; here: {_listed(mine)}. "
        "Name another database at the end of SEOGA_STORE_URL, or give this process the settings of the others."
    )


def shown(url: str) -> str:
    """The URL without what is secret, also where it is so wrong that it cannot be taken apart."""
    scheme, _, rest = url.partition("://")
    return without_credentials(f"{scheme}://{rest.rpartition('@')[2]}")


def wrong_url(url: str, error: Exception) -> str:
    """Why the driver does not take a URL; its own words only where they cannot quote a part of a password."""
    if "@" in url:
        return "it is no MongoDB URL. In user and password, / : @ ? # [ ] % are %2F %3A %40 %3F %23 %5B %5D %25."
    return str(error)


def first_line(error: BaseException) -> str:
    """The driver's words without the long list of servers that it appends."""
    words = str(error) or type(error).__name__
    return words.split(", Timeout:")[0].split(", full error:")[0].splitlines()[0][:300]


def index_of(details: Any) -> str:
    """What a unique index refused, by its fields."""
    keys = (details or {}).get("keyPattern") or {}
    return ", ".join(keys) or "document of the same key"


def first_code(details: Any) -> int | None:
    """Of a bulk write that failed: the code of its first failure, of a duplicate only where nothing else failed."""
    found = details or {}
    codes = [error.get("code") for name in ("writeErrors", "writeConcernErrors") for error in found.get(name) or ()]
    code = next((one for one in codes if one != DUPLICATE), DUPLICATE if codes else None)
    return code if isinstance(code, int) else None


def _listed(identity: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in identity.items())
