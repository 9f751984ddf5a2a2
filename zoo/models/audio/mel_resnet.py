"""A residual classifier of log-mel spectrograms: the judge of spoken digits and of drums.

The picture classifier of `zoo.models.image.resnet` on one channel of log-mel energies, as in the small models of
"Hello edge: keyword spotting on microcontrollers" (Zhang et al., 2017); training clips are masked in time and
frequency (SpecAugment, Park et al., 2019) and placed at random within the window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import AUDIO_CLASSIFICATION, Entry, Part
from zoo.models.image.resnet import ResNet, ResNetConfig
from zoo.nn.log_mel import LogMel
from zoo.noise import Noise


@dataclass(frozen=True)
class MelResNetConfig:
    """Spectrogram and network sizes."""

    sample_rate: int = bounded(8000, 1000, 48000)
    """Samples a second of the waveforms."""
    window_length: int = bounded(256, 16, 4096)
    """Samples under one analysis window (and the transform's length)."""
    hop_length: int = bounded(80, 8, 4096)
    """Samples between frames."""
    num_mels: int = bounded(40, 8, 256)
    """Mel bands."""
    frames: int = bounded(100, 8, 4096)
    """Frames that the network sees: longer clips are cut in the middle, shorter ones padded with silence."""
    num_classes: int = bounded(10, 2, 1000)
    """Classes to tell apart."""
    width: int = bounded(24, 2, 256)
    """Feature maps of the first stage."""
    max_mask: int = bounded(8, 0, 64)
    """Longest run of bands or frames that training masks."""
    loudest_noise: float = bounded(-15.0, -70.0, 0.0)
    """Decibels of the peak: training adds noise between -70 and as loud as this."""
    pitched: bool = False
    """Whether the network is told of each point in which band it lies: convolutions see shapes, and not how high."""

    def __post_init__(self) -> None:
        check(self)


class MelResNet(nn.Module):
    """Waveforms -> log-mel picture -> features -> logits."""

    def __init__(self, config: MelResNetConfig) -> None:
        super().__init__()
        self.config = config
        self.log_mel = LogMel(config.sample_rate, config.window_length, config.hop_length, config.num_mels)
        self.network = ResNet(
            ResNetConfig(channels=1 + config.pitched, num_classes=config.num_classes, width=config.width)
        )
        self.feature_dim = self.network.feature_dim

    def spectrogram(self, waveforms: Tensor) -> Tensor:
        """waveforms (n, t) in [-1, 1] -> log-mel energies (n, 1, mels, frames), about in [-1, 1].

        Each clip is first brought to a peak of 1, so that loudness does not count.
        """
        config = self.config
        length = config.frames * config.hop_length
        waveforms = waveforms / waveforms.abs().amax(1, keepdim=True).clamp_min(1e-4)
        missing = length - waveforms.shape[1]
        if missing >= 0:
            waveforms = F.pad(waveforms, (missing // 2, missing - missing // 2))
        else:
            start = -missing // 2
            waveforms = waveforms[:, start : start + length]
        pictures: Tensor = self.log_mel(waveforms)  # (n, mels, frames + 1)
        return pictures[:, None, :, : config.frames]

    def features(self, inputs: Tensor) -> Tensor:
        """waveforms (n, t) in [-1, 1] -> features (n, feature_dim)."""
        return self.network.features(self._seen(self.spectrogram(inputs)))

    def forward(self, inputs: Tensor) -> Tensor:
        """waveforms (n, t) in [-1, 1] -> logits (n, num_classes)."""
        return self.network(self._seen(self.spectrogram(inputs)))

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """Cross-entropy in nats; in training clips are shifted, given noise, and masked."""
        waveforms, labels = batch["waveform"], batch["label"]
        if self.training:
            waveforms = self._place(waveforms, batch["length"], noise)
        pictures = self.spectrogram(waveforms)
        if self.training:
            pictures = self._mask(self._mask(pictures, noise), noise, axis=3)
        logits = self.network(self._seen(pictures))
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=0.05)
        return {"loss": loss, "accuracy": (logits.detach().argmax(1) == labels).float().mean()}

    def _seen(self, pictures: Tensor) -> Tensor:
        """Pictures (n, 1, mels, frames), and where it is wanted a second channel that rises with the bands."""
        if not self.config.pitched:
            return pictures
        rising = torch.linspace(-1, 1, self.config.num_mels, device=pictures.device, dtype=pictures.dtype)
        return torch.cat([pictures, rising[:, None].expand_as(pictures)], dim=1)

    def _place(self, waveforms: Tensor, lengths: Tensor, noise: Noise) -> Tensor:
        """Shift each clip by a share of the silence behind it and add noise of a random level."""
        n, t = waveforms.shape
        offset = (noise.uniform(n) * (t - lengths)).long()
        index = (torch.arange(t, device=waveforms.device) - offset[:, None]) % t
        loudest = self.config.loudest_noise / 20
        level = 10.0 ** (loudest - (3.5 + loudest) * noise.uniform(n, 1))  # rooms, microphones, samplers are noisy
        return waveforms.gather(1, index) + level * noise.normal(n, t)

    def _mask(self, pictures: Tensor, noise: Noise, axis: int = 2) -> Tensor:
        n, size = len(pictures), pictures.shape[axis]
        width = (noise.uniform(n, 1) * (self.config.max_mask + 1)).long()
        first = (noise.uniform(n, 1) * (size - width)).long()
        position = torch.arange(size, device=pictures.device)
        masked = (position >= first) & (position < first + width)  # (n, size)
        shape = (n, 1, size, 1) if axis == 2 else (n, 1, 1, size)
        return pictures.masked_fill(masked.view(shape), pictures.detach().mean())

    def parts(self) -> tuple[Part, ...]:
        """One graph: waveforms, cut or padded to `frames` hops, to logits."""
        waveforms = torch.zeros(2, self.config.frames * self.config.hop_length)
        axes = {"inputs": {0: "batch"}, "logits": {0: "batch"}}
        return (Part("classifier", self, {"inputs": waveforms}, ("logits",), axes),)


ENTRY = Entry(
    title="Mel-spectrogram classifier",
    paper="https://arxiv.org/abs/1711.07128",
    tasks=(AUDIO_CLASSIFICATION,),
    config=MelResNetConfig,
    model=MelResNet,
    tiny=MelResNetConfig(width=4, num_mels=16, frames=32),
    summary="Says which word or sound is heard, with probabilities; the judge of generated speech and drums.",
    summary_zh="识别听到的是哪个词或哪种声音，并给出概率；用作生成语音与鼓声的评判者。",
)
