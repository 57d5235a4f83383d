"""A tiny random BERT in sentence-transformers' format, and settings that choose it: milliseconds to build and run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from shared.settings import Settings

WORDS = ("tariff", "duty", "import", "export", "notebook", "laptop", "관세", "수입", "a", "b", "c", "d", "##s", "##ing")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def a_tiny_model(
    folder: Path,
    *,
    hidden: int = 32,
    layers: int = 2,
    heads: int = 4,
    activation: str = "gelu",
    pooling: str = "mean",
    normalise: bool = True,
    max_tokens: int = 24,
    prompts: dict[str, str] | None = None,
    card: str | None = None,
    seed: int = 7,
    **config: Any,
) -> Path:
    """Writes the model's folder and returns it; `config` changes its config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = [*SPECIAL, *WORDS]
    _write(
        folder / "config.json",
        {
            "model_type": "bert",
            "vocab_size": len(vocabulary),
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": 2 * hidden,
            "hidden_act": activation,
            "layer_norm_eps": 1e-12,
            "max_position_embeddings": 40,
            "type_vocab_size": 2,
            "pad_token_id": 0,
            "architectures": ["BertModel"],
        }
        | config,
    )
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), *([("2_Normalize", "Normalize")] if normalise else [])]
    _write(
        folder / "modules.json",
        [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (path, kind) in enumerate(modules)
        ],
    )
    flag = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}[pooling]
    _write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": hidden, f"pooling_mode_{flag}": True})
    _write(folder / "sentence_bert_config.json", {"max_seq_length": max_tokens, "do_lower_case": False})
    if prompts is not None:
        _write(folder / "config_sentence_transformers.json", {"prompts": prompts})
    if card is not None:
        (folder / "README.md").write_text(card, encoding="utf-8")
    _write_tokenizer(folder, vocabulary)
    save_file(_weights(len(vocabulary), hidden, layers, seed), folder / "model.safetensors", {"format": "pt"})
    return folder


def tiny_settings(tmp_path: Path, **changes: Any) -> Settings:
    """Settings of a tiny model in `tmp_path / "model"`, made unless it is there."""
    folder = tmp_path / "model"
    if not folder.exists():
        a_tiny_model(folder)
    return Settings(**{"data_dir": tmp_path / "data", "model_path": folder, **changes})


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def _write_tokenizer(folder: Path, vocabulary: list[str]) -> None:
    numbers = {word: number for number, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", numbers["[CLS]"]), ("[SEP]", numbers["[SEP]"])]
    )
    # As in published models, the file carries a limit and padding of its own.
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(folder / "tokenizer.json"))
    named = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    _write(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": True, **named})
    _write(folder / "special_tokens_map.json", named)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")


def _weights(vocabulary: int, hidden: int, layers: int, seed: int) -> dict[str, np.ndarray[Any, Any]]:
    random = np.random.default_rng(seed)
    weights: dict[str, np.ndarray[Any, Any]] = {}

    def matrix(name: str, *shape: int) -> None:
        weights[name] = random.normal(0, 0.2, shape).astype(np.float32)

    def linear(name: str, outputs: int, inputs: int) -> None:
        matrix(name + ".weight", outputs, inputs)
        matrix(name + ".bias", outputs)

    def norm(name: str) -> None:
        weights[name + ".weight"] = random.uniform(0.5, 1.5, hidden).astype(np.float32)
        matrix(name + ".bias", hidden)

    matrix("embeddings.word_embeddings.weight", vocabulary, hidden)
    matrix("embeddings.position_embeddings.weight", 40, hidden)
    matrix("embeddings.token_type_embeddings.weight", 2, hidden)
    norm("embeddings.LayerNorm")
    for number in range(layers):
        at = f"encoder.layer.{number}."
        for part in ("query", "key", "value"):
            linear(f"{at}attention.self.{part}", hidden, hidden)
        linear(at + "attention.output.dense", hidden, hidden)
        norm(at + "attention.output.LayerNorm")
        linear(at + "intermediate.dense", 2 * hidden, hidden)
        linear(at + "output.dense", hidden, 2 * hidden)
        norm(at + "output.LayerNorm")
    linear("pooler.dense", hidden, hidden)
    return weights
