"""Sheets of samples from fixed noise, for runs and cards: pictures as PNG, text as TXT, sound as WAV and PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo import registry
from zoo.entry import AUDIO_GENERATION, IMAGE_GENERATION, TEXT_GENERATION
from zoo.noise import Noise


def grid(images: np.ndarray, columns: int, *, scale: int = 1, gap: int = 2, paper: int = 255) -> Image.Image:
    """images uint8 (n, h, w) or (n, h, w, 3) -> one picture, row by row, each pixel `scale` wide, on `paper`."""
    n, height, width = images.shape[:3]
    rows = -(-n // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, *images.shape[3:])
    sheet = np.full(shape, paper, np.uint8)
    for i, image in enumerate(images):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    picture = Image.fromarray(sheet)
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def to_bytes(images: Any) -> np.ndarray:
    """images float tensor (n, c, h, w) in [-1, 1] -> uint8 (n, h, w) for one channel, else (n, h, w, c)."""
    array = ((images.float().clamp(-1, 1) + 1) * 127.5).round().byte().cpu().numpy()
    return array[:, 0] if array.shape[1] == 1 else array.transpose(0, 2, 3, 1)


def write_sheet(name: str, model: Any, stem: Path, tokenizer: Any, labels: tuple[str, ...]) -> None:
    """Write `stem`.png, .txt or .wav for whatever the model `name` generates; a classifier writes nothing."""
    import torch

    tasks = registry.entry(name).tasks
    if not {IMAGE_GENERATION, TEXT_GENERATION, AUDIO_GENERATION} & set(tasks):
        return
    stem.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        if IMAGE_GENERATION in tasks:
            _pictures(model, stem.with_suffix(".png"))
        elif TEXT_GENERATION in tasks:
            stem.with_suffix(".txt").write_text(_text(model, tokenizer, labels), encoding="utf-8")
        elif AUDIO_GENERATION in tasks:
            _sound(model, stem.with_suffix(".wav"))


def _pictures(model: Any, path: Path) -> None:
    import torch

    device = next(model.parameters()).device
    rows = model.num_classes or 10
    labels = torch.arange(rows, device=device).repeat_interleave(10) if model.num_classes else None
    latents = Noise(0, device=str(device)).normal(rows * 10, model.latent_dim)
    grid(to_bytes(model.generate(latents, labels)), 10, scale=2).save(path)


def _text(model: Any, tokenizer: Any, labels: tuple[str, ...]) -> str:
    from zoo.generate.verse import write_poems

    if labels:  # the forms of verse
        poems = write_poems(model, tokenizer, labels)
        return "\n\n".join(f"{form}\n" + "\n".join(poem) for form, poem in zip(labels, poems, strict=True)) + "\n"
    from zoo.generate.prose import continue_text

    return "".join(continue_text(model, tokenizer, "\n", count=400, temperature=0.8)) + "\n"


def _sound(model: Any, path: Path) -> None:
    import soundfile

    from zoo.generate.digits import say_batch

    digits = np.arange(min(10, model.config.num_digits))
    clips = say_batch(model, digits, digits % model.config.num_speakers, seed=0, temperature=1.0)
    pause = np.zeros(model.sample_rate // 5, np.float32)
    soundfile.write(path, np.concatenate([part for clip in clips for part in (clip, pause)]), model.sample_rate)
