"""What a model's own files say."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from model_builders import a_tiny_model

from shared.kernel import Unavailable
from shared.model.config import model_config, read_model_config
from shared.settings import Settings


def test_the_packaged_model_is_found_and_read() -> None:
    config = model_config(Settings())
    assert (config.name, config.dimension, config.max_tokens) == ("all-MiniLM-L6-v2", 384, 256)
    assert (config.pooling, config.normalise, config.languages) == ("mean", True, frozenset({"en"}))
    assert (config.query_prompt, config.passage_prompt) == ("", "")
    assert config.weights.is_file()


def test_a_folder_is_named_after_itself_and_has_its_own_prompts(tmp_path: Path) -> None:
    a_tiny_model(tmp_path / "my-e5", prompts={"query": "query: ", "passage": "passage: "}, pooling="cls")
    config = model_config(Settings(model_path=tmp_path / "my-e5"))
    assert config.name == "my-e5"
    assert (config.prompt("query"), config.prompt("passage")) == ("query: ", "passage: ")
    assert config.pooling == "cls"


@pytest.mark.parametrize(
    ("card", "languages"),
    [
        ("---\nlanguage: en\n---\n", {"en"}),
        ("---\nlicense: mit\nlanguage:\n- ko\n- en\ntags:\n- x\n---\n# Model\n", {"ko", "en"}),
        ("---\nlanguage: [ko, 'ja']\n---\n", {"ko", "ja"}),
        ("---\nlanguage:\n  - multilingual\n  - ko\n---\n", {"ko"}),
        ("---\nlicense: mit\n---\nlanguage: fr\n", {"en"}),
        ("# No front matter\n", {"en"}),
        (None, {"en"}),
    ],
)
def test_languages_come_from_the_model_card(tmp_path: Path, card: str | None, languages: set[str]) -> None:
    folder = a_tiny_model(tmp_path / "model", card=card)
    assert read_model_config(folder, name="model").languages == languages


def test_newer_pooling_files_are_read(tmp_path: Path) -> None:
    folder = a_tiny_model(tmp_path / "model")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"embedding_dimension": 32, "pooling_mode": "cls"}))
    assert read_model_config(folder, name="model").pooling == "cls"


def test_a_plain_transformers_folder_is_pooled_by_the_mean(tmp_path: Path) -> None:
    folder = a_tiny_model(tmp_path / "model")
    for name in ("modules.json", "sentence_bert_config.json"):
        (folder / name).unlink()
    config = read_model_config(folder, name="model")
    assert (config.pooling, config.normalise, config.max_tokens) == ("mean", False, 40)


def test_a_missing_folder_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"SEOGA_MODEL_PATH was '.*absent'"):
        model_config(Settings(model_path=tmp_path / "absent"))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = a_tiny_model(tmp_path / "model")
    (folder / "config.json").write_text("{")
    with pytest.raises(Unavailable, match=r"config\.json' is damaged"):
        read_model_config(folder, name="model")


def test_the_fingerprint_names_the_space_and_nothing_else(tmp_path: Path) -> None:
    config = read_model_config(a_tiny_model(tmp_path / "model"), name="model")
    same = (
        replace(config, engine="sentence-transformers"),
        replace(config, threads=3, load_timeout_seconds=1),
        replace(config, name="other", languages=frozenset({"ko"})),
        read_model_config(a_tiny_model(tmp_path / "copy"), name="copy"),
    )
    others = (
        replace(config, pooling="cls"),
        replace(config, normalise=False),
        replace(config, query_prompt="query: "),
        replace(config, max_tokens=12),
        replace(config, lower_case=True),
    )
    assert {one.fingerprint("0") for one in same} == {config.fingerprint("0")}
    assert len({one.fingerprint("0") for one in (config, *others)} | {config.fingerprint("1")}) == len(others) + 2
    config.tokenizer.write_bytes(config.tokenizer.read_bytes() + b"\n")
    assert config.fingerprint("0") != same[3].fingerprint("0")
