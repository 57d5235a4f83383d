"""Every setting, typed and validated at start; adapters are chosen by URL scheme."""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from shared.data_place import usual_data_dir
from shared.kernel import DomainError, FieldError
from shared.quantities import BYTES, DAYS, SECONDS
from shared.setting_values import (
    NAMES,
    elsewhere,
    http_url,
    installation_name,
    one_of,
    origins,
    scheme_among,
    sharing,
)
from shared.vocabulary import MODULES, SEARCH, ModuleName

PREFIX: Final = "SEOGA_"
SECRETS_DIR: Final = f"{PREFIX}SECRETS_DIR"
"""Names a folder in which files stand for settings that are not in the environment."""

ModelKind = Literal["embedding", "caption", "ocr"]

_FAMILIES: Final = {
    "kafkas": "kafka",
    "mongodb+srv": "mongodb",
    "postgres": "postgresql",
    "qdrants": "qdrant",
    "rediss": "redis",
}


class WrongSettings(DomainError):
    """The settings name something that cannot be; the detail names each variable."""

    code = "wrong_settings"
    title = "A setting is wrong"


class Settings(BaseSettings):
    """What `SEOGA_*` variables (or a `.env` file) say; frozen once read."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    _given: dict[str, Any] = PrivateAttr(default_factory=dict)

    data_dir: Path = Path("data")
    """Where nothing names one: `data` when it is here, else the user's own place (`usual_data_dir`)."""
    url: Annotated[str | None, AfterValidator(elsewhere)] = None
    """For commands: the server they speak to instead of that of the data directory."""
    api_key: SecretStr | None = None
    """For commands: the key they show."""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)

    modules: Annotated[tuple[ModuleName, ...], *NAMES] = MODULES
    """What this process does; `model` is no module: a process of it alone only lends its model."""

    events_url: Annotated[str, scheme_among("sqlite", "kafka", "kafkas")] = "sqlite:"
    store_url: Annotated[str, scheme_among("sqlite", "mongodb", "mongodb+srv")] = "sqlite:"
    index_url: Annotated[str, scheme_among("edge", "qdrant", "qdrants")] = "edge:"
    cache_url: Annotated[str, scheme_among("memory", "redis", "rediss")] = "memory:"
    blobs_url: Annotated[str, scheme_among("file", "gridfs")] = "file:"
    """`gridfs:` is the database of the store's URL."""
    chat_url: Annotated[str, scheme_among("sqlite", "postgresql", "postgres")] = "sqlite:"
    """Where conversations are kept."""

    installation: Annotated[str, AfterValidator(installation_name)] = "seoga"
    """Tells installations apart that share servers: part of what this one names there."""
    server_timeout_seconds: Annotated[float, SECONDS] = Field(default=2, gt=0)
    """What one call to a server may take; uploads are answered with 503 within half a second more."""
    tls_ca_file: Path | None = None
    """Certificates that servers are checked against; None is the system's."""
    kafka_user: str | None = None
    kafka_password: SecretStr | None = None
    kafka_sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_partitions: int = Field(default=6, ge=1, le=1000)
    """Of each topic that is created: as many processes can share a module's events."""
    kafka_replicas: int = Field(default=1, ge=1, le=9)
    events_retention_seconds: Annotated[float, SECONDS] = Field(default=7 * 86400, gt=0)
    """How long the bus keeps what every group has handled."""
    index_key: SecretStr | None = None
    """Qdrant's API key."""
    index_hnsw_m: int = Field(default=16, ge=0, le=128)
    index_hnsw_ef_construct: int = Field(default=100, ge=4, le=4096)
    index_quantization: Literal["none", "int8"] = "none"
    index_on_disk: bool = False
    """Vectors in files that the system pages in, rather than in Qdrant's memory."""
    index_shards: int = Field(default=1, ge=1, le=256)
    index_replicas: int = Field(default=1, ge=1, le=9)

    model_name: str = "all-MiniLM-L6-v2"
    """The packaged model, or one of the local Hugging Face cache, such as `intfloat/multilingual-e5-small`."""
    model_path: Path | None = None
    """A sentence-transformers folder, which goes before the name."""
    model_revision: str = "main"
    """Branch, tag or commit in the local Hugging Face cache."""
    model_engine: Literal["auto", "openvino", "onnx", "sentence-transformers", "remote"] = "auto"
    model_precision: Literal["auto", "fp32", "bf16", "int8"] = "auto"
    model_device: Literal["auto", "cpu", "cuda"] = "auto"
    model_threads: int = Field(default=0, ge=0, le=256)
    """Threads of one inference; 0 shares the physical cores among at most four inferences side by side."""
    model_query_prompt: str | None = None
    """What goes before a query; None is what the model's own files say."""
    model_passage_prompt: str | None = None
    model_languages: Annotated[tuple[str, ...] | None, *NAMES] = None
    """ISO 639-1 codes the model understands; None is what its model card says."""
    model_max_tokens: int = Field(default=0, ge=0, le=1 << 16)
    """Tokens read of a text; 0 is the model's own limit, which cannot be exceeded."""
    model_batch_tokens: int = Field(default=0, ge=0, le=1 << 20)
    """Padded tokens of one batch; 0 is what the engine is fastest with."""
    model_load_timeout_seconds: Annotated[float, SECONDS] = Field(default=120, gt=0)
    model_request_timeout_seconds: Annotated[float, SECONDS] = Field(default=60, gt=0)
    """A call that waits this long without any of its texts being embedded is answered with 503."""
    model_queue_limit: int = Field(default=20_000, ge=1)
    """Texts that may wait; a call that would make them more is answered with 503."""
    model_idle_unload_seconds: Annotated[float, SECONDS] = Field(default=0, ge=0)
    """A model that nobody used for so long is unloaded; 0 is never."""
    model_memory_budget_bytes: Annotated[int, BYTES] = Field(default=0, ge=0)
    """What all loaded models together may take; 0 is no limit."""
    model_preload: Annotated[tuple[ModelKind, ...], *NAMES] = ()
    """Of `embedding`, `caption`, `ocr`: loaded in the background as the server starts."""
    model_cache_dir: Path | None = None
    """Where built models are kept; None is `models` in the data directory."""
    machine_cache_dir: Path | None = None
    """Where it is kept which engine is fastest on this machine; None is `seoga` in the user's cache folder."""
    model_cache_bytes: Annotated[int, BYTES] = Field(default=4 << 30, ge=1 << 20)
    """Beyond it the built models that were not used for longest are deleted."""
    model_check_mean: float = Field(default=0.985, ge=0, le=1)
    """An engine whose vectors have a lower mean cosine to the fp32 ones is not used by `auto`."""
    model_check_worst: float = Field(default=0.95, ge=0, le=1)
    model_url: Annotated[str | None, AfterValidator(http_url)] = None
    """Another Seoga server whose model is used instead of one of one's own."""
    model_key: SecretStr | None = None
    """API key for that server."""
    shared_model: Annotated[str, AfterValidator(sharing)] = "on"
    """`on`: every consumer uses the one model; `off`: each loads its own; or a list of those that share."""

    rerank_model: str | None = None
    """Folder of a cross-encoder that reorders the best results; with `rerank_url`, the model's name there."""
    rerank_url: Annotated[str | None, AfterValidator(http_url)] = None
    """A server with the rerank API of Cohere and Jina, such as `http://127.0.0.1:8080/v1`."""
    rerank_key: SecretStr | None = None
    """API key for that server."""
    rerank_top_k: int = Field(default=20, ge=2, le=100)
    """How many of the best results are reordered."""
    rerank_deadline_seconds: Annotated[float, SECONDS] = Field(default=1, gt=0)
    """A search whose reranker takes longer is answered as it was fused."""

    evaluation_set: Path | None = None
    """Folder of a judged set that is asked once a day; None is none."""
    evaluation_hour: int = Field(default=3, ge=0, le=23)
    """Of this machine's day."""
    evaluation_collection: str | None = None
    """Where it is asked; None is `eval-` and the folder's name for a set with documents, else `default`."""

    caption_model: Path | None = None
    """Folder of a BLIP model with safetensors weights; None is no captions."""
    ocr_engine: Literal["tesseract", "easyocr"] = "tesseract"
    ocr_languages: str = "kor+eng"
    ocr_data: Path | None = None
    """Folder of Tesseract's `*.traineddata`; None looks where the system's packages put them."""
    image_timeout_seconds: Annotated[float, SECONDS] = Field(default=60, gt=0)
    """A picture that takes longer to caption or read is given up."""
    image_pixels: int = Field(default=50_000_000, ge=1)
    """A picture with more pixels is refused before it is decoded."""
    image_memory_bytes: Annotated[int, BYTES] = Field(default=2 << 30, ge=256 << 20)
    """Address space of the process that reads text in pictures."""

    llm_url: Annotated[str | None, AfterValidator(http_url)] = None
    llm_model: str | None = None
    llm_key: SecretStr | None = None
    llm_first_token_seconds: Annotated[float, SECONDS] = Field(default=15, gt=0)
    llm_between_tokens_seconds: Annotated[float, SECONDS] = Field(default=10, gt=0)
    llm_follow_up_seconds: Annotated[float, SECONDS] = Field(default=2, gt=0)
    llm_context_tokens: int = Field(default=4096, ge=1024)
    llm_answer_tokens: int = Field(default=600, ge=16)
    llm_passage_tokens: int = Field(default=3000, ge=200)
    context7_url: Annotated[str | None, AfterValidator(http_url)] = None
    """A Context7 MCP server that is asked about goods beside the packaged nomenclature, such as
    `http://127.0.0.1:3000/mcp`."""
    context7_key: SecretStr | None = None
    """API key for that server."""
    context7_library: str = "harmonized system tariff codes"
    """Which of its libraries: a name to look for, or an id such as `/org/project`."""

    max_upload_bytes: Annotated[int, BYTES] = Field(default=1 << 30, ge=1)
    min_free_bytes: Annotated[int, BYTES] = Field(default=64 << 20, ge=0)
    """Uploads are refused (507) when the disk would have less than this left."""
    reserve_bytes: Annotated[int, BYTES] = Field(default=32 << 20, ge=0)
    """Set aside on the disk for deletions, their clean-up and the index, for the day it is full; 0 is nothing."""
    collect_every_seconds: Annotated[float, SECONDS] = Field(default=900, gt=0)
    """How often the bytes of deleted documents are looked for."""
    collect_after_seconds: Annotated[float, SECONDS] = Field(default=3600, ge=0)
    """Bytes that were stored more lately stay: their upload may be under way still."""
    trash_days: Annotated[float, DAYS] = Field(default=7, ge=0)
    """How long deleted bytes wait before they are gone for good."""
    upload_idle_timeout_seconds: Annotated[float, SECONDS] = Field(default=60, gt=0)
    api_keys_file: Path | None = None
    cors_origins: Annotated[tuple[str, ...], *NAMES, AfterValidator(origins)] = ()
    """Origins of pages that may call from a browser; `loopback` is every page of this machine."""

    parse_workers: int = Field(default=2, ge=1, le=64)
    parse_timeout_seconds: Annotated[float, SECONDS] = Field(default=60, gt=0)
    parse_memory_bytes: Annotated[int, BYTES] = Field(default=1 << 30, ge=128 << 20)
    parse_text_characters: int = Field(default=50_000_000, ge=1_000)
    """A document with more text than this is refused."""

    parts_count: int = Field(default=10_000, ge=1)
    """Files in one upload (an archive's members, a mail's attachments, and what is in those) that become documents."""
    parts_bytes: Annotated[int, BYTES] = Field(default=1 << 30, ge=1)
    """How many bytes these may have together."""
    parts_depth: int = Field(default=5, ge=1, le=50)
    """How deep files in files are followed."""

    stuck_after_seconds: Annotated[float, SECONDS] = Field(default=120, gt=0)
    """A document on its way that nothing was heard of for this long is shown as stuck."""
    journeys_retention_seconds: Annotated[float, SECONDS] = Field(default=90 * 86400, ge=0)
    """How long journeys of overtaken versions and of deleted documents are kept; 0 is for ever."""
    audit_retention_seconds: Annotated[float, SECONDS] = Field(default=365 * 86400, ge=0)
    """How long the audit log keeps what was done by whom; 0 is for ever."""

    notify_hosts: Annotated[tuple[str, ...], *NAMES] = ()
    """Hosts, addresses and networks that messages may be sent to; none is all but this machine and link-local ones."""
    public_url: Annotated[str | None, AfterValidator(http_url)] = None
    """Where people reach this server: links in messages begin with it. None is the address it listens on."""

    log_level: Annotated[
        str, AfterValidator(lambda value: one_of(value.lower(), "debug", "info", "warning", "error"))
    ] = "info"
    log_format: Annotated[str, AfterValidator(lambda value: one_of(value, "text", "json"))] = "text"
    access_log: Annotated[str, AfterValidator(lambda value: one_of(value.lower(), "off", "on"))] = "off"
    """A line of the log for each request."""

    @override
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """As usual, and what the machine says goes last."""
        usual = InitSettingsSource(settings_cls, {"data_dir": usual_data_dir()})
        return init_settings, env_settings, dotenv_settings, file_secret_settings, usual

    def __init__(self, **given: Any) -> None:
        """`given` go before the environment, which goes before `.env`."""
        secrets = os.environ.get(SECRETS_DIR) or None
        super().__init__(_secrets_dir=secrets, **given)
        self._given = given

    def read_again(self, **overrides: Any) -> "Settings":
        """As the environment and `.env` say now, what was given at the start staying so. Raises WrongSettings."""
        overrides = {name: value for name, value in overrides.items() if value is not None}
        return load_settings(**{**self._given, **overrides})

    @property
    def models_dir(self) -> Path:
        """Where what is built from models is kept."""
        return self.model_cache_dir or self.data_dir / "models"

    @property
    def machine_dir(self) -> Path:
        """Where lies what holds for this machine, whatever data directory is used on it."""
        if self.machine_cache_dir is not None:
            return self.machine_cache_dir
        caches = os.environ.get("XDG_CACHE_HOME", "")
        # As that variable's specification has it, a relative path there says nothing.
        return (Path(caches) if caches.startswith("/") else Path.home() / ".cache") / "seoga"

    @property
    def uses_remote_model(self) -> bool:
        """Whether texts are embedded by another server."""
        return self.model_url is not None and self.model_engine in ("auto", "remote")

    @property
    def has_embedded_state(self) -> bool:
        """Whether this process keeps something in the data directory that only one may hold."""
        urls = [self.events_url, self.store_url, *([self.index_url] if SEARCH in self.modules else [])]
        return not {scheme_of(url) for url in urls}.isdisjoint(("sqlite", "edge"))

    @property
    def store_is_remote(self) -> bool:
        """Whether a server keeps the documents, which may be slow or away."""
        return scheme_of(self.store_url) == "mongodb"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address it listens on."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether the name or address is this machine's own, which no other can reach."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_processes(settings: Settings) -> None:
    """Raises WrongSettings where processes that share the work could not meet."""
    if settings.blobs_url.startswith("gridfs:") and not settings.store_url.startswith("mongodb"):
        raise WrongSettings("SEOGA_BLOBS_URL was 'gridfs:': SEOGA_STORE_URL must name the MongoDB that holds it.")
    missing = set(MODULES) - set(settings.modules)
    if settings.modules == ("model",) or not missing:
        return
    if settings.events_url.startswith("sqlite") or settings.store_url.startswith("sqlite"):
        raise WrongSettings(
            f"SEOGA_MODULES was {','.join(settings.modules)!r}: the others ({', '.join(sorted(missing))}) would run in "
            "other processes, and these meet only on servers. Set SEOGA_EVENTS_URL to a Kafka and SEOGA_STORE_URL to "
            "a MongoDB, or leave SEOGA_MODULES out."
        )


def round_seconds(retention_seconds: float) -> float:
    """How often to look for what has been kept for so long: what is kept for minutes must not stay for hours."""
    return min(3600.0, max(60.0, retention_seconds / 10))


def scheme_of(url: str) -> str:
    """Which adapter serves the URL: its scheme, the secure form of one counted as that one."""
    scheme = urlsplit(url).scheme
    return _FAMILIES.get(scheme, scheme)


def without_credentials(url: str) -> str:
    """The URL as it may be shown: user and password are left out, and so are options that may hold some."""
    scheme, _, rest = url.partition("://")
    if not rest:
        return url
    # From the last @: a password may hold / and ? that should have been written otherwise.
    return f"{scheme}://{re.split('[?#]', rest.rpartition('@')[2])[0]}"


def _shown(value: object) -> object:
    return without_credentials(value) if isinstance(value, str) and "@" in value and "://" in value else value


def load_settings(**overrides: Any) -> Settings:
    """Reads the environment; `overrides` (None = not given) win. Raises WrongSettings naming each variable."""
    given = {name: value for name, value in overrides.items() if value is not None}
    secrets = os.environ.get(SECRETS_DIR)
    if secrets and not Path(secrets).is_dir():
        raise WrongSettings(f"SEOGA_SECRETS_DIR was {secrets!r}: there is no such folder.")
    try:
        settings = Settings(**given)
    except ValidationError as error:
        problems = [
            FieldError(
                # Of a list, the variable is named, not the place in it.
                field=PREFIX + str(problem["loc"][0]).upper(),
                message=f"was {_shown(problem['input'])!r}: {problem['msg'].removeprefix('Value error, ')}",
            )
            for problem in error.errors()
        ]
        raise WrongSettings(
            "; ".join(f"{problem.field} {problem.message}" for problem in problems), errors=problems
        ) from error
    if settings.model_engine == "remote" and settings.model_url is None:
        raise WrongSettings("SEOGA_MODEL_ENGINE was 'remote': SEOGA_MODEL_URL must say where the model is.")
    if settings.llm_url and not settings.llm_model:
        raise WrongSettings("SEOGA_LLM_MODEL is missing: SEOGA_LLM_URL needs the name of the model to ask there.")
    _check_processes(settings)
    if not settings.is_loopback and settings.api_keys_file is None:
        raise WrongSettings(
            f"SEOGA_HOST was {settings.host!r}: listening beyond this machine needs SEOGA_API_KEYS_FILE. "
            "Set it, or use 127.0.0.1."
        )
    return settings
