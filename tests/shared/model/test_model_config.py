"""What a model's own files say."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from model_builders import a_tiny_model

from shared.kernel import Unavailable
from shared.model.files.config import model_config, read_model_config
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


def a_cached_model(home: Path, *, commit: str = "c0ffee", name: str = "intfloat/multilingual-e5-small") -> Path:
    """A model as the Hugging Face cache keeps it, in the snapshot that `main` names."""
    cache = home / "hub" / f"models--{name.replace('/', '--')}"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(commit)
    return a_tiny_model(cache / "snapshots" / commit)


def test_a_model_is_found_by_name_in_the_local_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    folder = a_cached_model(tmp_path)
    config = model_config(Settings(model_name="intfloat/multilingual-e5-small"))
    assert (config.name, config.folder) == ("multilingual-e5-small", folder)
    assert model_config(Settings(model_name="intfloat/multilingual-e5-small", model_revision="c0ffee")) == config
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HOME")
    assert model_config(Settings(model_name="intfloat/multilingual-e5-small")) == config


@pytest.mark.parametrize("revision", ["v2", "../../..", "/"])
def test_a_revision_that_is_not_there_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    a_cached_model(tmp_path)
    with pytest.raises(Unavailable, match=r"SEOGA_MODEL_NAME was 'intfloat/.*seoga model fetch intfloat/"):
        model_config(Settings(model_name="intfloat/multilingual-e5-small", model_revision=revision))


def test_e5_models_get_the_prompts_their_cards_ask_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    a_cached_model(tmp_path)
    config = model_config(Settings(model_name="intfloat/multilingual-e5-small"))
    assert (config.query_prompt, config.passage_prompt) == ("query: ", "passage: ")
    asked = Settings(model_name="intfloat/multilingual-e5-small", model_query_prompt="Q: ")
    assert (model_config(asked).query_prompt, model_config(asked).passage_prompt) == ("Q: ", "passage: ")


def test_settings_go_before_what_the_files_say_within_the_models_limits(tmp_path: Path) -> None:
    folder = a_tiny_model(tmp_path / "model", max_tokens=24)
    asked = Settings(model_path=folder, model_max_tokens=12, model_languages=("ko", "en"), model_passage_prompt="P: ")
    config = model_config(asked)
    assert (config.max_tokens, config.languages) == (12, frozenset({"ko", "en"}))
    assert (config.query_prompt, config.passage_prompt) == ("", "P: ")
    assert model_config(Settings(model_path=folder, model_max_tokens=500)).max_tokens == 24
    assert config.fingerprint("0") != model_config(Settings(model_path=folder)).fingerprint("0")


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
