"""A zoo of untrained checkpoints of a few thousand parameters, made in seconds: what generate needs, and no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from zoo import checkpoint, hub, registry
from zoo.checkpoint import sha256_of, write_json
from zoo.data.spoken_text import SYMBOLS
from zoo.data.text import COMMA, FORMS, SPECIAL, STOP
from zoo.data.tokenizer import train_characters
from zoo.generate import library
from zoo.metrics import judges

DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
DRUMS = ("kick", "snare", "hihat_closed", "hihat_open", "tom", "cymbal", "percussion")
INSTRUMENTS = ("acoustic_grand_piano", "electric_piano", "vibraphone", "marimba")
PLAYS = {"contour_points": 0, "num_digits": 0, "num_pitches": 49, "num_instruments": 4, "sample_rate": 16000}
"""Of a WaveNet that plays notes from C2 to C6."""
PROSE = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
VERSE = "春夏秋冬风花雪月山高水长天地人日江河明夜床前光疑是上霜举头望低思故乡白李杜甫江"
FIGURES = {
    "dcgan.mnist": {"name": "judge agreement", "value": 0.9887, "unit": "share"},
    "vae.mnist": {"name": "negative log-likelihood", "value": 84.62, "unit": "nats an image"},
    "gpt.shakespeare": {"name": "loss", "value": 1.5234, "unit": "nats a character", "floor": 3.36},
    "gpt.tang": {"name": "perplexity", "value": 85.27, "unit": "a character"},
}
LICENCES = {
    "mnist": "cc-by-sa-3.0", "gm_notes": "mit", "spoken_digits": "cc-by-sa-4.0", "drums": "cc-by-sa-3.0",
    "telephone_prompts": "cc-by-sa-3.0", "trimodal_digits": "cc-by-sa-4.0",
}  # fmt: skip
SPECTROGRAM = {"window_length": 256, "hop_length": 80, "num_mels": 40}
"""What a voice and its vocoder must agree about."""


def make(
    folder: Path,
    name: str,
    dataset: str,
    labels: tuple[str, ...] = (),
    tokenizer: Any = None,
    fields: dict[str, Any] | None = None,
) -> Path:
    """Write an untrained checkpoint `folder/name` with the tiny config of its model, but for these `fields`."""
    model_name, preset = name.split(".", 1)
    entry = registry.entry(model_name)
    config = replace(entry.tiny, **(fields or {}))
    if tokenizer is not None:
        config = replace(config, vocab_size=tokenizer.get_vocab_size())
        if hasattr(config, "context_length"):
            config = replace(config, context_length=96)
    torch.manual_seed(0)
    model = entry.model(config)
    for parameter in model.parameters():
        if parameter.dim() > 1:  # so that what goes in shows in what comes out, untrained as it is
            torch.nn.init.normal_(parameter, std=1.5 / parameter[0].numel() ** 0.5)
    if hasattr(model, "durations"):
        model.durations[..., 0], model.durations[..., 1] = -2.5, 0.1  # about 0.08 seconds a word
    target = folder / name
    target.mkdir(parents=True)
    checkpoint.save(target, model, model_name, preset, labels=labels, dtype="float32")
    if tokenizer is not None:
        tokenizer.save(str(target / "tokenizer.json"))
    licence = LICENCES.get(dataset, "apache-2.0")
    parameters = checkpoint.count_parameters(model)
    write_json(target / "recipe.json", {"dataset": dataset, "licence_weights": licence, "parameters": parameters})
    write_json(target / "metrics.json", {"figures": [FIGURES[name]] if name in FIGURES else []})
    (target / "README.md").write_text(f"# {name}\n\nA card.\n", encoding="utf-8")
    return target


def more(folder: Path) -> None:
    """Write one checkpoint of each kind that `build` leaves out, beside those that it writes."""
    import tiny_dialogues

    from zoo.data.load import load
    from zoo.data.sequences import PRONOUNCING, TRANSLATING

    make(folder, "stylegan.fashion-mnist", "fashion_mnist", CLOTHES)
    make(folder, "diffusion.mnist", "mnist", DIGITS)
    make(folder, "wavegan.drums", "drums", DRUMS)
    make(folder, "wavenet.notes", "gm_notes", INSTRUMENTS, fields=PLAYS)
    for name, fields in (
        ("pix2pix.outline", {"source": "outline", "target": "google"}),
        ("pix2pix.inpaint", {"source": "damaged", "target": "all"}),
        ("cyclegan.openmoji-twitter", {"source": "openmoji", "target": "twitter"}),
        ("srgan.emoji", {}),
        ("vae.conditional", {"num_classes": 10}),
    ):
        make(folder, name, "mnist" if name.startswith("vae") else "emoji", fields=fields)
    make(folder, "music_transformer.chorales", "jsb_chorales", fields={"grid": 1, "context_length": 640})
    voice(folder)
    make(folder, "trimodal_digits.digits", "trimodal_digits", DIGITS)
    make(folder, "rnn.shakespeare-gru", "tiny_shakespeare", tokenizer=train_characters([PROSE]), fields={"cell": "gru"})
    for name, dataset, labels in (
        ("seq2seq.en-zh", "tatoeba_en_zh", TRANSLATING),
        ("seq2seq.g2p", "cmudict", (PRONOUNCING,)),
    ):
        config = replace(registry.entry("seq2seq").tiny, context_length=64)
        pairs: Any = load(dataset, "train", config, sample=True)
        make(folder, name, dataset, labels, pairs.tokenizer)
    match(folder)
    caption(folder)
    prompt(folder)
    made = tiny_dialogues.make(folder / "dialogues")
    for one in made.iterdir():
        one.rename(folder / one.name)
    made.rmdir()


def put_in_place(pretrained: Path, monkeypatch: pytest.MonkeyPatch, pins: Path | None = None) -> Path:
    """This folder in place of the bundled checkpoints, with its judges; nothing is loaded, nothing added."""
    monkeypatch.setattr(hub, "PRETRAINED", pretrained)
    if pins:
        monkeypatch.setattr(judges, "PINS", pins)
    monkeypatch.delenv("ZOO_NAMESPACE", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    library._loaded.clear()
    library._added.clear()
    return pretrained


def voice(folder: Path) -> str:
    """Write a voice and its vocoder; returns the name of the voice."""
    make(folder, "waveglow.telephone", "telephone_prompts", fields={**SPECTROGRAM, "segment_length": 320})
    make(folder, "tts.telephone", "telephone_prompts", fields={**SPECTROGRAM, "num_symbols": len(SYMBOLS)})
    return "tts.telephone"


def match(folder: Path) -> Path:
    """Write a tiny contrastive.emoji, with the emoji of the bundled sample to search among."""
    from zoo.data.dialogue import LAST
    from zoo.data.load import load
    from zoo.engine.modules import Modules
    from zoo.generate import catalogue

    config = registry.entry("contrastive").tiny
    data: Any = load("emoji_names", "train", config, sample=True)
    fields = {"end_token": data.tokenizer.token_to_id(LAST)}
    made = make(folder, "contrastive.emoji", "emoji_names", (), data.tokenizer, fields)
    network = Modules(checkpoint.load(made).model)
    catalogue.save(catalogue.gather(network, data.tokenizer, sample=True), made)
    return made


def caption(folder: Path) -> Path:
    """Write a tiny captioner.emoji-digits."""
    from zoo.data.load import load

    config = registry.entry("captioner").tiny
    data: Any = load("emoji_digits", "train", config, sample=True)
    return make(folder, "captioner.emoji-digits", "emoji_digits", (), data.tokenizer)


def prompt(folder: Path) -> Path:
    """Write a tiny text_to_image.emoji."""
    from zoo.data.dialogue import FIRST, LAST
    from zoo.data.load import load

    data: Any = load("emoji_names", "train", registry.entry("text_to_image").tiny, sample=True)
    fields = {"begin_token": data.tokenizer.token_to_id(FIRST), "end_token": data.tokenizer.token_to_id(LAST)}
    return make(folder, "text_to_image.emoji", "emoji_names", (), data.tokenizer, fields)


def write_timeline(checkpoint_folder: Path, suffix: str, steps: tuple[int, ...] = (0, 10, 40, 90)) -> Path:
    """Write `timeline/` into a checkpoint: grey squares that grow lighter, words, or tones that grow higher."""
    folder = checkpoint_folder / "timeline"
    folder.mkdir()
    for i, step in enumerate(steps):
        path = folder / f"{step:08d}{suffix}"
        if suffix == ".webp":
            pixels = np.full((30, 24), 40 * (i + 1), np.uint8)
            pixels[i, i] = 255
            Image.fromarray(pixels).save(path, lossless=True)
        elif suffix == ".txt":
            path.write_text(f"at step {step}\n<b>bold</b>", encoding="utf-8")
        else:
            soundfile.write(path, 0.4 * np.sin(np.arange(4000) * (0.1 + 0.2 * i)), 8000)
    points = [[step, 2.0 / (1 + step)] for step in range(10, steps[-1] + 1, 10)]
    validation = [[step, 0.5 + step / 200] for step in (30, 60, 90)]
    curves = {"loss": points, "discriminator_loss": points[::-1], "validation/accuracy": validation}
    write_json(folder / "curves.json", {"steps": steps[-1], "metric": "accuracy", "better": "higher", "curves": curves})
    return folder


def build(folder: Path) -> dict[str, Any]:
    """Write one checkpoint of each kind -> the pins of the two judges, as judges.json holds them."""
    make(folder, "dcgan.mnist", "mnist", DIGITS)
    make(folder, "dcgan.fashion-mnist", "fashion_mnist", CLOTHES)
    make(folder, "vae.mnist", "mnist", DIGITS)
    make(folder, "vae.fashion-mnist", "fashion_mnist", CLOTHES)
    make(folder, "gpt.shakespeare", "tiny_shakespeare", tokenizer=train_characters([PROSE]))
    make(folder, "gpt.tang", "tang_poems", tuple(FORMS), train_characters([VERSE, COMMA + STOP], SPECIAL))
    make(folder, "wavenet.spoken-digits", "spoken_digits", DIGITS)
    pins = {}
    for dataset, name in (("mnist", "resnet.mnist"), ("spoken_digits", "mel_resnet.spoken-digits")):
        weights = make(folder, name, dataset, DIGITS) / "model.safetensors"
        pins[dataset] = {"name": name, "sha256": sha256_of(weights)}
    return pins
