"""What a network in training shows of its health, for logs and the doctor; the figures of cards are in `verify`."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo import entry, registry
from zoo.metrics.diversity import classes_seen, duplicates, spread
from zoo.metrics.judges import judge_of
from zoo.verify import Poll, Subject, fit_to_judge, generated_images, judge_network
from zoo.verify.images import denoises
from zoo.verify.sounds import heard

PICTURES, PICTURES_OF_SAMPLE = 2000, 200
"""Generated, and as many real ones; fewer for a model of the small bundled sample, and for one that draws slowly."""
SOUNDS = 200
_ROWS = 250


def evidence(subject: Subject, data: Any, poll: Poll) -> dict[str, float | list[float]]:
    """Figures by name; empty for a model whose tasks have none."""
    import torch

    tasks = registry.entry(subject.name).tasks
    found: dict[str, float | list[float]] = {}
    with torch.no_grad():
        if entry.IMAGE_GENERATION in tasks:
            found |= _diversity(subject, data, poll)
        if entry.SOUND_GENERATION in tasks:
            found |= _diversity_of_sounds(subject, data, poll)
        if entry.IMAGE_AUTOENCODING in tasks:
            found["KL per dimension"] = _kl_per_dimension(subject, data)
    return found


def _diversity(subject: Subject, data: Any, poll: Poll) -> dict[str, float | list[float]]:
    """Near-copies, and where the data set has a judge, classes reached and variety within them.

    A class is what the judge reads, for what was generated and for what is real.
    """
    import torch

    count = PICTURES_OF_SAMPLE if subject.sample or denoises(subject.model) else PICTURES
    pictures = torch.cat([images.cpu() for images, _ in generated_images(subject.model, count, poll)])
    found: dict[str, float | list[float]] = {"duplicates": duplicates(pictures.numpy())}
    judge = judge_of(subject.dataset)
    if judge is None:
        return found
    network = judge_network(judge)
    device = next(network.parameters()).device
    rows = np.arange(min(count, len(data)))
    spreads = []
    for images in (pictures, data.batch(rows)["image"]):
        features, classes = [], []
        for part in images.split(_ROWS):
            poll()
            seen = network.features(fit_to_judge(part.to(device), network))
            features.append(seen.cpu().numpy())
            classes.append(network.head(seen).argmax(1).cpu().numpy())
        read = np.concatenate(classes)
        spreads.append(spread(np.concatenate(features), read))
        if images is pictures:
            found["classes seen"] = float(classes_seen(read, network.head.out_features))
    found["variety"] = spreads[0] / max(spreads[1], 1e-12)
    return found


def _diversity_of_sounds(subject: Subject, data: Any, poll: Poll) -> dict[str, float | list[float]]:
    """The same of sounds, equally loud for near-copies; variety is in multiples of that of the split's real ones, in
    the classes of which it has several."""
    made = np.concatenate([one.cpu().numpy() for one, _ in generated_images(subject.model, SOUNDS, poll)])
    loudness = np.sqrt(np.square(made).mean(1, keepdims=True)).clip(1e-4)
    found: dict[str, float | list[float]] = {"duplicates": duplicates(made / loudness)}
    judge = judge_of(subject.dataset)
    if judge is None:
        return found
    network = judge_network(judge)
    features, classes = heard(network, made, poll)
    real, real_classes = heard(network, data.waveforms, poll)
    read, known = classes.argmax(1), real_classes.argmax(1)
    shared = np.isin(known, np.flatnonzero(np.bincount(known) > 1))  # one sound alone has no spread
    alike = np.isin(read, known[shared])
    found["classes seen"] = float(classes_seen(read, classes.shape[1]))
    if alike.any():
        found["variety"] = spread(features[alike], read[alike]) / max(spread(real[shared], known[shared]), 1e-12)
    return found


def _kl_per_dimension(subject: Subject, data: Any) -> list[float]:
    """KL(q(z_i|x) || p(z_i)) in nats of each latent dimension, over up to 1,000 pictures as they are, largest first."""
    device = next(subject.model.parameters()).device
    batch = data.batch(np.arange(min(1000, len(data))))
    labels = [batch["label"].to(device)] if subject.model.num_classes else []
    mean, log_variance = subject.model.encode(batch["image"].to(device), *labels)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).mean(0)
    return [round(float(value), 5) for value in kl.sort(descending=True).values]
