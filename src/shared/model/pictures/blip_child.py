"""The child that captions pictures by BLIP (Li et al., 2022): `python -m shared.model.pictures.blip_child`."""

import importlib
import os
from pathlib import Path
from typing import Any, Final

from shared.model.engines.cores import usable_cores
from shared.runtime.child import serve_parent

_MOST_NEW_TOKENS: Final = 30
_BEAMS: Final = 3
"""As BLIP's authors caption (configs/caption_coco.yaml: 3 beams, at most 20 tokens)."""


class _Blip:
    """The model, its picture preparation and its tokenizer, all from the folder's own files."""

    def __init__(self, folder: str, device: str, most_pixels: int, memory_bytes: int) -> None:
        from tokenizers import Tokenizer

        from shared.model.pictures.decoding import limit_further_memory

        # Untyped on purpose: what they declare depends on whether they are installed.
        torch: Any = importlib.import_module("torch")
        transformers: Any = importlib.import_module("transformers")
        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(usable_cores())
        self._torch = torch
        self._most_pixels = most_pixels
        self._device = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
        model, found = transformers.BlipForConditionalGeneration.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        # Weights that are not in the file would be random, and the captions invented.
        if found["missing_keys"] or found["mismatched_keys"]:
            names = sorted(str(name) for name in (*found["missing_keys"], *found["mismatched_keys"]))
            raise ValueError(f"the weights lack {len(names)} parts of BLIP, such as {names[0]}")
        self._model = model.eval().to(self._device)
        self._processor = transformers.BlipImageProcessorPil.from_pretrained(folder, local_files_only=True)
        self._tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        self._side = int(model.config.vision_config.image_size)
        self._trial()
        # Only now: torch and its threads reserve far more address space than they use.
        if self._device == "cpu":
            limit_further_memory(memory_bytes)

    def caption(self, images: list[bytes], first: int, count: int) -> list[str]:
        """One sentence per picture; these are the `first` and following of `count`. Raises Unreadable."""
        from shared.model.pictures.decoding import Unreadable, decode_first

        pictures = []
        for number, data in enumerate(images, start=first):
            try:
                pictures.append(decode_first(data, most_pixels=self._most_pixels, draft_side=2 * self._side))
            except Unreadable as error:
                where = f"Picture {number} of {count}: " if count > 1 else ""
                raise Unreadable(error.data["code"], f"{where}{error}") from error
        return self._captions(pictures)

    def _captions(self, pictures: list[Any]) -> list[str]:
        inputs = self._processor(images=pictures, return_tensors="pt").to(self._device)
        with self._torch.inference_mode():
            tokens = self._model.generate(**inputs, max_new_tokens=_MOST_NEW_TOKENS, num_beams=_BEAMS, do_sample=False)
        texts: list[str] = self._tokenizer.decode_batch(tokens.tolist(), skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]

    def _trial(self) -> None:
        from PIL import Image

        self._captions([Image.new("RGB", (self._side, self._side), (128, 128, 128))])


def _serve() -> None:
    """The child's life. The model is loaded by `setup`, so that what goes wrong there is an answer."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # The parent's children have one OpenMP thread unless told otherwise; here the work is one batch at a time.
    os.environ["OMP_THREAD_LIMIT"] = str(usable_cores())
    models: list[_Blip] = []

    def setup(**arguments: Any) -> None:
        models.append(_Blip(**arguments))

    def caption(images: list[bytes], first: int, count: int) -> list[str]:
        return models[0].caption(images, first, count)

    serve_parent({"setup": setup, "caption": caption})


if __name__ == "__main__":
    _serve()
