"""What can run here, told without importing any engine: installed packages, the processor, the model's files."""

import functools
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.model.engine import EngineChoice, EngineName, Precision
from shared.model.files.config import ModelConfig
from shared.model.files.supported import not_runnable

_CPU_INFO: Final = Path("/proc/cpuinfo")
_BF16: Final = frozenset({"amx_bf16", "avx512_bf16"})
# Without these, eight-bit products are added in sixteen bits and overflow.
_INT8: Final = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
_GPU: Final = Path("/dev/nvidia0")

_PACKAGES: Final[dict[EngineName, str]] = {
    "openvino": "openvino",
    "onnx": "onnxruntime",
    "sentence-transformers": "sentence_transformers",
}
_PRECISIONS: Final[dict[EngineName, tuple[Precision, ...]]] = {
    "openvino": ("fp32", "bf16", "int8"),
    "onnx": ("fp32", "int8"),
    "sentence-transformers": ("fp32",),
}
_INSTALL: Final = {
    "openvino": "`make setup` installs it",
    "onnx": "`make setup` installs it",
    "sentence-transformers": "`pip install -r requirements/reference.txt` installs it",
}
# bf16 on a processor that only converts it (avx512_bf16 without AMX) ran at half the speed of fp32, so int8 goes first.
_ORDER: Final = (
    EngineChoice("openvino", "int8"),
    EngineChoice("onnx", "int8"),
    EngineChoice("onnx", "fp32"),
    EngineChoice("openvino", "fp32"),
    EngineChoice("openvino", "bf16"),
    EngineChoice("sentence-transformers", "fp32"),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What of this machine decides which engines run."""

    flags: frozenset[str]
    """Of the processor, as Linux names them."""
    engines: frozenset[EngineName]
    """Those installed."""
    has_gpu: bool


@functools.cache
def this_machine() -> Machine:
    """Looked at once: neither processor nor packages change under a running process."""
    return Machine(
        flags=_flags(),
        engines=frozenset(name for name, package in _PACKAGES.items() if importlib.util.find_spec(package)),
        has_gpu=_GPU.exists(),
    )


def runnable_choices(config: ModelConfig, machine: Machine | None = None) -> tuple[EngineChoice, ...]:
    """What can be tried here of what is asked for, most promising first; empty where that cannot run here."""
    machine = machine or this_machine()
    return tuple(
        choice
        for choice in _in_order(config, machine)
        if config.engine in ("auto", choice.engine)
        and config.precision in ("auto", choice.precision)
        and not why_not(config, choice, machine)
    )


def why_not(config: ModelConfig, choice: EngineChoice, machine: Machine | None = None) -> str:
    """Why this choice cannot run here: a sentence with the variable, its value and what it may be; "" if it can."""
    machine = machine or this_machine()
    engine, precision = choice.engine, choice.precision
    if engine not in machine.engines:
        reason = f"that engine is not installed here ({_INSTALL[engine]})"
        return _sentence("SEOGA_MODEL_ENGINE", engine, reason, sorted(machine.engines))
    if engine != "sentence-transformers":
        if config.device == "cuda":
            return _sentence("SEOGA_MODEL_DEVICE", "cuda", f"the engine {engine} runs on the CPU only", ["auto", "cpu"])
        if reason := not_runnable(config):
            others = ["sentence-transformers"] if "sentence-transformers" in machine.engines else []
            reason = f"it cannot run the model '{config.name}': {reason}"
            if not others:
                reason += f" ('sentence-transformers' may: {_INSTALL['sentence-transformers']})"
            return _sentence("SEOGA_MODEL_ENGINE", engine, reason, others)
    allowed = [each for each in _PRECISIONS[engine] if _computes(each, machine)]
    if precision not in _PRECISIONS[engine]:
        return _sentence("SEOGA_MODEL_PRECISION", precision, f"the engine {engine} has no such precision", allowed)
    if precision not in allowed:
        return _sentence("SEOGA_MODEL_PRECISION", precision, "this processor has no instructions for it", allowed)
    return ""


def _computes(precision: Precision, machine: Machine) -> bool:
    needed = {"bf16": _BF16, "int8": _INT8}.get(precision)
    return needed is None or bool(needed & machine.flags)


def _in_order(config: ModelConfig, machine: Machine) -> Iterator[EngineChoice]:
    first: list[EngineChoice] = []
    if config.device == "cuda" or (config.device == "auto" and machine.has_gpu):
        first.append(EngineChoice("sentence-transformers", "fp32"))
    if "amx_bf16" in machine.flags:
        # 220 texts of 100 words a second, where int8 without AMX gave 200 and cost more of the cosine.
        first.append(EngineChoice("openvino", "bf16"))
    yield from dict.fromkeys([*first, *_ORDER])


def _sentence(variable: str, value: str, reason: str, allowed: Sequence[str]) -> str:
    here = " or ".join(f"`{name}`" for name in allowed)
    return f"{variable} was '{value}': {reason}." + (f" Here it may be {here}." if here else "")


def _flags() -> frozenset[str]:
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    # "flags" on x86, "Features" on ARM.
    named = (line.partition(":")[2] for line in lines if line.lower().startswith(("flags", "features")))
    return frozenset(next(named, "").split())
