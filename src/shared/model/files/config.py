"""What the model's own files say: where it lies, its shape, pooling, prompts, limits and languages.

Reads small JSON files only; the weights are opened by nobody here.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from shared.kernel import Unavailable
from shared.model.files.e5s1 import E5S1_NAME, E5s1File
from shared.model.files.locating import MINILM, locate
from shared.ports.model import TextKind

if TYPE_CHECKING:
    # The child that builds the graph reads this file too, and importing the settings would take it 0.2 s.
    from shared.settings import Settings

_KNOWN_LANGUAGES: Final[Mapping[str, frozenset[str]]] = {MINILM.name.lower(): frozenset({"en"})}
# What XLM-RoBERTa was trained on, and so the model card of multilingual-e5-small.
_E5_LANGUAGES: Final = (
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr hu hy id is it "
    "ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps pt ro ru sa sd si sk sl so sq "
    "sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh"
)
# The E5 family was trained with these and says so only in its model cards (arXiv:2212.03533).
_KNOWN_PROMPTS: Final = ((re.compile(r"(^|[-_/])e5-(small|base|large)"), ("query: ", "passage: ")),)
# A tokenizer without a limit of its own says 10^30.
_LARGEST_LENGTH: Final = 1 << 20
# Their first token has the position after the padding token's id: 514 positions are 512 tokens.
_COUNTED_POSITIONS: Final = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet"})

EngineSetting = Literal["auto", "openvino", "onnx", "sentence-transformers", "remote"]
PrecisionSetting = Literal["auto", "fp32", "bf16", "int8"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """What of the transformer's config.json decides what it computes; "" or 0 where it does not say."""

    model_type: str
    vocabulary: int
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    activation: str
    layer_norm_epsilon: float
    positions: int
    position_embedding: str
    padding: int = 0
    """Id of the padding token: families that count positions begin after it."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a cross-encoder has after the encoder: it gives one number for two texts that are read together."""

    separator: int
    """Id of the token that ends the first text, after which tokens are of type 1; -1 where all are of one type."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One embedding model on this machine (or a cross-encoder, by its head), and how it is to be run."""

    name: str
    folder: Path
    transformer_folder: Path
    """Where config.json, tokenizer.json and the weights lie."""
    architecture: Architecture
    pooling: str
    """`mean`, `cls`, …; several, joined by "+", give vectors one after the other."""
    normalise: bool
    """Whether the model itself gives vectors of length 1; the manager's always have it."""
    other_modules: tuple[str, ...]
    """What the model applies beyond transformer, pooling and normalisation."""
    dimension: int
    """Length of a vector."""
    max_tokens: int
    lower_case: bool
    """Texts are lower-cased before the tokenizer sees them (which may do so anyway)."""
    query_prompt: str
    passage_prompt: str
    languages: frozenset[str]
    engine: EngineSetting = "onnx"
    precision: PrecisionSetting = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 0
    """Threads of one inference; 0 shares the physical cores among inferences side by side."""
    batch_tokens: int = 0
    """Padded tokens of one batch; 0 is what the engine is fastest with."""
    load_timeout_seconds: float = 120
    weights_sha256: str = ""
    """What the file with the weights must be; "" where any is right."""
    in_blocks: bool = False
    """Weights and tokenizer are one E5S1 file, in blocks of four bits."""
    head: Head | None = None
    """Of a cross-encoder: its vectors have one number, and its tokenizer takes two texts."""

    @property
    def weights(self) -> Path:
        """The file with the weights: safetensors, or where there are none the ONNX file that the model brings."""
        if self.in_blocks:
            return self.folder / E5S1_NAME
        weights = self.transformer_folder / "model.safetensors"
        # A large ONNX file has its weights beside it.
        own = ("onnx/model.onnx_data", "onnx/model.onnx.data", "onnx/model.onnx", "model.onnx")
        found = (path for path in (self.folder / name for name in own) if path.is_file())
        return weights if weights.is_file() else next(found, weights)

    @property
    def tokenizer(self) -> Path:
        """The file of the tokenizers library."""
        return self.transformer_folder / "tokenizer.json"

    def prompt(self, kind: TextKind) -> str:
        """What the model wants before each text of this kind."""
        return self.query_prompt if kind == "query" else self.passage_prompt

    def fingerprint(self, weights_sha256: str) -> str:
        """Names the vector space; engine, precision and file names have no part in it."""
        shape = self.architecture
        space = {
            "weights": weights_sha256,
            "computed": [shape.model_type, shape.heads, shape.activation, shape.layer_norm_epsilon],
            "tokenizer": self._tokenizer_sha256(),
            "lower_case": self.lower_case,
            "pooling": [self.pooling, *self.other_modules],
            "normalise": self.normalise,
            "prompts": [self.query_prompt, self.passage_prompt],
            "max_tokens": self.max_tokens,
        }
        return hashlib.sha256(json.dumps(space, sort_keys=True).encode()).hexdigest()[:32]

    def _tokenizer_sha256(self) -> str:
        """ "" where it lies in the file with the weights, or is nowhere."""
        return hashlib.sha256(_read_bytes(self.tokenizer)).hexdigest() if self.tokenizer.exists() else ""


def model_config(settings: "Settings") -> ModelConfig:
    """The model that the settings choose. Raises Unavailable saying which file is missing or wrong."""
    located = locate(settings)
    said = read_model_config(located.folder, name=located.name)
    prompts = (settings.model_query_prompt, settings.model_passage_prompt)
    return replace(
        said,
        query_prompt=said.query_prompt if prompts[0] is None else prompts[0],
        passage_prompt=said.passage_prompt if prompts[1] is None else prompts[1],
        languages=said.languages if settings.model_languages is None else frozenset(settings.model_languages),
        max_tokens=min(settings.model_max_tokens or said.max_tokens, said.max_tokens),
        engine=settings.model_engine,
        precision=settings.model_precision,
        device=settings.model_device,
        threads=settings.model_threads,
        batch_tokens=settings.model_batch_tokens,
        load_timeout_seconds=settings.model_load_timeout_seconds,
        weights_sha256=located.weights_sha256,
    )


def read_model_config(folder: Path, *, name: str) -> ModelConfig:
    """What a sentence-transformers folder says of itself; a plain transformers folder is pooled by the mean.

    Whether an engine can run it is the engine's to say. Raises Unavailable for a file that is missing or damaged.
    """
    if (folder / E5S1_NAME).is_file():
        return _e5_config(folder, name)
    listed = _read_json(folder / "modules.json", default=[{"type": "Transformer", "path": ""}])
    modules = {str(module["type"]).rpartition(".")[2]: folder / module["path"] for module in listed}
    transformer = modules.get("Transformer", folder)
    architecture = _architecture(transformer / "config.json")
    pooling = _pooling(_read_json(modules["Pooling"] / "config.json") if "Pooling" in modules else {})
    dimension = architecture.hidden * (pooling.count("+") + 1)
    if "Dense" in modules:
        dimension = int(_read_json(modules["Dense"] / "config.json")["out_features"])
    limits = _read_json(transformer / "sentence_bert_config.json", default={})
    prompts = _prompts(name, folder)
    return ModelConfig(
        name=name,
        folder=folder,
        transformer_folder=transformer,
        architecture=architecture,
        pooling=pooling,
        normalise="Normalize" in modules,
        other_modules=tuple(sorted(modules.keys() - {"Transformer", "Pooling", "Normalize"})),
        dimension=dimension,
        max_tokens=_max_tokens(transformer, limits, architecture),
        lower_case=bool(limits.get("do_lower_case", False)),
        query_prompt=prompts[0],
        passage_prompt=prompts[1],
        languages=_languages(name, folder),
    )


def _e5_config(folder: Path, name: str) -> ModelConfig:
    """E5 (arXiv:2402.05672): the file says its sizes; the rest is one for the family."""
    file = E5s1File(folder / E5S1_NAME)
    shape = file.shape
    architecture = Architecture(
        model_type="bert",
        vocabulary=shape.vocabulary,
        hidden=shape.hidden,
        layers=shape.layers,
        heads=shape.heads,
        feed_forward=shape.feed_forward,
        activation="gelu",
        layer_norm_epsilon=shape.epsilon,
        positions=shape.positions,
        position_embedding="absolute",
        padding=file.padding,
    )
    return ModelConfig(
        name=name,
        folder=folder,
        transformer_folder=folder,
        architecture=architecture,
        pooling="mean",
        normalise=True,
        other_modules=(),
        dimension=shape.hidden,
        max_tokens=shape.positions,
        lower_case=False,
        query_prompt="query: ",
        passage_prompt="passage: ",
        languages=frozenset(_E5_LANGUAGES.split()),
        in_blocks=True,
    )


def _architecture(path: Path) -> Architecture:
    raw = _read_json(path)
    hidden = raw.get("hidden_size") or raw.get("dim") or raw.get("d_model")
    if not hidden:
        raise Unavailable(f"The model's '{path}' does not say how wide it is: it is not an encoder of text.")
    return Architecture(
        model_type=raw.get("model_type", ""),
        vocabulary=raw.get("vocab_size", 0),
        hidden=hidden,
        # DistilBERT has names of its own.
        layers=raw.get("num_hidden_layers") or raw.get("n_layers") or 0,
        heads=raw.get("num_attention_heads") or raw.get("n_heads") or 0,
        feed_forward=raw.get("intermediate_size") or raw.get("hidden_dim") or 0,
        activation=raw.get("hidden_act") or raw.get("activation") or "",
        layer_norm_epsilon=raw.get("layer_norm_eps", 1e-12),
        positions=raw.get("max_position_embeddings") or 512,
        position_embedding=raw.get("position_embedding_type") or "absolute",
        padding=raw.get("pad_token_id") or 0,
    )


def _pooling(raw: Mapping[str, Any]) -> str:
    """Newer files name the mode or modes, older ones have a flag for each."""
    flags = {
        "pooling_mode_cls_token": "cls",
        "pooling_mode_max_tokens": "max",
        "pooling_mode_mean_tokens": "mean",
        "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
        "pooling_mode_weightedmean_tokens": "weightedmean",
        "pooling_mode_lasttoken": "lasttoken",
    }
    modes = raw.get("pooling_mode") or [mode for flag, mode in flags.items() if raw.get(flag)] or ["mean"]
    return modes if isinstance(modes, str) else "+".join(modes)


def _prompts(name: str, folder: Path) -> tuple[str, str]:
    """What goes before a query and before a passage."""
    said = _read_json(folder / "config_sentence_transformers.json", default={}).get("prompts") or {}
    query, passage = said.get("query") or "", said.get("passage") or said.get("document") or ""
    if not (query or passage):
        for pattern, prompts in _KNOWN_PROMPTS:
            if pattern.search(name.lower()) and "instruct" not in name.lower():
                return prompts
    return query, passage


def _max_tokens(transformer: Path, limits: Mapping[str, Any], architecture: Architecture) -> int:
    said = limits.get("max_seq_length")
    if said is None:
        said = _read_json(transformer / "tokenizer_config.json", default={}).get("model_max_length")
    positions = architecture.positions
    if architecture.model_type in _COUNTED_POSITIONS:
        positions -= architecture.padding + 1
    if said is None or said > _LARGEST_LENGTH:
        said = positions
    return int(min(said, positions))


def _languages(name: str, folder: Path) -> frozenset[str]:
    """From the front matter of the model card: `language: en`, `language: [en, ko]` or a list of lines."""
    known = _KNOWN_LANGUAGES.get(name.lower())
    if known:
        return known
    try:
        lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return frozenset({"en"})
    found: list[str] = []
    if lines and lines[0].strip() == "---":
        inside = False
        for line in lines[1:]:
            if line.strip() == "---":
                break
            if line.startswith("language:"):
                inside = True
                found += line.removeprefix("language:").strip(" []").split(",")
            elif inside and line.lstrip().startswith("- "):
                found.append(line.lstrip().removeprefix("- "))
            elif not line.startswith(" "):
                inside = False
    codes = frozenset(code.strip(" '\"").lower() for code in found) - {"", "multilingual"}
    return codes or frozenset({"en"})


def _read_json(path: Path, *, default: Any = None) -> Any:
    if default is not None and not path.exists():
        return default
    try:
        return json.loads(_read_bytes(path))
    except ValueError as error:
        raise Unavailable(f"The model's file '{path}' is damaged: {error}.") from error


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unavailable(f"The model's file '{path}' cannot be read: {error.strerror}.") from error
