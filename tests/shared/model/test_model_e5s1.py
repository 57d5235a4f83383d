"""The file of a packed model: what is read of it, and what is said of one that is damaged."""

import math
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from e5s1_builders import E5s1

from shared.kernel import Unavailable
from shared.model.engine import EngineChoice
from shared.model.engines.opening import load_engine
from shared.model.engines.runnable import why_not
from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import ModelConfig, model_config, read_model_config
from shared.model.files.e5s1 import E5s1File
from shared.model.files.locating import MULTILINGUAL_E5
from shared.model.files.pinned import weights_sha256
from shared.model.files.tokens import ModelTokenizer
from shared.model.tuning.measuring import packed_config, unpacked_config
from shared.ports.model import Vectors
from shared.settings import Settings

BUILT = tuple(
    EngineChoice(engine, precision)  # type: ignore[arg-type] # literals, of two lists
    for engine, precisions in (("onnx", ("fp32", "int8")), ("openvino", ("fp32", "bf16", "int8")))
    for precision in precisions
)
TEXTS = ("tariff", "관세 duty ab", "", "a b ab s tariff 세")


def a_config(folder: Path, **changes: object) -> ModelConfig:
    E5s1(**changes).write(folder)  # type: ignore[arg-type] # each of its own kind
    return read_model_config(folder, name="packed")


def test_a_block_is_a_scale_and_two_nibbles_a_byte(tmp_path: Path) -> None:
    path = E5s1().write(tmp_path)
    file = E5s1File(path)
    content = bytearray(path.read_bytes())
    begin = content.index(struct.pack("<H", len("l0.q.w")) + b"l0.q.w") + 2 + len("l0.q.w")
    _, _, offset, _ = struct.unpack_from("<BIQQ", content, begin)
    # The first block: weights 0–15 are low halves 0, 1, 2 …, weights 16–31 high halves 15, 14, 13 …; each minus 8.
    block = bytes(number | ((15 - number) << 4) for number in range(16))
    content[offset : offset + 18] = struct.pack("<e", 0.5) + block
    path.write_bytes(content)
    first = file.floats("l0.q.w")[0]
    assert first.tolist() == [0.5 * (number - 8) for number in (*range(16), *range(15, -1, -1))]


def test_the_file_says_what_the_model_is(tmp_path: Path) -> None:
    config = a_config(tmp_path)
    assert (config.dimension, config.max_tokens, config.pooling, config.normalise) == (32, 40, "mean", True)
    assert (config.query_prompt, config.passage_prompt) == ("query: ", "passage: ")
    assert {"ko", "en", "ja"} <= config.languages
    assert unpacked_config(packed_config(config)) == config


def test_the_packaged_one_is_found_and_is_the_one_it_should_be(tmp_path: Path) -> None:
    config = model_config(Settings(model_name="multilingual-e5-small"))
    assert (config.name, config.dimension, config.max_tokens) == ("multilingual-e5-small", 384, 512)
    assert weights_sha256(config, ArtefactCache(tmp_path)) == MULTILINGUAL_E5.weights_sha256
    assert config.fingerprint("0") != model_config(Settings()).fingerprint("0")


def test_another_file_under_the_packaged_ones_name_is_refused(tmp_path: Path) -> None:
    config = replace(a_config(tmp_path), weights_sha256="0" * 64)
    with pytest.raises(Unavailable, match=r"'packed' is not the one it should be: its SHA-256 is .*make setup"):
        weights_sha256(config, ArtefactCache(tmp_path / "models"))


@pytest.mark.parametrize("choice", BUILT, ids=str)
def test_every_engine_computes_what_the_weights_say(tmp_path: Path, choice: EngineChoice) -> None:
    config = a_config(tmp_path, hidden=128, feed_forward=256)
    if reason := why_not(config, choice):
        pytest.skip(reason)
    tokenizer = ModelTokenizer(config)
    engine = load_engine(config, choice, ArtefactCache(tmp_path / "models"), lambda: tokenizer).engine
    vectors = engine.run(engine.prepare(TEXTS))
    engine.close()
    expected = plain_vectors(E5s1File(config.weights), [list(text.ids) for text in tokenizer.prepare(TEXTS)])
    assert np.abs(vectors - expected).max() < {"fp32": 1e-5, "bf16": 0.03, "int8": 0.1}[choice.precision]


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.01, 0.05, 0.3, 0.99])
def test_a_file_that_was_cut_off_says_so(tmp_path: Path, share: float) -> None:
    path = E5s1().write(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(Unavailable, match=r"e5-small-q4\.bin' is damaged: it ends after \d+ bytes"):
        read_model_config(tmp_path, name="packed")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"leave_out": "l1.fo.w"}, r"it lacks 1 of 37 tensors, such as l1\.fo\.w"),
        ({"leave_out": "emb.word"}, r"it lacks 1 of 37 tensors, such as emb\.word"),
        ({"magic": b"GGUF"}, "does not begin as an E5S1 file"),
        ({"version": 2}, "does not begin as an E5S1 file of version 1 does"),
        ({"block": 64}, "its blocks are not of 32 weights"),
        ({"heads": 5}, "sizes that cannot be"),
        ({"layers": 0}, "sizes that cannot be"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(Unavailable, match=rf"e5-small-q4\.bin' is damaged: .*{said}"):
        a_config(tmp_path, **changes)


@pytest.mark.parametrize("at", range(44, 60, 4))
def test_sizes_that_lie_are_refused_before_anything_is_read(tmp_path: Path, at: int) -> None:
    path = E5s1().write(tmp_path)
    content = bytearray(path.read_bytes())
    content[at : at + 4] = struct.pack("<i", 2**31 - 1)
    path.write_bytes(content)
    with pytest.raises(Unavailable, match=r"is damaged"):
        read_model_config(tmp_path, name="packed")


def test_a_piece_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    config = a_config(tmp_path, pieces=("<s>", "<pad>", "</s>", "<unk>", "▁a", "▁a"))
    with pytest.raises(Unavailable, match=r"is damaged: two pieces of the vocabulary are the same"):
        ModelTokenizer(config)


def plain_vectors(file: E5s1File, texts: list[list[int]]) -> Vectors:
    """BERT written out with numpy, one text after the other, in double precision."""
    shape = file.shape
    weight = {name: file.floats(name).astype(np.float64) for name in file.names}

    def norm(values: np.ndarray, name: str) -> np.ndarray:
        centred = values - values.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + shape.epsilon)
        return np.asarray(scaled * weight[name + ".w"] + weight[name + ".b"])

    def linear(values: np.ndarray, name: str) -> np.ndarray:
        return np.asarray(values @ weight[name + ".w"].T + weight[name + ".b"])

    def heads(values: np.ndarray) -> np.ndarray:
        return values.reshape(len(values), shape.heads, -1).transpose(1, 0, 2)

    rows = []
    for ids in texts:
        x = norm(weight["emb.word"][ids] + weight["emb.pos"][: len(ids)] + weight["emb.type"][0], "emb.ln")
        for layer in range(shape.layers):
            at = f"l{layer}."
            query, key, value = (heads(linear(x, at + name)) for name in "qkv")
            scores = query @ key.transpose(0, 2, 1) / np.sqrt(shape.hidden // shape.heads)
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            mixed = (shares / shares.sum(-1, keepdims=True)) @ value
            x = norm(linear(mixed.transpose(1, 0, 2).reshape(len(ids), -1), at + "ao") + x, at + "aln")
            wide = linear(x, at + "fi")
            wide = 0.5 * wide * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
            x = norm(linear(wide, at + "fo") + x, at + "oln")
        mean = x.mean(0)
        rows.append(mean / np.linalg.norm(mean))
    return np.array(rows, dtype=np.float32)
