"""Measures of a voice: how well it has learnt, and which of its words an independent recogniser understands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo.data.speech import read_recordings
from zoo.data.spoken_text import PAUSES, pronunciations, spoken_items
from zoo.entry import VOCODING
from zoo.generate import library, speech
from zoo.generate.griffin_lim import griffin_lim
from zoo.generate.inputs import InputError
from zoo.generate.vocoder import vocode
from zoo.metrics.edit_distance import edit_distance
from zoo.noise import Noise
from zoo.verify.subject import SEED, Budget, Figure, Poll, Subject, batch_of, device_of, rows_of

SENTENCES = (
    "please enter your password now", "the conference is currently unavailable", "press two to call the operator",
    "your new message has been deleted", "there are seven people in this call",
    "i am sorry that number is not available",
    "press star to record your name", "this conference has been locked and muted", "goodbye and thank you",
    "to hear your messages press nine", "the person at extension twelve is busy", "please hold while i try that number",
)  # fmt: skip
"""Made of words that the prompts have, and none of them a prompt."""
LISTENER = "PocketSphinx, expecting word pairs of all prompts and of the made-up sentences"
_SPLITS = ("train", "validation", "test")


def text_to_speech(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Word accuracy of what it says as a share of that of the recordings, and the losses that training lowers."""
    totals, count = np.zeros(2), 0
    noise = Noise(SEED, device=device_of(subject.model))
    for rows in rows_of(data, budget.rows, 16, poll):
        found = subject.model.loss(batch_of(data, rows, device_of(subject.model)), noise)
        totals += [len(rows) * float(found[key]) for key in ("flow", "timing")]
        count += len(rows)
    flow, timing = (totals / count).tolist()
    losses = [
        Figure("flow error", flow, "", "lower", "test", count, 0.01, note="mean square of the velocity, of all times"),
        Figure("duration error", timing, "squared log frames", "lower", "test", count, 0.02),
    ]
    return losses if budget.training else [*_understood(subject, data, poll), *losses]


def _understood(subject: Subject, data: Any, poll: Poll) -> list[Figure]:
    understood = listener(subject)
    real = understood(data.texts, data.waveforms)
    poll()
    made = understood(data.texts, _said(subject, data.texts))
    poll()
    accuracies = [real, made, understood(SENTENCES, _said(subject, SENTENCES))]
    return [
        Figure(
            "words understood", accuracies[1], "share", "higher", "test", len(data.texts), 0.05, floor=accuracies[0],
            note=f"of unseen prompts; {LISTENER}; in brackets the recordings themselves",
        ),
        Figure(
            "words understood, made up", accuracies[2], "share", "higher", "generated", len(SENTENCES), 0.06,
            floor=accuracies[0], note="sentences of words that it knows; in brackets the recorded prompts",
        ),
    ]  # fmt: skip


def listener(subject: Subject) -> Callable[[Sequence[str], Sequence[np.ndarray]], float]:
    """Texts and waveforms (t,) of them at the model's rate -> the share of words that `LISTENER` understands."""
    from zoo.metrics.recogniser import Recogniser

    texts = [text for split in _SPLITS for text in read_recordings(subject.dataset, split, sample=subject.sample).texts]
    recogniser = Recogniser([_words(text) for text in (*texts, *SENTENCES)], pronunciations())

    def understood(said: Sequence[str], waveforms: Sequence[np.ndarray]) -> float:
        heard = [recogniser.words(waveform, subject.model.sample_rate) for waveform in waveforms]
        return _accuracy([_words(text) for text in said], heard)

    return understood


def _said(subject: Subject, texts: Any) -> list[np.ndarray]:
    """Each text as a waveform, through the vocoder that the app would take, or Griffin-Lim where there is none."""
    config = subject.model.config
    mels = speech.spoken(subject.generator, [speech.symbols_of(text) % config.num_symbols for text in texts], seed=SEED)
    try:
        vocoder = library.get(speech.vocoder_for(config), VOCODING)
    except InputError:
        return [griffin_lim(mel, config.window_length, config.hop_length, config.sample_rate) for mel in mels]
    return [vocode(vocoder.network, mel[None], seed=SEED)[0] for mel in mels]


def _words(text: str) -> list[str]:
    return [item for item in spoken_items(text) if item not in PAUSES]


def _accuracy(truth: list[list[str]], heard: list[list[str]]) -> float:
    """1 less the word error rate, and no less than 0."""
    errors = sum(edit_distance(one, other) for one, other in zip(truth, heard, strict=True))
    return max(0.0, 1 - errors / sum(map(len, truth)))
