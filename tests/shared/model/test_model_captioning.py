"""Captions by BLIP in its child process: a tiny random one, and what is said when there is none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from picture_builders import a_picture, a_tiny_blip, as_file
from PIL import Image

from shared.kernel import Refused, Unavailable, Unsupported
from shared.model.pictures.captioning import Captioner, load_captioner
from shared.settings import Settings


def children() -> list[int]:
    return [child.pid for child in psutil.Process().children() if "blip_child" in " ".join(child.cmdline())]


def test_no_model_that_was_set_is_told() -> None:
    with pytest.raises(Unavailable) as missing:
        load_captioner(Settings(caption_model=None))
    assert missing.value.detail == "no model is set; set SEOGA_CAPTION_MODEL to a BLIP folder"
    assert missing.value.specific_code == "weights_not_found"


@pytest.mark.parametrize("files", [(), ("config.json",), ("config.json", "pytorch_model.bin")])
def test_missing_weights_are_told_with_their_path(tmp_path: Path, files: tuple[str, ...]) -> None:
    folder = tmp_path / "blip"
    for file in files:
        folder.mkdir(exist_ok=True)
        (folder / file).write_bytes(b"{}")
    with pytest.raises(Unavailable) as missing:
        load_captioner(Settings(caption_model=folder))
    assert missing.value.detail == f"weights not found at {folder}; set SEOGA_CAPTION_MODEL"
    assert missing.value.specific_code == "weights_not_found"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_tiny_blip(tmp_path_factory.mktemp("blip") / "tiny-blip")


@pytest.fixture(scope="module")
def captioner(folder: Path) -> Iterator[Captioner]:
    loaded = load_captioner(Settings(caption_model=folder))
    yield loaded
    loaded.close()


PICTURES = [
    as_file(Image.new("RGB", (64, 48), colour)) for colour in ("red", "green", "blue", "white", "black", "yellow")
]


@pytest.mark.reference
def test_captions_are_those_of_transformers(captioner: Captioner, folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer
    from transformers import BlipForConditionalGeneration, BlipImageProcessorPil

    model: Any = BlipForConditionalGeneration.from_pretrained(folder, local_files_only=True)
    model.eval()
    pixels = BlipImageProcessorPil.from_pretrained(folder)(
        images=[Image.new("RGB", (64, 48), colour) for colour in ("red", "green")], return_tensors="pt"
    )
    with torch.inference_mode():
        tokens = model.generate(**pixels, max_new_tokens=30, num_beams=3, do_sample=False)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    expected = tokenizer.decode_batch(tokens.tolist(), skip_special_tokens=True)
    assert [caption.text for caption in captioner.caption(PICTURES[:2])] == expected
    assert all(text for text in expected)


@pytest.mark.reference
def test_more_pictures_than_a_batch_holds_are_answered_in_their_order(captioner: Captioner) -> None:
    alone = [captioner.caption([picture])[0] for picture in PICTURES]
    assert captioner.caption(PICTURES * 2) == alone * 2
    assert captioner.caption([]) == []


@pytest.mark.reference
def test_its_memory_is_the_childs_and_is_given_back(folder: Path) -> None:
    before = set(children())
    captioner = load_captioner(Settings(caption_model=folder))
    assert captioner.memory_bytes > 100 << 20
    assert captioner.name == "tiny-blip"
    captioner.close()
    assert captioner.memory_bytes == 0
    assert set(children()) <= before
    with pytest.raises(Unavailable, match="unloaded"):
        captioner.caption(PICTURES[:1])


@pytest.mark.reference
def test_what_is_no_picture_is_refused_and_the_next_captioned(captioner: Captioner) -> None:
    with pytest.raises(Unsupported, match="Picture 10 of 10"):
        captioner.caption([*PICTURES, *PICTURES[:3], b"no picture"])
    with pytest.raises(Refused, match="SEOGA_IMAGE_PIXELS"):
        captioner.caption([b"P5 20000 20000 255\n"])
    assert captioner.caption([as_file(a_picture("harbour"), "JPEG")])[0].text


@pytest.mark.reference
def test_a_child_that_was_killed_is_started_anew(folder: Path) -> None:
    before = set(children())
    captioner = load_captioner(Settings(caption_model=folder))
    try:
        first = captioner.caption(PICTURES[:1])
        (pid,) = set(children()) - before
        psutil.Process(pid).kill()
        # Whether the end is seen before or only in the call: at most that one call fails.
        try:
            second = captioner.caption(PICTURES[:1])
        except Refused as error:
            assert error.specific_code == "picture_reader_crashed"
            second = captioner.caption(PICTURES[:1])
        assert second == first
    finally:
        captioner.close()


@pytest.mark.reference
def test_weights_that_lack_a_part_are_not_served(folder: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "crossattention" in name)
    del weights[name]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(Unavailable, match="lack 1 parts of BLIP") as refused:
        load_captioner(Settings(caption_model=tmp_path))
    assert name in refused.value.detail


@pytest.mark.reference
def test_damaged_weights_are_unavailable(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(Unavailable, match="could not be loaded"):
        load_captioner(Settings(caption_model=tmp_path))
