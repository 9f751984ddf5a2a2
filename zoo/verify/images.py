"""Measures of pictures: what a judge says of them, how far they lie from real ones, and their likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from zoo.data.load import load as load_data
from zoo.data.source import INFOS
from zoo.generate.grid import grid, to_bytes
from zoo.metrics.diversity import NEAR_COPY, spread
from zoo.metrics.frechet import fit, frechet_distance
from zoo.metrics.inception_score import inception_score
from zoo.metrics.judges import Judge, judge_of
from zoo.metrics.kernel_distance import kernel_distance
from zoo.metrics.neighbours import copying, nearest, nearest_pictures
from zoo.metrics.path_length import STEP, path_length
from zoo.metrics.precision_recall import CLOSE_NEIGHBOURS, NEIGHBOURS, overlap
from zoo.noise import Noise, permutation
from zoo.verify.subject import SEED, Budget, Figure, Poll, Subject, batch_of, device_of, judge_network, rows_of

_NEIGHBOURHOOD = 5000
"""Pictures of each set whose neighbours among each other are sought, at most: the work grows with the square."""
_COMPARED = 1000
"""Generated pictures that are compared with every training picture, pixel by pixel."""
_KEPT = 6
"""Training splits that stay in memory, at most."""
_LINES = 5
"""Generated pictures for each line between two styles."""
_USED = 0.01
"""Variance over pictures of a latent dimension that says something."""


def generated_images(model: Any, count: int, poll: Poll, asked: np.ndarray | None = None) -> Iterator[tuple[Any, Any]]:
    """Pictures and the classes asked for, from the measurement's noise: `asked` (n,) over and over, else in turn."""
    import torch

    device = device_of(model)
    noise = Noise(SEED, device=device)
    classes = np.arange(max(1, model.num_classes)) if asked is None else asked
    for start in range(0, count, 250):
        poll()
        n = min(250, count - start)
        labels = None
        if model.num_classes:
            labels = torch.from_numpy(classes[np.arange(start, start + n) % len(classes)]).to(device)
        yield model.generate(noise.normal(n, model.latent_dim), labels), labels


def fit_to_judge(images: Any, judge: Any) -> Any:
    """Bring images (n, c, h, w) to the size and the channels of a judge's network, as `zoo.data.image.sized` would.

    Grey judges have learnt from pictures of 28 pixels, which larger models see with a black edge: it is cut off. Colour
    judges have learnt from means of squares: larger pictures are reduced so, smaller ones have their pixels repeated.
    Raises ValueError for sizes that have no whole ratio.
    """
    from torch.nn import functional as F

    size, channels = judge.config.image_size, judge.config.channels
    if images.shape[1] != channels:
        images = images.mean(1, keepdim=True).expand(-1, channels, -1, -1)
    side = images.shape[2]
    if channels == 1 or side == size:
        before = (size - side) // 2
        return F.pad(images, (before, size - side - before) * 2, value=-1.0)
    if max(side, size) % min(side, size):
        raise ValueError(f"the pictures have {side} pixels a side; their judge sees {size}, which is no whole ratio")
    if side > size:
        return F.avg_pool2d(images, side // size)
    return F.interpolate(images, scale_factor=size // side, mode="nearest")


def _evenly(length: int, limit: int) -> np.ndarray:
    """At most `limit` of `length` rows, evenly over all, for the halves of a split may differ."""
    count = min(limit, length)
    return np.arange(count) * length // count


@dataclass(frozen=True)
class _Seen:
    """What a judge sees in pictures: features (n, d), and the log-probabilities of its classes (n, classes)."""

    features: np.ndarray
    classes: np.ndarray

    @property
    def read(self) -> np.ndarray:
        """The class that each is taken for, int64 (n,)."""
        return self.classes.argmax(1)

    def part(self, count: int) -> _Seen:
        """At most `count` of them, evenly."""
        rows = _evenly(len(self.features), count)
        return _Seen(self.features[rows], self.classes[rows])


def _seen(network: Any, pictures: Iterable[Any]) -> _Seen:
    """Batches of images (n, c, h, w) in [-1, 1] in the eyes of a judge."""
    found = []
    for images in pictures:
        features = network.features(fit_to_judge(images.to(device_of(network)), network))
        found.append((features.cpu().numpy(), network.head(features).log_softmax(1).cpu().numpy()))
    return _Seen(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))


def _seen_of(network: Any, data: Any, limit: int, poll: Poll) -> _Seen:
    """Up to `limit` real pictures, evenly over the split."""
    rows = _evenly(len(data), limit)
    return _seen(network, (data.batch(rows[part])["image"] for part in rows_of(rows, None, 250, poll)))


_known: dict[tuple[str, str, int, bool], tuple[Any, _Seen]] = {}


def _training(subject: Subject, judge: Judge, network: Any, poll: Poll) -> tuple[Any, _Seen]:
    """The training split and what its judge sees there; kept, for the next model of the same data."""
    config = subject.model.config
    key = (subject.dataset, judge.sha256, config.image_size, subject.sample)
    if key not in _known:
        data = load_data(subject.dataset, "train", config, sample=subject.sample)
        seen = _seen_of(network, data, len(data), poll)
        if len(_known) >= _KEPT:
            _known.pop(next(iter(_known)))
        _known[key] = data, seen
    return _known[key]


def denoises(model: Any) -> bool:
    """Whether a picture costs many passes of the network, for its part is a denoiser."""
    return any(part.name == "denoiser" for part in model.parts())


def image_generation(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Figures of generated pictures; for a denoiser of half as many, beside its loss, and while training that alone."""
    if not denoises(subject.model):
        return _generation(subject, data, budget, poll)
    loss = _denoising_loss(subject, data, budget, poll)
    if budget.training:
        return [loss]
    return [*_generation(subject, data, replace(budget, pictures=budget.pictures // 2), poll), loss]


def _denoising_loss(subject: Subject, data: Any, budget: Budget, poll: Poll) -> Figure:
    """The squared error of a denoiser's prediction over the split: given the class, at times evenly spread."""
    total, count, device = 0.0, 0, device_of(subject.model)
    for rows in rows_of(data, budget.rows, 250, poll):
        batch, noise = batch_of(data, rows, device), Noise(SEED, stream=1 + int(rows[0]), device=device)
        labels = batch["label"] if subject.model.num_classes else None
        total += float(subject.model.errors(batch["image"], labels, noise).sum())
        count += len(rows)
    note = f"mean square error of the prediction of {subject.model.config.prediction}, over pixels and times"
    return Figure("denoising loss", total / count, "", "lower", "test", count, 1e-3 * total / count, note=note)


def _generation(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """What the judge of the data sees in generated pictures, beside what it sees in real ones.

    Its agreement with the class asked for, and its features' Fréchet distance; and, but while training, how good and
    how varied they are, and whether they are copies. Classes are asked for as often as the test split has them. Where
    the same pictures have another set's labels, that set's judge sees, and the one of these labels only agrees.
    """
    info = INFOS.get(subject.dataset)
    judge = judge_of(info.folder or info.name) if info else None
    if judge is None:
        return [_pixel_distance(subject, data, budget, poll)]
    network = judge_network(judge).to(device_of(subject.model))
    classes = subject.model.num_classes
    reader = judge_of(subject.dataset) if classes else None
    reading = network if reader is None or reader == judge else judge_network(reader).to(device_of(subject.model))
    asked = data.targets[permutation(SEED, 0, len(data))] if classes == len(data.labels) else np.arange(max(1, classes))
    agreed = 0
    first: list[np.ndarray] = []

    def made_pictures() -> Iterator[Any]:
        nonlocal agreed
        for images, labels in generated_images(subject.model, budget.pictures, poll, asked):
            if sum(len(part) for part in first) < _COMPARED:
                first.append(images.cpu().numpy())
            if reading is not network:
                agreed += int((reading(fit_to_judge(images, reading)).argmax(1) == labels).sum())
            yield images

    made = _seen(network, made_pictures())
    if reading is network:
        agreed = int((made.read == np.resize(asked, budget.pictures)).sum())
    real = _seen_of(network, data, budget.pictures, poll)
    fitted = fit(real.features)
    distance = frechet_distance(fit(made.features), fitted)
    state = partial(Figure, judge=judge.name, judge_sha256=judge.sha256)
    found = []
    if reader is not None:
        found.append(
            Figure(
                "judge agreement", agreed / budget.pictures, "share", "higher", "generated", budget.pictures,
                max(0.002, 1.5 / budget.pictures), reader.name, reader.sha256,
            )
        )  # fmt: skip
    frechet = state(
        "Fréchet distance", distance, "judge features", "lower", "test", budget.pictures, 0.02 * distance + 0.002,
        note="on real data: as many training pictures, or all, against the same test pictures",
    )  # fmt: skip
    if budget.training:
        return [*found, frechet]
    known, seen = _training(subject, judge, network, poll)
    some = seen.part(budget.pictures)
    found.append(replace(frechet, floor=frechet_distance(fit(some.features), fitted)))
    found += _quality(made, real, some, state)
    found += _memory(made, real, seen, np.concatenate(first)[:_COMPARED], data, known, state)
    return [*found, *_paths(subject.model, network, max(1, budget.pictures // _LINES), poll, state)]


def _quality(made: _Seen, real: _Seen, seen: _Seen, state: Callable[..., Figure]) -> list[Figure]:
    """How good and how varied; each beside training pictures (`seen`) in the place of the made ones."""
    samples = len(made.features)
    kernel, floor = (kernel_distance(one.features, real.features)[0] for one in (made, seen))
    scores = [inception_score(one.classes) for one in (made, real)]
    count = min(_NEIGHBOURHOOD, samples, len(real.features), len(seen.features))
    here = real.part(count).features
    ours = overlap(here, made.features[:count])
    theirs = overlap(here, seen.part(count).features)
    spreads = [spread(one.features, one.read) for one in (made, seen, real)]

    def share(name: str, value: float, floor: float, note: str) -> Figure:
        return state(name, value, "share", "higher", "test", count, max(0.004, 3 / count), floor=floor, note=note)

    balls = f"one of its {NEIGHBOURS} nearest kin; of as many of each; on real data: training pictures instead"
    return [
        state(
            "kernel distance", kernel, "judge features", "lower", "test", samples,
            0.03 * abs(kernel) + 1e-4, floor=floor,
            note="cubic kernel, unbiased: it may lie below 0; on real data: training pictures against the same",
        ),
        state(
            "inception score", scores[0], f"of at most {made.classes.shape[1]}", "higher", "generated", samples,
            0.005 * scores[0], floor=scores[1], note="by this judge, not by the Inception network",
        ),
        share("precision", ours.precision, theirs.precision, f"generated pictures as near to a real one as {balls}"),
        share("recall", ours.recall, theirs.recall, f"real pictures as near to a generated one as {balls}"),
        share(
            "coverage", ours.coverage, theirs.coverage,
            f"real pictures with a generated one nearer than the {CLOSE_NEIGHBOURS}. real one",
        ),
        state(
            "variety", spreads[0] / spreads[2], "of real pictures'", "higher", "test", samples, 0.01,
            floor=spreads[1] / spreads[2], note="mean distance from the centre of the class, as the judge reads it",
        ),
    ]  # fmt: skip


def _memory(
    made: _Seen, real: _Seen, seen: _Seen, pictures: np.ndarray, data: Any, known: Any, state: Callable[..., Figure]
) -> list[Figure]:
    """Whether pictures are copies of training pictures: in the judge's eyes, and pixel by pixel."""
    real = real.part(_NEIGHBOURHOOD)
    near, real_near = (nearest(one, seen.features)[1] for one in (made.features[:_NEIGHBOURHOOD], real.features))
    test = data.images[_evenly(len(data), len(pictures))].astype(np.float32) / 127.5 - 1
    shares = [float((nearest_pictures(some, known.images)[1] < NEAR_COPY).mean()) for some in (pictures, test)]
    return [
        state(
            "data copying", copying(near, real_near), "share", "lower", "test", len(near), 0.005, floor=0.5,
            note=f"how often a generated picture is nearer to {len(seen.features):,} training pictures than a test "
            "picture is: half of the time if it is as new, oftener if it is a copy, or merely typical",
        ),
        Figure(
            "near-copies", shares[0], "share", "lower", "generated", len(pictures), max(0.002, 1.5 / len(pictures)),
            floor=shares[1],
            note=f"less than {NEAR_COPY} from one of {len(known):,} training pictures, root mean square of pixels from "
            "-1 to 1; on real data: test pictures",
        ),
    ]  # fmt: skip


def _paths(model: Any, network: Any, count: int, poll: Poll, state: Callable[..., Figure]) -> list[Figure]:
    """How much a small step between two styles changes a picture in the judge's eyes, for a model that has styles."""
    if "synthesis" not in {part.name for part in model.parts()}:
        return []
    note = f"lines between two styles of one class with the same noise; steps of {STEP:g} of a line; 98 % of the lines"
    length, unit = style_path_length(model, network, count, poll), "judge features"
    return [state("perceptual path length", length, unit, "lower", "generated", count, 0.05 * length, note=note)]


def style_path_length(model: Any, network: Any, count: int, poll: Poll = lambda: None) -> float:
    """`zoo.metrics.path_length` of a model with the parts "mapping" and "synthesis", by a judge's network.

    `count` lines between styles of two z of one class, all classes in turn; every layer takes the same style, and each
    line has its own noise.
    """
    import torch

    parts, device = {part.name: part for part in model.parts()}, device_of(model)
    mapping, synthesis = parts["mapping"], parts["synthesis"]
    noise = Noise(SEED, stream=2, device=device)
    z_dim, layers = mapping.inputs["z"].shape[1], synthesis.inputs["styles"].shape[1]
    labels = [torch.arange(count, device=device) % model.num_classes] if model.num_classes else []
    z = [noise.normal(count, z_dim) for _ in range(2)]
    maps = noise.normal(count, synthesis.inputs["noise"].shape[1])

    def features_at(points: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        poll()
        styles = torch.from_numpy(points).to(device)[:, None].expand(-1, layers, -1)
        images = synthesis.module(styles, maps[torch.from_numpy(numbers).to(device)])
        return network.features(fit_to_judge(images, network)).cpu().numpy()

    with torch.no_grad():
        starts, ends = (mapping.module(one, *labels).cpu().numpy() for one in z)
        return path_length(features_at, starts, ends, noise.uniform_array(count))


def neighbours(subject: Subject, data: Any, count: int = 12, poll: Poll = lambda: None) -> Image.Image:
    """`count` generated pictures, and below each the picture of `data` that is nearest to it: pixel by pixel, and in a
    second row in the eyes of the judge, where there is one. With the training split it shows what was learnt by heart.
    """
    import torch

    with torch.no_grad():
        images = torch.cat([images for images, _ in generated_images(subject.model, count, poll)])
        made = images.cpu().numpy()
        found = [nearest_pictures(made, data.images)[0]]
        judge = judge_of(subject.dataset)
        if judge is not None:
            network = judge_network(judge).to(device_of(subject.model))
            known = _seen_of(network, data, len(data), poll)
            found.append(nearest(_seen(network, [images]).features, known.features)[0])
    real = [data.images[rows].astype(np.float32) / 127.5 - 1 for rows in found]
    return grid(to_bytes(np.concatenate([made, *real])), count, scale=2)


def _pixel_distance(subject: Subject, data: Any, budget: Budget, poll: Poll) -> Figure:
    """The Fréchet distance of pictures brought to 8 x 8 pixels: coarse, but of any pictures, where no judge exists."""
    from torch.nn import functional as F

    def small(images: Any) -> np.ndarray:
        return F.adaptive_avg_pool2d(images.float(), 8).flatten(1).cpu().numpy()

    made = [small(images) for images, _ in generated_images(subject.model, budget.pictures, poll)]
    real = [small(data.batch(rows)["image"]) for rows in rows_of(data, budget.pictures, 250, poll)]
    distance = frechet_distance(fit(np.concatenate(made)), fit(np.concatenate(real)))
    return Figure(
        "Fréchet distance", distance, "8 x 8 pixels", "lower", "test", budget.pictures, 0.02 * distance + 0.002,
        note=f"no judge knows these pictures: of their 8 x 8 averages, against {len(data):,} real ones",
    )  # fmt: skip


def image_autoencoding(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Negative log-likelihood by importance samples and the evidence bound: of binarised pixels, or of 8-bit ones.

    Of a model that is told the class, both are given the class. While not training, also how many latent dimensions
    are used: those whose posterior's mean varies by more than a hundredth over pictures (Burda et al., 2016).
    """
    device = device_of(subject.model)
    nll, elbo, count, k = 0.0, 0.0, 0, budget.importance_samples
    means = []
    apart = max(1, len(data) // budget.likelihoods)  # evenly over the split, for its halves differ
    values = data.batch(np.arange(1))["image"].numel()
    at_once = max(1, 20 * 28 * 28 // values) if k > 1 else 250  # as much memory for large pictures as for small ones
    for number in rows_of(range(0, len(data), apart), None, at_once, poll):
        rows = number * apart
        noise = Noise(SEED, stream=1 + int(rows[0]), device=device)
        batch = batch_of(data, rows, device)
        labels = [batch["label"]] if subject.model.num_classes else []
        weights, _ = subject.model.log_weights(batch["image"], noise, k, *labels)
        if not budget.training:
            means.append(subject.model.encode(batch["image"], *labels)[0])
        nll -= float((weights.logsumexp(0) - math.log(k)).sum())
        elbo -= float(weights.mean(0).sum())
        count += len(rows)
    binary = subject.model.pixel_levels == 2
    given = "given the class; " if subject.model.num_classes else ""
    note = f"{given}{'pixels binarised dynamically' if binary else 'pixels of 8 bits'}; {k} importance samples"
    near = max(0.05, 1e-4 * nll / count)
    found = [
        Figure("negative log-likelihood", nll / count, "nats an image", "lower", "test", count, near, note=note),
        Figure("negative ELBO", elbo / count, "nats an image", "lower", "test", count, near, note=note),
    ]
    if not binary:
        bits = nll / count / math.log(2) / values
        found.append(Figure("bits a dimension", bits, "bits", "lower", "test", count, 1e-3, note=note))
    if not budget.training:
        used = int((np.concatenate([mean.cpu().numpy() for mean in means]).var(0) > _USED).sum())
        found.append(
            Figure(
                "active dimensions", used, f"of {subject.model.latent_dim}", "higher", "test", count, 1.0,
                note=f"latent dimensions whose posterior's mean has a variance above {_USED} over pictures",
            )
        )  # fmt: skip
    return found
