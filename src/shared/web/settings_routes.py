"""`GET /api/v1/settings`: what this server runs with, as its operator may see it; never a secret."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import SecretStr

from shared.settings import PREFIX, Settings, without_credentials
from shared.version import VERSION
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.routes import Routes
from shared.web.shapes import Shape

# A group of the page for what begins so; the first that fits. What fits none is in the last.
_GROUPS: Final = (
    ("model", ("model_", "shared_model", "caption_", "ocr_", "image_", "machine_")),
    ("adapters", ("events_", "store_", "index_", "cache_", "blobs_", "kafka_", "installation", "server_", "tls_")),
    ("limits", ("max_", "min_", "reserve_", "parse_", "parts_", "upload_", "trash_", "collect_", "stuck_")),
)
_OTHERS: Final = "server"


class SettingView(Shape):
    """One setting."""

    name: str
    """The variable that sets it."""
    group: str
    """`model`, `adapters`, `limits` or `server`."""
    value: str | int | float | bool | list[str] | None
    """As it holds now; null where it is not set, and for a secret."""
    is_set: bool
    """Whether it is another than the default; of a secret only this is told."""
    is_secret: bool
    """Whether its value is not shown to anybody."""


class SettingsView(Shape):
    """What this process runs with."""

    version: str
    """Of Seoga."""
    settings: list[SettingView]
    """All there are, in the order of docs/configuration.md."""


def build_settings_router(settings: Settings, access: Access) -> APIRouter:
    """For operators: other machines are named in it."""
    router = Routes(tags=["monitor"])

    @router.get("/api/v1/settings", responses=problems.responses(401, 403))
    async def read_settings(_: Annotated[Principal, Depends(access.operator)]) -> SettingsView:
        """Every setting as it holds now. Secrets are told to be set, URLs are shown without their credentials."""
        return SettingsView(version=VERSION, settings=[_shown(settings, name) for name in type(settings).model_fields])

    return router


def _shown(settings: Settings, name: str) -> SettingView:
    field, value = type(settings).model_fields[name], getattr(settings, name)
    is_secret = isinstance(value, SecretStr) or "SecretStr" in str(field.annotation)
    group = next((group for group, begins in _GROUPS if name.startswith(begins)), _OTHERS)
    return SettingView(
        name=PREFIX + name.upper(),
        group=group,
        value=None if is_secret else _plain(value),
        is_set=value != field.get_default(call_default_factory=True),
        is_secret=is_secret,
    )


def _plain(value: object) -> str | int | float | bool | list[str] | None:
    if isinstance(value, str):
        return without_credentials(value)
    if isinstance(value, tuple | list | set | frozenset):
        return [without_credentials(str(one)) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return without_credentials(str(value))
