"""Tiny random encoders in sentence-transformers' format, and settings that choose them: milliseconds to make."""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from shared.settings import Settings

WORDS = ("tariff", "duty", "import", "export", "notebook", "laptop", "관세", "수입", "a", "b", "c", "d", "##s", "##ing")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# The order fixes their numbers: padding is 1.
ROBERTA_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
POSITIONS = 40

Family = Literal["bert", "roberta", "xlm-roberta", "camembert", "distilbert", "mpnet"]


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
    family: Family = "bert",
    weights: bool = True,
    positions: int = POSITIONS,
    **config: Any,
) -> Path:
    """Writes the model's folder and returns it; `config` changes its config.json; `weights` False leaves them out."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = [*SPECIAL, *WORDS] if family in ("bert", "distilbert") else _vocabulary(family)
    _write(
        folder / "config.json", _config(family, len(vocabulary), hidden, layers, heads, activation, positions) | config
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
    if family in ("bert", "distilbert"):
        _write_tokenizer(folder, vocabulary)
    else:
        _write_roberta_tokenizer(folder, family, vocabulary)
    if weights:
        tensors = _weights(len(vocabulary), hidden, layers, seed, positions) | _of_family(family, heads, hidden, seed)
        save_file(_renamed(tensors, family), folder / "model.safetensors", {"format": "pt"})
    return folder


def a_tiny_cross_encoder(
    folder: Path, *, family: Family = "bert", labels: int = 1, hidden: int = 32, seed: int = 11, **config: Any
) -> Path:
    """A tiny encoder with a head of `labels` labels, in Hugging Face's format: a BERT or one of RoBERTa's kind."""
    classes = {"bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta", "camembert": "Camembert"}
    own = {
        "architectures": [f"{classes.get(family, 'Bert')}ForSequenceClassification"],
        "id2label": {str(number): f"LABEL_{number}" for number in range(labels)},
    }
    a_tiny_model(folder, family=family, hidden=hidden, seed=seed, **(own | config))
    for path in (folder / "modules.json", folder / "sentence_bert_config.json"):
        path.unlink()
    tensors = load_file(folder / "model.safetensors")
    if family != "bert":
        tensors = {name: value for name, value in tensors.items() if not name.startswith("pooler.")}
    prefix = "bert." if family == "bert" else "roberta."
    named = {prefix + name: value for name, value in tensors.items()}
    random = np.random.default_rng(seed)
    shapes = {"classifier": labels} if family == "bert" else {"classifier.dense": hidden, "classifier.out_proj": labels}
    for name, rows in shapes.items():
        named[f"{name}.weight"] = random.normal(0, 0.4, (rows, hidden)).astype(np.float32)
        named[f"{name}.bias"] = random.normal(0, 0.4, rows).astype(np.float32)
    save_file(named, folder / "model.safetensors", {"format": "pt"})
    return folder


def tiny_settings(tmp_path: Path, **changes: Any) -> Settings:
    """Settings of a tiny model in `tmp_path / "model"`, made unless it is there."""
    folder = tmp_path / "model"
    if not folder.exists():
        a_tiny_model(folder)
    own = {"data_dir": tmp_path / "data", "machine_cache_dir": tmp_path / "machine", "model_path": folder}
    return Settings(**{**own, **changes})


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def _write_tokenizer(folder: Path, vocabulary: list[str]) -> None:
    numbers = {word: number for number, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", numbers["[CLS]"]), ("[SEP]", numbers["[SEP]"])],
    )
    # As in published models, the file carries a limit and padding of its own.
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(folder / "tokenizer.json"))
    named = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    _write(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": True, **named})
    _write(folder / "special_tokens_map.json", named)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")


def _config(
    family: Family, vocabulary: int, hidden: int, layers: int, heads: int, activation: str, positions: int
) -> dict[str, Any]:
    if family == "distilbert":
        return {
            "model_type": family,
            "vocab_size": vocabulary,
            "dim": hidden,
            "n_layers": layers,
            "n_heads": heads,
            "hidden_dim": 2 * hidden,
            "activation": activation,
            "max_position_embeddings": positions,
            "pad_token_id": 0,
            "architectures": ["DistilBertModel"],
        }
    classes = {"bert": "BertModel", "roberta": "RobertaModel", "camembert": "CamembertModel", "mpnet": "MPNetModel"}
    return {
        "model_type": family,
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 2 * hidden,
        "hidden_act": activation,
        "layer_norm_eps": 1e-12 if family == "bert" else 1e-5,
        "max_position_embeddings": positions,
        "type_vocab_size": 2 if family == "bert" else 1,
        "pad_token_id": 0 if family == "bert" else 1,
        "architectures": [classes.get(family, "XLMRobertaModel")],
        **({"relative_attention_num_buckets": 32} if family == "mpnet" else {"bos_token_id": 0, "eos_token_id": 2}),
    }


def _vocabulary(family: Family) -> list[str]:
    """Special tokens, then pieces: bytes (RoBERTa, byte-level BPE) or words and letters (SentencePiece's unigrams)."""
    if family in ("roberta", "mpnet"):
        return [*ROBERTA_SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    words = [f"▁{word}" for word in WORDS if not word.startswith("##")]
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1) if chr(code) not in WORDS]
    return [*ROBERTA_SPECIAL, *words, *("▁", "a", "b", "c", "d"), *letters, "관", "세", ".", ","]


def _write_roberta_tokenizer(folder: Path, family: Family, vocabulary: list[str]) -> None:
    if family in ("roberta", "mpnet"):
        tokenizer = Tokenizer(models.BPE({word: number for number, word in enumerate(vocabulary)}, []))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
    else:
        scores = [0.0 if piece in ROBERTA_SPECIAL else -1.0 - len(piece) / 10 for piece in vocabulary]
        tokenizer = Tokenizer(models.Unigram(list(zip(vocabulary, scores, strict=True)), unk_id=3))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(list(ROBERTA_SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"cls": "<s>", "bos": "<s>", "pad": "<pad>", "sep": "</s>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>"}
    _write(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "PreTrainedTokenizerFast"} | {f"{name}_token": token for name, token in named.items()},
    )


def _of_family(family: Family, heads: int, hidden: int, seed: int) -> dict[str, np.ndarray[Any, Any]]:
    """What BERT has in another shape or not at all."""
    random = np.random.default_rng(seed + 1)
    if family in ("bert", "distilbert"):
        return {}
    if family == "mpnet":
        return {"encoder.relative_attention_bias.weight": random.normal(0, 0.5, (32, heads)).astype(np.float32)}
    return {"embeddings.token_type_embeddings.weight": random.normal(0, 0.2, (1, hidden)).astype(np.float32)}


_RENAMED = {
    "distilbert": {
        "encoder.layer": "transformer.layer",
        "attention.self.query": "attention.q_lin",
        "attention.self.key": "attention.k_lin",
        "attention.self.value": "attention.v_lin",
        "attention.output.dense": "attention.out_lin",
        "attention.output.LayerNorm": "sa_layer_norm",
        "intermediate.dense": "ffn.lin1",
        "output.dense": "ffn.lin2",
        "output.LayerNorm": "output_layer_norm",
    },
    "mpnet": {
        "attention.self.query": "attention.attn.q",
        "attention.self.key": "attention.attn.k",
        "attention.self.value": "attention.attn.v",
        "attention.output.dense": "attention.attn.o",
        "attention.output.LayerNorm": "attention.LayerNorm",
    },
}


def _renamed(tensors: dict[str, np.ndarray[Any, Any]], family: Family) -> dict[str, np.ndarray[Any, Any]]:
    """As the family calls them, without those it does not have."""
    names = _RENAMED.get(family, {})
    if names:
        del tensors["embeddings.token_type_embeddings.weight"]
    if family == "distilbert":
        del tensors["pooler.dense.weight"], tensors["pooler.dense.bias"]
    result = {}
    for name, value in tensors.items():
        for old, new in names.items():
            name = name.replace(old, new, 1)
        result[name] = value
    return result


def _weights(vocabulary: int, hidden: int, layers: int, seed: int, positions: int) -> dict[str, np.ndarray[Any, Any]]:
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
    matrix("embeddings.position_embeddings.weight", positions, hidden)
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
