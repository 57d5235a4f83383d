"""Pictures for tests, made here; a tiny random BLIP; and the simplest adapter from loaded models to the port."""

import asyncio
import json
import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from shared.kernel import Unavailable
from shared.model.pictures.captioning import Captioner, load_captioner
from shared.model.pictures.ocr import TextReader, load_text_reader
from shared.ports.images import Caption, PictureText
from shared.settings import Settings

_KOREAN_FONTS = ("NanumGothic.ttf", "NanumBarunGothic.ttf", "NotoSansCJK-Regular.ttc", "NotoSansKR-Regular.otf")


def a_picture(*lines: str, size: int = 28, font: Any = None, colour: int = 20, paper: int = 250) -> Image.Image:
    """Lines of dark text on light paper, in grey."""
    font = font or ImageFont.load_default(size)
    width = int(max((font.getlength(line) for line in lines), default=100)) + 4 * size
    picture = Image.new("L", (width, int(1.6 * size * len(lines)) + 3 * size), paper)
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        draw.text((2 * size, int(1.2 * size + 1.6 * size * number)), line, font=font, fill=colour)
    return picture


def as_file(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """The bytes of its file."""
    target = BytesIO()
    picture.save(target, format, **options)
    return target.getvalue()


def korean_fonts(size: int) -> list[Any]:
    """Each font with Hangul of this machine; skips the test where there is none."""
    folders = [Path(name) for name in ("/usr/share/fonts", "/usr/local/share/fonts")]
    files = [next(iter(folder.rglob(name)), None) for name in _KOREAN_FONTS for folder in folders]
    fonts = [ImageFont.truetype(str(file), size) for file in files if file is not None]
    return fonts or pytest.skip("no font with Hangul on this machine (fonts-nanum)")


def korean_font(size: int) -> Any:
    """One of them."""
    return korean_fonts(size)[0]


def word_pictures() -> list[tuple[Path, str, str]]:
    """File, style and text of real pictures of Korean words; skips the test where they are missing."""
    root = os.environ.get("SEOGA_TEST_DATA")
    folder = (Path(root) if root else Path(__file__).parents[1].parent / "shared" / "data") / "ocr_ko_lines"
    if not (folder / "labels.tsv").is_file():
        pytest.skip(f"no test data in {folder} (set SEOGA_TEST_DATA)")
    rows = [line.split("\t") for line in (folder / "labels.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    return [(folder / file, style, text) for file, style, text in rows]


def ocr_reader(tmp_path: Path, **changes: Any) -> TextReader:
    """A loaded reader, to be closed; skips the test where Tesseract's data are missing."""
    try:
        return load_text_reader(Settings(**{"data_dir": tmp_path / "data", **changes}))
    except Unavailable as error:
        if error.specific_code == "weights_not_found":
            pytest.skip(error.detail)
        raise


class LoadedModels:
    """ImageModels over models that are loaded at the first call and never go."""

    def __init__(self, settings: Settings, *, reader: TextReader | None = None) -> None:
        self.settings = settings
        self._captioner: Captioner | None = None
        self._reader = reader
        self._lent = reader

    async def caption(self, images: Sequence[bytes]) -> list[Caption]:
        """See ImageModels."""
        if self._captioner is None:
            self._captioner = await asyncio.to_thread(load_captioner, self.settings)
        return await asyncio.to_thread(self._captioner.caption, images)

    async def read_text(self, images: Sequence[bytes], languages: str | None = None) -> list[PictureText]:
        """See ImageModels."""
        if self._reader is None:
            self._reader = await asyncio.to_thread(load_text_reader, self.settings)
        return await asyncio.to_thread(self._reader.read_text, images, languages)

    async def close(self) -> None:
        """Ends the children that were started here."""
        for loaded in (self._captioner, self._reader):
            if loaded is not None and loaded is not self._lent:
                await asyncio.to_thread(loaded.close)


def a_tiny_blip(folder: Path) -> Path:
    """Writes the folder of a random BLIP whose captions are made of ten words; needs torch and transformers."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipImageProcessorPil

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"]
    words += ["a", "ship", "in", "the", "harbour", "with", "red", "boxes", "and", "cranes"]
    numbers = {word: number for number, word in enumerate(words)}
    tokens = {"pad_token_id": 0, "bos_token_id": 5, "eos_token_id": 3, "sep_token_id": 3}
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    torch.manual_seed(7)
    config = BlipConfig(
        text_config={
            **layers,
            **tokens,
            "vocab_size": len(words),
            "encoder_hidden_size": 32,
            "max_position_embeddings": 64,
            "projection_dim": 32,
        },
        vision_config={**layers, "image_size": 32, "patch_size": 8, "projection_dim": 32},
        projection_dim=32,
        image_text_hidden_size=32,
    )
    BlipForConditionalGeneration(config).save_pretrained(folder)
    BlipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(words[:6])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}), encoding="utf-8")
    return folder
