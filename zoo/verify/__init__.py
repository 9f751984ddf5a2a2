"""Measuring: every figure on a card, from pinned weights, data and judges, and the same again on demand.

A measure belongs to a task, not to a model. Each returns figures whose `tolerance` says how far a repetition on
another machine may be: the noise is the same (counter-based), sums are not always added in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from zoo import checkpoint, entry, registry
from zoo.config import to_dict
from zoo.data.load import load as load_data
from zoo.data.source import INFOS
from zoo.generate import library
from zoo.verify.chorales import music_generation
from zoo.verify.classes import classification
from zoo.verify.descriptions import descriptions
from zoo.verify.drawings import drawn_prompts, prompt_neighbours
from zoo.verify.images import fit_to_judge, generated_images, image_autoencoding, image_generation, neighbours
from zoo.verify.joint import any_to_any
from zoo.verify.masked import found_replies, masked_tokens, topics
from zoo.verify.matches import matched_concepts
from zoo.verify.sequences import sequences
from zoo.verify.sounds import audio_generation, note_generation, sound_generation
from zoo.verify.subject import FULL, QUICK, TRAINING, Budget, Figure, Poll, Subject, judge_network
from zoo.verify.texts import text_generation
from zoo.verify.translations import image_translation
from zoo.verify.vocoders import vocoding
from zoo.verify.voices import text_to_speech

__all__ = [
    "FULL",
    "QUICK",
    "TRAINING",
    "Budget",
    "Figure",
    "Poll",
    "Subject",
    "fit_to_judge",
    "generated_images",
    "judge_network",
    "measure",
    "measure_folder",
    "neighbours",
    "prompt_neighbours",
    "subject_of",
]

_MEASURES: dict[str, Callable[[Subject, Any, Budget, Poll], list[Figure]]] = {
    entry.IMAGE_CLASSIFICATION: classification,
    entry.AUDIO_CLASSIFICATION: classification,
    entry.IMAGE_GENERATION: image_generation,
    entry.IMAGE_AUTOENCODING: image_autoencoding,
    entry.IMAGE_TRANSLATION: image_translation,
    entry.TEXT_GENERATION: text_generation,
    entry.TRANSLATION: sequences,
    entry.FILL_MASK: masked_tokens,
    entry.TEXT_CLASSIFICATION: topics,
    entry.RETRIEVAL: found_replies,
    entry.AUDIO_GENERATION: audio_generation,
    entry.NOTE_GENERATION: note_generation,
    entry.SOUND_GENERATION: sound_generation,
    entry.MUSIC_GENERATION: music_generation,
    entry.VOCODING: vocoding,
    entry.TEXT_TO_SPEECH: text_to_speech,
    entry.ANY_TO_ANY: any_to_any,
    entry.TEXT_TO_IMAGE: drawn_prompts,
    entry.IMAGE_TEXT_MATCHING: matched_concepts,
    entry.CAPTIONING: descriptions,
}


def measure(subject: Subject, data: Any, budget: Budget, poll: Poll = lambda: None) -> list[Figure]:
    """All figures of the subject's tasks on `data`; the first is the headline."""
    import torch

    found: list[Figure] = []
    with torch.no_grad():
        tasks = entry.with_heads(registry.entry(subject.name).tasks, to_dict(subject.model.config))
        for task in reversed(tasks):  # the more special task leads
            found += _MEASURES[task](subject, data, budget, poll)
    return found


def subject_of(folder: Path) -> Subject:
    """Load a checkpoint folder as something to measure."""
    import torch

    from zoo.data import tokenizer

    found, network = checkpoint.load(folder), library.opened(folder).network
    model = found.model.to(memory_format=torch.channels_last)  # convolutions on a CPU: 1.3 times as fast
    has_tokenizer = (folder / "tokenizer.json").exists()
    known = tokenizer.load(folder) if has_tokenizer else None
    return Subject(found.model_name, model, found.recipe["dataset"], known, network=network)


def measure_folder(
    folder: Path, *, quick: bool = False, poll: Poll = lambda: None, own: Path | None = None
) -> tuple[list[dict[str, Any]], str]:
    """Measure a checkpoint folder: on the full test split, quickly on the bundled sample, or on one's own data.

    Returns the figures and the sha256 of the data behind them. Raises ValueError where the folder learnt from data
    that only its maker has, and `own` does not say where they are.
    """
    subject = replace(subject_of(folder), sample=quick)
    if own is not None:
        from zoo.data.own import open_own

        skip = checkpoint.read_json(folder / "recipe.json").get("settings", {}).get("damaged") == "skip"
        tasks = registry.entry(subject.name).tasks
        found = open_own(own, tasks, subject.model.config, tokenizer=subject.tokenizer, skip_damaged=skip)
        subject = replace(subject, dataset="")  # no judge knows them
        return [asdict(figure) for figure in measure(subject, found.split("test"), FULL, poll)], found.fingerprint
    if subject.dataset not in INFOS:
        raise ValueError(f"{folder.name} learnt from {subject.dataset!r}, no data set of the zoo: say --data FOLDER")
    data = load_data(subject.dataset, "test", subject.model.config, sample=quick, tokenizer=subject.tokenizer)
    figures = [asdict(figure) for figure in measure(subject, data, QUICK if quick else FULL, poll)]
    return figures, data.fingerprint
