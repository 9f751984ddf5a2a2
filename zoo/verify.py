"""Measuring: every figure on a card, from pinned weights, data and judges, and the same again on demand.

A measure belongs to a task, not to a model. Each returns figures whose `tolerance` says how far a repetition on
another machine may be: the noise is the same (counter-based), sums are not always added in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from zoo import checkpoint, entry, hub, registry
from zoo.data.load import load as load_data
from zoo.data.source import INFOS, find
from zoo.engine import Network
from zoo.engine.modules import Modules
from zoo.generate import library
from zoo.metrics.frechet import fit, frechet_distance
from zoo.metrics.judges import Judge, judge_of
from zoo.noise import Noise

Poll = Callable[[], None]
"""Called between batches: raises to stop a measurement."""
_SEED = 2024
"""Seed of every measurement's noise."""


@dataclass(frozen=True)
class Figure:
    """One measured number with its protocol."""

    name: str
    value: float
    unit: str
    better: str
    split: str
    samples: int
    tolerance: float
    judge: str = ""
    judge_sha256: str = ""
    floor: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Budget:
    """How much a measurement looks at; None means the whole split."""

    rows: int | None
    """Samples of a split for losses and accuracies."""
    likelihoods: int
    """Pictures of a split for likelihoods by importance samples, evenly spaced."""
    pictures: int
    """Generated pictures for agreement and Fréchet distance."""
    importance_samples: int
    """Importance samples of a likelihood."""
    clips: int
    """Generated clips for agreement."""
    poems: int
    """Poems written under the constraint of form."""
    training: bool = False
    """On the validation split, between two steps: no floors, and all rows of a classifier."""


FULL = Budget(None, 2000, 10_000, 200, 500, 1000)
QUICK = Budget(100, 100, 200, 20, 6, 8)
"""On the bundled sample, in seconds: what CI repeats."""
TRAINING = Budget(1000, 1000, 2000, 1, 0, 0, training=True)
"""On the validation split, while training."""


@dataclass(frozen=True)
class Subject:
    """What is measured: a model's name, the network in evaluation mode, the data that it learnt, its tokenizer."""

    name: str
    model: Any
    dataset: str
    tokenizer: Any = None
    sample: bool = False
    network: Network | None = None
    """What writes and speaks; the model by torch unless it is given."""

    @property
    def generator(self) -> Network:
        """The network that samples are drawn from."""
        return self.network or Modules(self.model)


@cache
def judge_network(judge: Judge) -> Any:
    """The judge's network. Raises CheckpointError when the bundled weights are not the pinned ones."""
    found = checkpoint.load(hub.resolve(judge.name))
    if found.sha256 != judge.sha256:
        raise checkpoint.CheckpointError(f"the judge {judge.name} has sha256 {found.sha256}; pinned is {judge.sha256}")
    return found.model


def measure(subject: Subject, data: Any, budget: Budget, poll: Poll = lambda: None) -> list[Figure]:
    """All figures of the subject's tasks on `data`; the first is the headline."""
    import torch

    found: list[Figure] = []
    with torch.no_grad():
        for task in reversed(registry.entry(subject.name).tasks):  # the more special task leads
            found += _MEASURES[task](subject, data, budget, poll)
    return found


def _rows(data: Any, limit: int | None, size: int, poll: Poll) -> Iterator[np.ndarray]:
    """Indices of the first `limit` samples in batches."""
    count = len(data) if limit is None else min(limit, len(data))
    for start in range(0, count, size):
        poll()
        yield np.arange(start, min(start + size, count))


def _device(model: Any) -> str:
    return str(next(model.parameters()).device)


def _batch(data: Any, rows: np.ndarray, device: str) -> dict[str, Any]:
    return {key: value.to(device) for key, value in data.batch(rows).items()}


def _classification(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Accuracy and cross-entropy over the split."""
    from torch.nn import functional as F

    right, nats, count = 0, 0.0, 0
    one_by_one = data.lengths is not None  # clips of different lengths are judged as they are, not as a batch pads them
    for rows in _rows(data, None if budget.training else budget.rows, 1 if one_by_one else 250, poll):
        batch = _batch(data, rows, _device(subject.model))
        logits = subject.model(batch["waveform"] if "waveform" in batch else batch["image"])
        right += int((logits.argmax(1) == batch["label"]).sum())
        nats += float(F.cross_entropy(logits, batch["label"], reduction="sum"))
        count += len(rows)
    return [
        Figure("accuracy", right / count, "share", "higher", "test", count, 1.5 / count),
        Figure("cross-entropy", nats / count, "nats", "lower", "test", count, 1e-3),
    ]


def generated_images(model: Any, count: int, poll: Poll) -> Iterator[tuple[Any, Any]]:
    """Pictures and the classes asked for, all classes in turn, from the measurement's noise."""
    import torch

    device = _device(model)
    noise = Noise(_SEED, device=device)
    for start in range(0, count, 250):
        poll()
        n = min(250, count - start)
        labels = (torch.arange(start, start + n, device=device) % model.num_classes) if model.num_classes else None
        yield model.generate(noise.normal(n, model.latent_dim), labels), labels


def fit_to_judge(images: Any, size: int = 28) -> Any:
    """Cut or pad the edges of images (n, c, h, w) to size x size: the judges see 28 x 28 pixels."""
    from torch.nn import functional as F

    missing = size - images.shape[2]
    before = missing // 2
    return F.pad(images, (before, missing - before, before, missing - before), value=-1.0)


def _image_generation(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """The judge's agreement with the class asked for, and the Fréchet distance in its features, with its floor."""
    judge = judge_of(subject.dataset)
    if judge is None:
        return [_pixel_distance(subject, data, budget, poll)]
    network = judge_network(judge).to(_device(subject.model))
    agreed, features = 0, []
    for images, labels in generated_images(subject.model, budget.pictures, poll):
        images = fit_to_judge(images)
        seen = network.features(images)
        features.append(seen.cpu().numpy())
        if labels is not None:
            agreed += int((network.head(seen).argmax(1) == labels).sum())
    real = _real_features(network, data, budget.pictures, poll)
    distance = frechet_distance(fit(np.concatenate(features)), fit(real))
    floor = None
    if not budget.training:
        other = load_data(subject.dataset, "train", subject.model.config, sample=subject.sample)
        floor = frechet_distance(fit(_real_features(network, other, budget.pictures, poll)), fit(real))
    share = agreed / budget.pictures
    found = [
        Figure(
            "Fréchet distance", distance, "judge features", "lower", "test", budget.pictures, 0.02 * distance + 0.002,
            judge.name, judge.sha256, floor, "floor: as many real training pictures against the same test pictures",
        ),
    ]  # fmt: skip
    if subject.model.num_classes:
        agreement = Figure(
            "judge agreement",
            share,
            "share",
            "higher",
            "generated",
            budget.pictures,
            max(0.002, 1.5 / budget.pictures),
            judge.name,
            judge.sha256,
        )
        found.insert(0, agreement)
    return found


def _pixel_distance(subject: Subject, data: Any, budget: Budget, poll: Poll) -> Figure:
    """The Fréchet distance of pictures brought to 8 x 8 pixels: coarse, but of any pictures, where no judge exists."""
    from torch.nn import functional as F

    def small(images: Any) -> np.ndarray:
        return F.adaptive_avg_pool2d(images.float(), 8).flatten(1).cpu().numpy()

    made = [small(images) for images, _ in generated_images(subject.model, budget.pictures, poll)]
    real = [small(data.batch(rows)["image"]) for rows in _rows(data, budget.pictures, 250, poll)]
    distance = frechet_distance(fit(np.concatenate(made)), fit(np.concatenate(real)))
    return Figure(
        "Fréchet distance", distance, "8 x 8 pixels", "lower", "test", budget.pictures, 0.02 * distance + 0.002,
        note=f"no judge knows these pictures: of their 8 x 8 averages, against {len(data):,} real ones",
    )  # fmt: skip


def _real_features(network: Any, data: Any, limit: int, poll: Poll) -> np.ndarray:
    found = []
    for rows in _rows(data, limit, 250, poll):
        found.append(network.features(fit_to_judge(_batch(data, rows, _device(network))["image"])).cpu().numpy())
    return np.concatenate(found)


def _image_autoencoding(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Negative log-likelihood by importance samples and the evidence bound: of binarised pixels, or of 8-bit ones."""
    device = _device(subject.model)
    nll, elbo, count, k = 0.0, 0.0, 0, budget.importance_samples
    apart = max(1, len(data) // budget.likelihoods)  # evenly over the split, for its halves differ
    for number in _rows(range(0, len(data), apart), None, 20 if k > 1 else 250, poll):
        rows = number * apart
        noise = Noise(_SEED, stream=1 + int(rows[0]), device=device)
        weights, _ = subject.model.log_weights(_batch(data, rows, device)["image"], noise, k)
        nll -= float((weights.logsumexp(0) - math.log(k)).sum())
        elbo -= float(weights.mean(0).sum())
        count += len(rows)
    binary = subject.model.pixel_levels == 2
    note = f"{'pixels binarised dynamically' if binary else 'pixels of 8 bits'}; {k} importance samples"
    near = max(0.05, 1e-4 * nll / count)
    found = [
        Figure("negative log-likelihood", nll / count, "nats an image", "lower", "test", count, near, note=note),
        Figure("negative ELBO", elbo / count, "nats an image", "lower", "test", count, near, note=note),
    ]
    if not binary:
        bits = nll / count / math.log(2) / data.batch(np.arange(1))["image"].numel()
        found.append(Figure("bits a dimension", bits, "bits", "lower", "test", count, 1e-3, note=note))
    return found


def _text_generation(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Cross-entropy a character over the split; for verse, of its Chinese characters alone, and the form's validity."""
    from torch.nn import functional as F

    from zoo.data.text import COMMA, END, STOP
    from zoo.entry import IGNORED

    verse = data.lengths is not None
    idle = [subject.tokenizer.token_to_id(token) for token in (COMMA, STOP, END)] if verse else []
    nats, count = 0.0, 0
    for rows in _rows(data, budget.rows, 32, poll):
        batch = _batch(data, rows, _device(subject.model))
        targets = batch["targets"].clone()
        for token in idle:
            targets[targets == token] = IGNORED
        logits = subject.model(batch["ids"])
        nats += float(F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum", ignore_index=IGNORED))
        count += int((targets != IGNORED).sum())
    loss = nats / count
    if not verse:
        note = f"windows of {data.context_length} characters side by side, every position counted"
        return [
            Figure("loss", loss, "nats a character", "lower", "test", count, 2e-3, note=note),
            Figure("bits a character", loss / math.log(2), "bits", "lower", "test", count, 3e-3, note=note),
        ]
    note = "Chinese characters of the lines, given form, author and title"
    found = [Figure("perplexity", math.exp(loss), "a character", "lower", "test", count, 0.2, note=note)]
    if budget.poems:
        found.append(_form_validity(subject, budget.poems, poll))
    return found


def _form_validity(subject: Subject, count: int, poll: Poll) -> Figure:
    """Poems written under the constraint, all forms in turn, whose lines have the form's number and length."""
    from zoo.data.text import FORMS
    from zoo.generate.verse import keeps_form, write_poems

    right = 0
    forms = [list(FORMS)[i % len(FORMS)] for i in range(count)]
    for start in range(0, count, 50):
        poll()
        batch = forms[start : start + 50]
        poems = write_poems(subject.generator, subject.tokenizer, batch, seed=_SEED + start)
        right += sum(keeps_form(poem, form) for poem, form in zip(poems, batch, strict=True))
    return Figure("form kept", right / count, "share", "higher", "generated", count, 0.0, note="constrained decoding")


def _audio_generation(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Bits a sample on the split, and the judge's agreement with the digit asked for."""
    import torch

    from zoo.generate.digits import say_batch

    nats, count = 0.0, 0
    for rows in _rows(data, budget.rows, 10, poll):
        one, counted = subject.model.negative_log_likelihood(_batch(data, rows, _device(subject.model)))
        nats += float(one.sum(dtype=torch.float64))
        count += int(counted.sum())
    note = "clips at a peak of 0.95; given digit, speaker and duration"
    found = [Figure("bits a sample", nats / count / math.log(2), "bits", "lower", "test", count, 5e-3, note=note)]
    judge = judge_of(subject.dataset)
    if budget.clips and judge is not None:
        network = judge_network(judge)
        agreed, speakers = 0, subject.model.config.num_speakers
        for start in range(0, budget.clips, 50):
            number = np.arange(start, min(start + 50, budget.clips))
            asked = number % subject.model.config.num_digits
            waveforms = say_batch(
                subject.generator, asked, number // 10 % speakers, seed=_SEED + start, temperature=1.0, poll=poll
            )
            for waveform, digit in zip(waveforms, asked, strict=True):
                agreed += int(network(torch.from_numpy(waveform)[None]).argmax()) == digit
        real = sum(
            int(network(data.batch(np.array([i]))["waveform"]).argmax()) == data.digits[i] for i in range(len(data))
        ) / len(data)
        found.append(
            Figure(
                "judge agreement", agreed / budget.clips, "share", "higher", "generated", budget.clips,
                max(0.02, 1.5 / budget.clips),
                judge.name, judge.sha256, real, "temperature 1; floor: the judge's accuracy on the real test clips",
            )
        )  # fmt: skip
    return found[::-1]


_MEASURES: dict[str, Callable[[Subject, Any, Budget, Poll], list[Figure]]] = {
    entry.IMAGE_CLASSIFICATION: _classification,
    entry.AUDIO_CLASSIFICATION: _classification,
    entry.IMAGE_GENERATION: _image_generation,
    entry.IMAGE_AUTOENCODING: _image_autoencoding,
    entry.TEXT_GENERATION: _text_generation,
    entry.AUDIO_GENERATION: _audio_generation,
}


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
    return figures, checkpoint.sha256_of(find(subject.dataset, "test", sample=quick))
