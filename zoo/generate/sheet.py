"""Samples from fixed noise: sheets for cards (PNG, TXT, WAV) and small snapshots of a training's course."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo import registry
from zoo.data.dialogue import ROLES
from zoo.engine.modules import Modules
from zoo.entry import AUDIO_GENERATION, FILL_MASK, IMAGE_GENERATION, IMAGE_TRANSLATION, TEXT_GENERATION, TRANSLATION
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


def to_bytes(images: np.ndarray) -> np.ndarray:
    """images float32 (n, c, h, w) in [-1, 1] -> uint8 (n, h, w) for one channel, else (n, h, w, c)."""
    array = ((images.clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)
    return array[:, 0] if array.shape[1] == 1 else array.transpose(0, 2, 3, 1)


def write_sheet(name: str, model: Any, stem: Path, tokenizer: Any, labels: tuple[str, ...]) -> None:
    """Write `stem`.png, .txt or .wav for whatever the model `name` generates; a classifier writes nothing."""
    import torch

    tasks = registry.entry(name).tasks
    written = {IMAGE_GENERATION, IMAGE_TRANSLATION, TEXT_GENERATION, TRANSLATION, FILL_MASK, AUDIO_GENERATION}
    if not written & set(tasks):
        return
    stem.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        if IMAGE_GENERATION in tasks:
            sheet = _pictures(model, 10)
            sheet.resize((sheet.width * 2, sheet.height * 2), Image.Resampling.NEAREST).save(stem.with_suffix(".png"))
        elif IMAGE_TRANSLATION in tasks:
            _translations(model, 12, 2).save(stem.with_suffix(".png"), optimize=True)
        elif TRANSLATION in tasks:
            stem.with_suffix(".txt").write_text(_sequences(model, tokenizer), encoding="utf-8")
        elif FILL_MASK in tasks:
            stem.with_suffix(".txt").write_text(_readings(model, tokenizer, labels), encoding="utf-8")
        elif TEXT_GENERATION in tasks:
            stem.with_suffix(".txt").write_text(_text(model, tokenizer, labels), encoding="utf-8")
        elif AUDIO_GENERATION in tasks:
            waveform = _sound(model, min(10, model.config.num_digits))
            _write_sound(stem.with_suffix(".wav"), waveform, model.sample_rate)


def write_snapshot(name: str, model: Any, stem: Path, tokenizer: Any, data: Any) -> Path:
    """Write `stem`.webp, .txt or .flac, a few kilobytes of what the model `name` makes from fixed noise.

    A classifier shows what it takes for what: a row for each class of up to 1,000 samples of `data`, a column for
    each answer, as white as answers are frequent. Returns the path.
    """
    import torch

    tasks = registry.entry(name).tasks
    stem.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        if TRANSLATION in tasks:
            path = stem.with_suffix(".txt")
            path.write_text(_sequences(model, tokenizer), encoding="utf-8")
        elif FILL_MASK in tasks:
            path = stem.with_suffix(".txt")
            path.write_text(_readings(model, tokenizer, data.labels), encoding="utf-8")
        elif TEXT_GENERATION in tasks:
            path = stem.with_suffix(".txt")
            path.write_text(_text(model, tokenizer, data.labels), encoding="utf-8")
        elif AUDIO_GENERATION in tasks:
            path = stem.with_suffix(".flac")
            _write_sound(path, _sound(model, min(5, model.config.num_digits)), model.sample_rate)
        else:
            path = stem.with_suffix(".webp")
            if IMAGE_TRANSLATION in tasks:  # in full colour: without loss they would take four times the room
                _translations(model, 6, 1).save(path, quality=85, method=6)
            else:
                picture = _pictures(model, 8) if IMAGE_GENERATION in tasks else _confusion(model, data)
                picture.save(path, lossless=True, method=6)
    return path


def _write_sound(path: Path, waveform: np.ndarray, rate: int) -> None:
    """waveform float32 (t,) -> a file of the kind that its suffix names. Raises OSError, as other writes do."""
    import soundfile

    encoded = io.BytesIO()
    soundfile.write(encoded, waveform, rate, format=path.suffix[1:])
    path.write_bytes(encoded.getvalue())


def _confusion(model: Any, data: Any) -> Image.Image:
    import torch

    classes = len(data.labels)
    counts = np.zeros((classes, classes))
    size = 1 if data.lengths is not None else 100  # clips of different lengths are judged one by one
    for start in range(0, min(1000, len(data)), size):
        batch = data.batch(np.arange(start, min(start + size, len(data))))
        inputs = batch["waveform"] if "waveform" in batch else batch["image"]
        np.add.at(counts, (batch["label"].numpy(), torch.argmax(model(inputs), 1).numpy()), 1)
    shares = counts / counts.sum(1, keepdims=True).clip(1)
    cells = np.broadcast_to((shares * 255).round().astype(np.uint8).reshape(-1, 1, 1), (classes**2, 24, 24))
    return grid(cells, classes, paper=96)


def _pictures(model: Any, each: int) -> Image.Image:
    """`each` pictures of every class, a class a row; ten rows where there are no classes."""
    import torch

    device = next(model.parameters()).device
    rows = model.num_classes or 10
    labels = torch.arange(rows, device=device).repeat_interleave(each) if model.num_classes else None
    latents = Noise(0, device=str(device)).normal(rows * each, model.latent_dim)
    return grid(to_bytes(model.generate(latents, labels).float().cpu().numpy()), each)


def _translations(model: Any, columns: int, blocks: int) -> Image.Image:
    """Held-out pictures of the bundled sample in `blocks` of three rows: before, after, and the truth.

    A model that goes both ways has as many blocks of the way back.
    """
    from zoo.data.load import load

    device = next(model.parameters()).device
    data = load("emoji", "test", model.config, sample=True)
    batch = data.batch(np.linspace(0, len(data) - 1, columns * blocks).round().astype(np.int64))
    ways = [("source", "target", model.translate)]
    if hasattr(model, "translate_back"):
        ways.append(("target", "source", model.translate_back))
    rows = []
    for before, after, translate in ways:
        made = translate(batch[before].to(device)).float().cpu()
        shown = [batch[before].numpy(), made.numpy(), batch[after].numpy()]
        size = max(images.shape[2] for images in shown)
        shown = [images.repeat(size // images.shape[2], 2).repeat(size // images.shape[3], 3) for images in shown]
        for block in range(blocks):
            rows += [to_bytes(images[block * columns : (block + 1) * columns]) for images in shown]
    return grid(np.concatenate(rows), columns)


def _text(model: Any, tokenizer: Any, labels: tuple[str, ...]) -> str:
    from zoo.generate.verse import write_poems

    if tuple(labels) == ROLES:
        from zoo.generate.chat import sample_chats

        return sample_chats(Modules(model), tokenizer)
    if labels:  # the forms of verse
        poems = write_poems(Modules(model), tokenizer, labels)
        return "\n\n".join(f"{form}\n" + "\n".join(poem) for form, poem in zip(labels, poems, strict=True)) + "\n"
    from zoo.generate.prose import continue_text

    return "".join(continue_text(Modules(model), tokenizer, "", count=400, temperature=0.8)) + "\n"


def _readings(model: Any, tokenizer: Any, labels: tuple[str, ...]) -> str:
    from zoo.generate.masked import sample_readings

    return sample_readings(Modules(model), tokenizer, labels)


def _sequences(model: Any, tokenizer: Any) -> str:
    """The examples of each direction that the tokenizer knows: source, what the model writes, and the reference."""
    from zoo.data.sequences import EXAMPLES, directions_of
    from zoo.generate.translation import translated

    lines = []
    for direction in directions_of(tokenizer):
        pairs = EXAMPLES.get(direction) or tuple((target, source) for source, target in EXAMPLES["en-zh"])
        made = translated(Modules(model), tokenizer, [source for source, _ in pairs], direction)
        for (source, reference), text in zip(pairs, made, strict=True):
            lines.append(f"{source}\n  {text}\n  [{reference}]\n")
    return "\n".join(lines)


def _sound(model: Any, count: int) -> np.ndarray:
    """The first `count` digits, each by another speaker, with pauses: float32 (t,)."""
    from zoo.generate.digits import say_batch

    digits = np.arange(count)
    clips = say_batch(Modules(model), digits, digits % model.config.num_speakers, seed=0, temperature=1.0)
    pause = np.zeros(model.sample_rate // 5, np.float32)
    return np.concatenate([part for clip in clips for part in (clip, pause)])
