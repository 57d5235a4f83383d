"""Ways to reach a person: what a channel is, what its settings must be, and which of them are secrets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from shared.kernel import FieldError, InvalidInput

SettingValue = str | int | tuple[str, ...]
Settings = Mapping[str, SettingValue]


class ChannelKind(StrEnum):
    """How it is sent."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    SLACK = "slack"
    """Whatever takes Slack's incoming webhooks: Mattermost and Rocket.Chat too."""


class Language(StrEnum):
    """Which messages are written in."""

    ENGLISH = "en"
    KOREAN = "ko"


class Security(StrEnum):
    """Of a connection to a mail server."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


_NAME: Final = re.compile(r"[\w.-]{1,64}")
_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"\x00-\x1f]{1,64}@[^\s@<>,;:\"\x00-\x1f]{1,255}")
_MAIL_PORTS: Final = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}
_COMMON: Final[dict[str, type]] = {"language": str, "per_minute": int}
_FIELDS: Final[Mapping[ChannelKind, dict[str, type]]] = {
    ChannelKind.EMAIL: {
        "host": str,
        "port": int,
        "security": str,
        "username": str,
        "password": str,
        "sender": str,
        "recipients": tuple,
        **_COMMON,
    },
    ChannelKind.WEBHOOK: {"url": str, "secret": str, **_COMMON},
    ChannelKind.SLACK: {"url": str, **_COMMON},
}
SECRETS: Final[Mapping[ChannelKind, frozenset[str]]] = {
    ChannelKind.EMAIL: frozenset(("password",)),
    ChannelKind.WEBHOOK: frozenset(("secret",)),
    # Whoever knows the address may write to the room.
    ChannelKind.SLACK: frozenset(("url",)),
}
"""Settings that can be written and never read."""
_BOUND_TO: Final[Mapping[ChannelKind, tuple[str, ...]]] = {
    ChannelKind.EMAIL: ("host", "port", "security", "username"),
    ChannelKind.WEBHOOK: ("url",),
    ChannelKind.SLACK: (),
}
"""A secret is kept while these stay as they are: else whoever may change a channel could have it sent to himself."""
_SHORTEST_SECRET: Final = 16
_MOST_RECIPIENTS: Final = 50
_PER_MINUTE: Final = 20


@dataclass(frozen=True, slots=True)
class Channel:
    """One way; `settings` are whole and right, secrets included."""

    name: str
    kind: ChannelKind
    settings: Settings

    @property
    def language(self) -> Language:
        """Of its messages."""
        return Language(str(self.settings["language"]))

    @property
    def per_minute(self) -> int:
        """The most messages that go out in a minute."""
        return int(str(self.settings["per_minute"]))

    @property
    def shown(self) -> Settings:
        """Its settings without the secrets."""
        return {name: value for name, value in self.settings.items() if name not in SECRETS[self.kind]}

    @property
    def secrets_set(self) -> tuple[str, ...]:
        """Which secrets it has."""
        return tuple(sorted(name for name in SECRETS[self.kind] if self.settings.get(name)))


def channel_of(name: str, kind: ChannelKind, given: Mapping[str, object], before: Channel | None = None) -> Channel:
    """From what was asked for, defaults filled in. Raises InvalidInput that names each wrong setting.

    `before` is what it replaces: secrets that are not given stay, unless the channel goes elsewhere.
    """
    errors: list[FieldError] = []
    if not _NAME.fullmatch(name):
        errors.append(FieldError("name", "must be 1 to 64 letters, digits, dots, dashes and underscores"))
    settings: dict[str, SettingValue] = {}
    for field, value in given.items():
        wanted = _FIELDS[kind].get(field)
        if wanted is None:
            errors.append(FieldError(f"settings.{field}", f"is no setting of a channel of the kind {kind.value}"))
        elif wanted is tuple:
            if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
                settings[field] = tuple(str(one).strip() for one in value)
            else:
                errors.append(FieldError(f"settings.{field}", "must be a list of texts"))
        elif isinstance(value, bool) or not isinstance(value, wanted):
            errors.append(FieldError(f"settings.{field}", f"must be {'a number' if wanted is int else 'a text'}"))
        else:
            assert isinstance(value, str | int)
            settings[field] = value.strip() if isinstance(value, str) else value
    settings = {**_defaults(kind, settings), **settings}
    if before is not None and before.kind is kind:
        _keep_secrets(kind, settings, before, errors)
    if not errors:
        errors += _wrong(kind, settings)
    if errors:
        raise InvalidInput("; ".join(f"{error.field} {error.message}" for error in errors), errors=errors)
    return Channel(name, kind, MappingProxyType(dict(sorted(settings.items()))))


def _defaults(kind: ChannelKind, given: Settings) -> dict[str, SettingValue]:
    defaults: dict[str, SettingValue] = {"language": Language.ENGLISH.value, "per_minute": _PER_MINUTE}
    if kind is ChannelKind.EMAIL:
        security = given.get("security", Security.STARTTLS.value)
        defaults |= {"security": security, "username": "", "password": ""}
        known = security if security in list(Security) else Security.STARTTLS
        defaults["port"] = _MAIL_PORTS[Security(str(known))]
    return defaults


def _keep_secrets(
    kind: ChannelKind, settings: dict[str, SettingValue], before: Channel, errors: list[FieldError]
) -> None:
    stays = all(settings.get(name) == before.settings.get(name) for name in _BOUND_TO[kind])
    for secret in SECRETS[kind]:
        kept = before.settings.get(secret)
        if settings.get(secret) or not kept:
            continue
        if stays:
            settings[secret] = kept
        elif settings.get("username", True):
            errors.append(FieldError(f"settings.{secret}", "must be given again: the channel goes elsewhere now"))


def _wrong(kind: ChannelKind, settings: Settings) -> list[FieldError]:
    found = {"language": _not_one_of(settings["language"], Language)}
    if not 1 <= int(str(settings["per_minute"])) <= 600:
        found["per_minute"] = "must be 1 to 600"
    if kind is ChannelKind.EMAIL:
        found |= _wrong_email(settings)
    else:
        found["url"] = _wrong_url(settings.get("url", ""))
        if kind is ChannelKind.WEBHOOK and len(str(settings.get("secret", ""))) < _SHORTEST_SECRET:
            found["secret"] = (
                f"must have at least {_SHORTEST_SECRET} characters: receivers know by it that it was Seoga"
            )
    return [FieldError(f"settings.{field}", words) for field, words in found.items() if words]


def _wrong_email(settings: Settings) -> dict[str, str]:
    found: dict[str, str] = {}
    found["security"] = _not_one_of(settings["security"], Security)
    host = str(settings.get("host", ""))
    if not re.fullmatch(r"[\w.:-]{1,253}", host):
        found["host"] = "must be the name or the address of a mail server"
    if not 1 <= int(str(settings.get("port", 0))) <= 65535:
        found["port"] = "must be 1 to 65535"
    if not _ADDRESS.fullmatch(str(settings.get("sender", ""))):
        found["sender"] = "must be a mail address"
    recipients = settings.get("recipients", ())
    if not isinstance(recipients, tuple) or not 1 <= len(recipients) <= _MOST_RECIPIENTS:
        found["recipients"] = f"must be 1 to {_MOST_RECIPIENTS} mail addresses"
    elif wrong := [one for one in recipients if not _ADDRESS.fullmatch(one)]:
        found["recipients"] = f"has what is no mail address: {', '.join(wrong[:3])!r}"
    if settings["username"] and not settings["password"]:
        found["password"] = "must be given with a username"
    if settings["password"] and settings["security"] == Security.NONE and not _is_here(host):
        found["security"] = "must be `starttls` or `tls`: a password is not sent where others can read it"
    return found


def _wrong_url(url: object) -> str:
    try:
        parts = urlsplit(str(url))
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not str(url).isprintable() or " " in str(url):
        return "must be a URL that starts with `http://` or `https://`"
    if parts.username or parts.password:
        return "must not have a user or a password in it"
    return ""


def _is_here(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _not_one_of(value: object, kinds: type[StrEnum]) -> str:
    names = [str(one.value) for one in kinds]
    return "" if value in names else "must be " + " or ".join(f"`{name}`" for name in names)
