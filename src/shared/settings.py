"""Every setting, typed and validated at start; adapters are chosen by URL scheme."""

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.kernel import DomainError, FieldError

PREFIX: Final = "SEOGA_"


class WrongSettings(DomainError):
    """The settings name something that cannot be; the detail names each variable."""

    code = "wrong_settings"
    title = "A setting is wrong"


def _scheme_of(*allowed: str) -> AfterValidator:
    """The URL's scheme must be one that an adapter of this version serves."""

    def check(url: str) -> str:
        scheme = urlsplit(url).scheme
        if scheme not in allowed:
            raise ValueError("must start with " + " or ".join(f"`{name}:`" for name in allowed))
        return url

    return AfterValidator(check)


class Settings(BaseSettings):
    """What `SEOGA_*` variables (or a `.env` file) say; frozen once read."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    data_dir: Path = Path("data")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)

    events_url: Annotated[str, _scheme_of("sqlite")] = "sqlite:"
    store_url: Annotated[str, _scheme_of("sqlite")] = "sqlite:"
    index_url: Annotated[str, _scheme_of("edge")] = "edge:"
    cache_url: Annotated[str, _scheme_of("memory")] = "memory:"
    blobs_url: Annotated[str, _scheme_of("file")] = "file:"

    model_path: Path | None = None
    """A sentence-transformers folder; None is the packaged all-MiniLM-L6-v2."""
    model_engine: Annotated[str, AfterValidator(lambda value: _one_of(value, "onnx", "sentence-transformers"))] = "onnx"
    model_threads: int = Field(default=0, ge=0, le=256)
    """Threads of one inference; 0 shares the physical cores among at most four inferences side by side."""
    model_load_timeout_seconds: float = Field(default=120, gt=0)

    max_upload_bytes: int = Field(default=1 << 30, ge=1)
    min_free_bytes: int = Field(default=64 << 20, ge=0)
    """Uploads are refused (507) when the disk would have less than this left."""
    upload_idle_timeout_seconds: float = Field(default=60, gt=0)
    api_keys_file: Path | None = None

    parse_workers: int = Field(default=2, ge=1, le=64)
    parse_timeout_seconds: float = Field(default=60, gt=0)
    parse_memory_bytes: int = Field(default=1 << 30, ge=128 << 20)
    parse_text_characters: int = Field(default=50_000_000, ge=1_000)
    """A document with more text than this is refused."""

    stuck_after_seconds: float = Field(default=120, gt=0)
    """A document on its way that nothing was heard of for this long is shown as stuck."""

    log_level: Annotated[
        str, AfterValidator(lambda value: _one_of(value.lower(), "debug", "info", "warning", "error"))
    ] = "info"
    log_format: Annotated[str, AfterValidator(lambda value: _one_of(value, "text", "json"))] = "text"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address it listens on."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def _one_of(value: str, *allowed: str) -> str:
    if value not in allowed:
        raise ValueError("must be " + " or ".join(f"`{name}`" for name in allowed))
    return value


def load_settings(**overrides: Any) -> Settings:
    """Reads the environment; `overrides` (None = not given) win. Raises WrongSettings naming each variable."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        problems = [
            FieldError(
                field=PREFIX + "_".join(str(part) for part in problem["loc"]).upper(),
                message=f"was {problem['input']!r}: {problem['msg'].removeprefix('Value error, ')}",
            )
            for problem in error.errors()
        ]
        raise WrongSettings(
            "; ".join(f"{problem.field} {problem.message}" for problem in problems), errors=problems
        ) from error
    if not settings.is_loopback and settings.api_keys_file is None:
        raise WrongSettings(
            f"SEOGA_HOST was {settings.host!r}: listening beyond this machine needs SEOGA_API_KEYS_FILE. "
            "Set it, or use 127.0.0.1."
        )
    return settings
