"""The plane that a joint model's words, pictures and sounds share, over whatever engine runs the network."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from zoo.data.audio import fit_length
from zoo.engine import Network
from zoo.generate.griffin_lim import griffin_lim
from zoo.nn.product_of_experts import product_of_experts
from zoo.noise import Noise

PEAK = 0.95
"""Largest sample of a recording, as in training."""
MAP_SIDE = 16
"""Pictures on each side of the map."""
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Forms:
    """A batch in every form: `words` logits (n, words), `images` (n, 1, h, w) in [-1, 1], `mels` (n, frames, mels)."""

    words: np.ndarray
    images: np.ndarray
    mels: np.ndarray


def places_of(
    network: Network,
    *,
    words: np.ndarray | None = None,
    images: np.ndarray | None = None,
    waveforms: np.ndarray | None = None,
) -> np.ndarray:
    """What is given, one or more of them -> the likeliest places of the shared plane, float32 (n, shared_dim).

    words int64 (n,), images (n, 1, h, w) in [-1, 1], waveforms (n, length) in [-1, 1]: their experts are multiplied.
    """
    given = {"encode_words": ("words", words), "encode_pictures": ("images", images)}
    given["encode_sounds"] = ("waveforms", waveforms)
    means, precisions = [], []
    for part, (name, value) in given.items():
        if value is not None:
            mean, log_variance = network.run(part, **{name: value})
            k = mean.shape[1] if part == "encode_words" else mean.shape[1] - network.config.style_dim
            means.append(mean[:, :k])
            precisions.append(np.exp(-log_variance[:, :k]))
    if not means:
        raise ValueError("nothing is given; a place then comes from the prior")
    place: np.ndarray = product_of_experts(means, precisions)[0].astype(np.float32)
    return place


def forms_of(network: Network, places: np.ndarray, styles: np.ndarray) -> Forms:
    """Places (n, shared_dim) and styles (n, 2, style_dim), of the picture and of the sound -> every form of them."""
    (words,) = network.run("decode_words", shared=places)
    (images,) = network.run("decode_pictures", shared=places, style=np.ascontiguousarray(styles[:, 0]))
    (mels,) = network.run("decode_sounds", shared=places, style=np.ascontiguousarray(styles[:, 1]))
    return Forms(words, images, mels)


def sound_of(network: Network, mel: np.ndarray) -> np.ndarray:
    """A log-mel spectrogram (frames, mels) -> a waveform float32 (length,) in [-1, 1], by Griffin-Lim."""
    config = network.config
    waveform = griffin_lim(mel, config.window_length, config.hop_length, config.sample_rate)
    found: np.ndarray = (waveform * (PEAK / max(float(np.abs(waveform).max()), 1e-4))).astype(np.float32)
    return found


def heard_by(network: Network, word: np.ndarray) -> np.ndarray:
    """A spoken word float32 (t,) at the model's rate -> what its encoder takes: (1, length) at one peak."""
    loud = word * (PEAK / max(float(np.abs(word).max()), 1e-4))
    found: np.ndarray = fit_length(loud.astype(np.float32), network.config.num_mels * network.config.hop_length)[None]
    return found


def grid_of_places(side: int) -> np.ndarray:
    """Places (side * side, 2), row by row from the top left, each with the same share of a standard normal plane."""
    quantiles = [_NORMAL.inv_cdf((i + 0.5) / side) for i in range(side)]
    return np.array([(x, -y) for y in quantiles for x in quantiles], np.float32)


def map_of(network: Network, side: int = MAP_SIDE) -> np.ndarray:
    """What is written at each of `grid_of_places`, in the middle of all styles: images (side * side, 1, h, w)."""
    places = grid_of_places(side)
    return forms_of(network, places, np.zeros((len(places), 2, network.config.style_dim), np.float32)).images


def drawn_styles(noise: Noise, count: int, style_dim: int) -> np.ndarray:
    """Styles of `count` pictures and as many sounds, from the prior: float32 (count, 2, style_dim)."""
    return noise.normal_array(count, 2, style_dim)
