"""Samples from fixed noise: sheets for cards (PNG, TXT, WAV) and small snapshots of a training's course."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo import registry
from zoo.data.chorales import QUARTER, Note, notes_of, pitches_of
from zoo.data.dialogue import ROLES
from zoo.engine.modules import Modules
from zoo.entry import (
    ANY_TO_ANY,
    AUDIO_GENERATION,
    CAPTIONING,
    FILL_MASK,
    IMAGE_GENERATION,
    IMAGE_TEXT_MATCHING,
    IMAGE_TRANSLATION,
    MUSIC_GENERATION,
    NOTE_GENERATION,
    SOUND_GENERATION,
    TEXT_GENERATION,
    TEXT_TO_IMAGE,
    TEXT_TO_SPEECH,
    TRANSLATION,
    VOCODING,
)
from zoo.generate.grid import grid, to_bytes
from zoo.generate.organ import RATE, sounded
from zoo.generate.piano_roll import drawn
from zoo.noise import Noise

_WRITTEN = {
    IMAGE_GENERATION, IMAGE_TRANSLATION, TEXT_GENERATION, TRANSLATION, FILL_MASK, AUDIO_GENERATION,
    NOTE_GENERATION, SOUND_GENERATION, MUSIC_GENERATION, VOCODING, TEXT_TO_SPEECH, ANY_TO_ANY, IMAGE_TEXT_MATCHING,
    TEXT_TO_IMAGE, CAPTIONING,
}  # fmt: skip
"""Tasks that have a sheet of samples."""
_QUALITY = 85
"""Of pictures in a timeline: without loss they would take more than twice the room."""
_SENTENCES = ("Please enter your password.", "There are seven people in this conference.", "I am sorry, try again.")


def write_sheet(name: str, model: Any, stem: Path, tokenizer: Any, labels: tuple[str, ...]) -> None:
    """Write `stem`.png, .txt or .wav for whatever the model `name` generates; a classifier writes nothing. One that
    composes writes its notes as a picture and as a sound."""
    import torch

    tasks = registry.entry(name).tasks
    if not _WRITTEN & set(tasks):
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
        elif TEXT_TO_IMAGE in tasks:
            _prompted(model, tokenizer, 2).save(stem.with_suffix(".png"), optimize=True)
        elif IMAGE_TEXT_MATCHING in tasks:
            stem.with_suffix(".txt").write_text(_matches(model, tokenizer), encoding="utf-8")
        elif CAPTIONING in tasks:
            stem.with_suffix(".txt").write_text(_descriptions(model, tokenizer), encoding="utf-8")
        elif NOTE_GENERATION in tasks and model.config.num_pitches:
            _write_sound(stem.with_suffix(".wav"), _notes(model, 8), model.sample_rate)
        elif AUDIO_GENERATION in tasks:
            waveform = _sound(model, min(10, model.config.num_digits))
            _write_sound(stem.with_suffix(".wav"), waveform, model.sample_rate)
        elif SOUND_GENERATION in tasks:
            _write_sound(stem.with_suffix(".wav"), _hits(model, 0.5), model.sample_rate)
        elif MUSIC_GENERATION in tasks:
            notes, length = _music(model, 8)
            drawn(notes, length).save(stem.with_suffix(".png"), optimize=True)
            heard = [note for note in notes if note.start < length // 2]
            _write_sound(stem.with_suffix(".wav"), sounded(heard, 96.0)[::2], RATE // 2)  # small: half the rate
        elif VOCODING in tasks:
            _write_sound(stem.with_suffix(".wav"), _resynthesised(model, 3), model.sample_rate)
        elif TEXT_TO_SPEECH in tasks:
            _write_sound(stem.with_suffix(".wav"), _read_aloud(model, _SENTENCES), model.sample_rate)
        elif ANY_TO_ANY in tasks:
            sheet, waveform = _triples(model, 10)
            sheet.resize((sheet.width * 2, sheet.height * 2), Image.Resampling.NEAREST).save(stem.with_suffix(".png"))
            _write_sound(stem.with_suffix(".wav"), waveform, model.config.sample_rate)


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
        elif IMAGE_TEXT_MATCHING in tasks:
            path = stem.with_suffix(".txt")
            path.write_text(_matches(model, tokenizer), encoding="utf-8")
        elif CAPTIONING in tasks:
            path = stem.with_suffix(".txt")
            path.write_text(_descriptions(model, tokenizer), encoding="utf-8")
        elif NOTE_GENERATION in tasks and model.config.num_pitches:
            path = stem.with_suffix(".flac")
            _write_sound(path, _notes(model, 3), model.sample_rate)
        elif AUDIO_GENERATION in tasks:
            path = stem.with_suffix(".flac")
            _write_sound(path, _sound(model, min(5, model.config.num_digits)), model.sample_rate)
        elif SOUND_GENERATION in tasks:
            path = stem.with_suffix(".flac")
            _write_sound(path, _hits(model, 0.25), model.sample_rate)
        elif VOCODING in tasks:
            path = stem.with_suffix(".flac")
            _write_sound(path, _resynthesised(model, 1), model.sample_rate)
        elif TEXT_TO_SPEECH in tasks:
            path = stem.with_suffix(".flac")
            _write_sound(path, _read_aloud(model, _SENTENCES[:1]), model.sample_rate)
        else:
            path = stem.with_suffix(".webp")
            if MUSIC_GENERATION in tasks:
                drawn(*_music(model, 8)).save(path, lossless=True, method=6)
            elif ANY_TO_ANY in tasks:
                _plane(model).save(path, quality=_QUALITY, method=6)
            elif TEXT_TO_IMAGE in tasks:
                _prompted(model, tokenizer, 1).save(path, quality=_QUALITY, method=6)
            elif IMAGE_TRANSLATION in tasks:
                _translations(model, 6, 1).save(path, quality=_QUALITY, method=6)
            else:
                picture = _pictures(model, 8) if IMAGE_GENERATION in tasks else _confusion(model, data)
                picture.save(path, quality=_QUALITY, method=6)
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


def _resynthesised(model: Any, count: int) -> np.ndarray:
    """The first `count` recordings of the bundled sample that it has the rate of: each as it is, and vocoded."""
    from zoo.data.speech import read_recordings
    from zoo.generate.vocoder import vocode

    known = (read_recordings(name, "test", sample=True) for name in ("telephone_prompts", "spoken_digits"))
    waveforms = next((found.waveforms for found in known if found.sample_rate == model.sample_rate), [])
    pause = np.zeros(model.sample_rate // 5, np.float32)
    found, network = [pause], Modules(model)
    for waveform in waveforms[:count]:
        original = waveform[: len(waveform) // model.hop_length * model.hop_length]
        (mel,) = network.run("spectrogram", waveforms=original[None])
        found += [original, pause, vocode(network, mel)[0], pause]
    return np.concatenate(found)


def _read_aloud(model: Any, sentences: tuple[str, ...]) -> np.ndarray:
    """Sentences with pauses between, made heard by Griffin-Lim, for the vocoder is another model: float32 (t,)."""
    from zoo.generate.griffin_lim import griffin_lim
    from zoo.generate.speech import spoken, symbols_of

    config = model.config
    pause = np.zeros(model.sample_rate // 5, np.float32)
    ids = [symbols_of(sentence) % config.num_symbols for sentence in sentences]  # those of a tiny model are few
    mels = spoken(Modules(model), ids)
    clips = [griffin_lim(mel, config.window_length, config.hop_length, model.sample_rate) for mel in mels]
    return np.concatenate([part for clip in clips for part in (clip, pause)])


def _plane(model: Any) -> Image.Image:
    """The shared plane as it is written, in the middle of all styles."""
    from zoo.generate.plane import map_of

    side = 12
    return grid(to_bytes(map_of(Modules(model), side)), side)


def _triples(model: Any, each: int) -> tuple[Image.Image, np.ndarray]:
    """Each word in `each` handwritings, a word a row, and its first sound of each, with pauses: float32 (t,)."""
    from zoo.generate.plane import drawn_styles, forms_of, places_of, sound_of

    network, words = Modules(model), np.arange(model.num_words)
    places = places_of(network, words=words.repeat(each))
    made = forms_of(network, places, drawn_styles(Noise(0), len(places), model.style_dim))
    pause = np.zeros(model.config.sample_rate // 5, np.float32)
    said = [part for mel in made.mels[::each] for part in (sound_of(network, mel), pause)]
    return grid(to_bytes(made.images), each), np.concatenate(said)


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


def _prompted(model: Any, tokenizer: Any, scale: int) -> Image.Image:
    """A row for each of the example prompts, a column for each style; of an autoencoder alone before and after."""
    import torch

    from zoo.data.captions import prompt_ids
    from zoo.data.load import load
    from zoo.generate.prompting import EXAMPLES, STYLES, prompt_of

    if model.config.stage == "autoencoder":
        data = load("emoji_names", "test", model.config, sample=True, tokenizer=tokenizer)
        images = data.batch(np.linspace(0, len(data) - 1, 24).round().astype(np.int64))["image"]
        made = model.reconstruct(images)
        rows = [part for pair in zip(images.split(12), made.split(12), strict=True) for part in pair]
        return grid(to_bytes(torch.cat(rows).numpy()), 12, scale=scale)
    prompts = [prompt_of(text, style) for text in EXAMPLES for style in STYLES]
    ids = torch.from_numpy(prompt_ids(tokenizer, prompts, model.config.context_length))
    latents = Noise(0).normal(len(EXAMPLES), model.latent_dim).repeat_interleave(len(STYLES), 0)
    return grid(to_bytes(model.generate(latents, ids).numpy()), len(STYLES), scale=scale)


def _matches(model: Any, tokenizer: Any) -> str:
    from zoo.generate.matching import sample_matches

    return sample_matches(Modules(model), tokenizer)


def _descriptions(model: Any, tokenizer: Any) -> str:
    from zoo.generate.describing import sample_descriptions

    return sample_descriptions(Modules(model), tokenizer)


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


def _notes(model: Any, count: int) -> np.ndarray:
    """A rising line of notes, each half a second of another instrument, as far apart as the model's instruments are:
    float32 (t,)."""
    from zoo.generate.digits import play_batch

    config = model.config
    pitches = np.linspace(0, config.num_pitches - 1, count + 2).round().astype(np.int64)[1:-1]
    instruments = np.arange(count) * config.num_instruments // count
    made = play_batch(Modules(model), pitches, instruments, seconds=0.5, seed=0, temperature=1.0)
    return made.reshape(-1)


def _hits(model: Any, seconds: float) -> np.ndarray:
    """The first `seconds` of one sound of each class, or of seven where there are none, one after the other, each at
    one peak and faded: float32 (t,)."""
    import torch

    from zoo.data.drums import one_shot

    device, count = str(next(model.parameters()).device), model.num_classes or 7
    labels = torch.arange(count, device=device) if model.num_classes else None
    made = model.generate(Noise(0, device=device).normal(count, model.latent_dim), labels).float().cpu().numpy()
    length = min(made.shape[1], round(seconds * model.sample_rate))
    return np.concatenate([one_shot(sound, length) for sound in made])


def _music(model: Any, bars: int) -> tuple[list[Note], int]:
    """Notes of a piece from fixed noise, and its sixteenths."""
    from zoo.generate.counterpoint import write_batch

    length = min(bars * 4 * QUARTER, model.config.context_length * model.config.grid)
    frames = np.array([length // model.config.grid])
    written = write_batch(Modules(model), None, frames, seed=0, temperature=1.0, top_p=0.95)
    return notes_of(pitches_of(written[0]), model.config.grid), length
