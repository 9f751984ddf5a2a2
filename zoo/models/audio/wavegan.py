"""WaveGAN, class-conditional: short sounds from noise by transposed convolutions over time, in one step.

Donahue, McAuley and Puckette, "Adversarial audio synthesis", ICLR 2019: DCGAN in one dimension, with kernels of 25
samples that step by 4, and a discriminator whose layers are shifted at random by a few samples (phase shuffle), so that
it cannot tell generated sounds by the phase of the hum that strides leave. Departures: widths for a processor; the
class enters beside the noise and by projection (Miyato and Koyama, ICLR 2018); the discriminator's logit is the sum of
the paper's, which hears the waveform, and of a second one's that looks at the log-mel spectrogram (`mel_width`; the
view of the paper's SpecGAN), because the ear minds little what the phase is and much how a tail fades into silence; it
is trained by the non-saturating loss with a penalty on its slope (`train.algorithms.adversarial`) rather than by
WGAN-GP, whose five steps of the critic are dear on a processor. And what hums is mended where it arises: the phases of
each kernel of the generator are held to one sum (`even`), where the authors learn a filter behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import SOUND_GENERATION, Entry, Part
from zoo.nn.log_mel import LogMel
from zoo.nn.variety import variety

KERNEL, STRIDE = 25, 4
"""Samples under a kernel, and from one to the next, in every layer."""
WINDOW, HOP, MELS, FLOOR = 512, 128, 48, 1e-3
"""What the second discriminator sees of a sound: samples under a window, from one to the next, mel bands, and the
energy below which it sees silence: about that of noise 55 dB under full scale."""
QUIET = 0.1
"""Deviation of an untrained generator's waveforms, about that of drums."""


@dataclass(frozen=True)
class WaveGANConfig:
    """Sizes of both networks."""

    sample_rate: int = bounded(16000, 1000, 48000)
    """Samples a second."""
    length: int = bounded(16384, 16, 262144)
    """Samples of a sound; a multiple of 4 to the power of `stages`."""
    latent_dim: int = bounded(64, 1, 1024)
    """Standard normals that make one sound."""
    num_classes: int = bounded(7, 0, 1000)
    """Classes to condition on; 0 for none."""
    class_dim: int = bounded(32, 1, 512)
    """Width of the generator's class embedding."""
    width: int = bounded(16, 1, 256)
    """Feature maps next to the waveform; doubled with each quarter of the length that is left."""
    stages: int = bounded(5, 1, 8)
    """Layers of each network, of which each makes the length four times as long, or a quarter."""
    shuffle: int = bounded(2, 0, 16)
    """Samples by which the discriminator's layers are shifted at random, at most; 0 for none."""
    mel_width: int = bounded(24, 0, 256)
    """Feature maps of the discriminator of spectrograms at half size; 0 for the paper's discriminator alone."""

    def __post_init__(self) -> None:
        check(self)
        whole, name = STRIDE**self.stages, "WaveGANConfig.length"
        if self.length % whole:
            raise ValueError(f"{name} is {self.length}; with {self.stages} stages allowed are multiples of {whole}")
        shortest = STRIDE * self.length // whole
        if self.stages > 1 and self.shuffle >= shortest:
            raise ValueError(f"WaveGANConfig.shuffle is {self.shuffle}; a layer of {shortest} samples allows fewer")
        if self.mel_width and self.length < 8 * HOP:
            raise ValueError(f"{name} is {self.length}; the spectrogram of mel_width asks for {8 * HOP} samples")

    def width_at(self, stage: int) -> int:
        """Feature maps between stage and waveform, `stage` layers away from it; one right there."""
        return self.width << (stage - 1) if stage else 1


class WaveGAN(nn.Module):
    """The generator, which is what a checkpoint holds; `discriminator()` makes its adversary for training."""

    def __init__(self, config: WaveGANConfig) -> None:
        super().__init__()
        self.config = config
        self.latent_dim, self.num_classes = config.latent_dim, config.num_classes
        self.sample_rate, self.start = config.sample_rate, config.length // STRIDE**config.stages
        inputs = config.latent_dim
        if config.num_classes:
            self.embed = nn.Embedding(config.num_classes, config.class_dim)
            inputs += config.class_dim
        self.project = nn.Linear(inputs, config.width_at(config.stages) * self.start)
        self.layers = nn.ModuleList(
            Longer(config.width_at(stage), config.width_at(stage - 1), 1.0 if stage > 1 else QUIET)
            for stage in range(config.stages, 0, -1)
        )
        nn.init.normal_(self.project.weight, 0.0, inputs**-0.5)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """latents (n, latent_dim) and, with classes, labels int64 (n,) -> waveforms (n, length) in [-1, 1]."""
        if self.num_classes:
            if labels is None:
                raise ValueError(f"this generator is conditioned on {self.num_classes} classes; labels are missing")
            latents = torch.cat([latents, self.embed(labels)], dim=1)
        x = self.project(latents).unflatten(1, (-1, self.start))
        *layers, last = self.layers
        for layer in layers:
            x = layer(x.relu())  # a quarter -> the whole of the next length
        if torch.is_autocast_enabled(x.device.type):  # eight bits are too few for a tail that fades into silence
            with torch.autocast(x.device.type, enabled=False):
                return last(x.float().relu()).squeeze(1).tanh()
        return last(x.relu()).squeeze(1).tanh()

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """As `forward`: the task's name for it."""
        waveforms: Tensor = self(latents, labels)
        return waveforms

    def discriminator(self) -> Discriminator:
        """A fresh adversary of matching sizes."""
        return Discriminator(self.config)

    def parts(self) -> tuple[Part, ...]:
        """One graph: noise (and class) to sound."""
        inputs = {"latents": torch.zeros(2, self.latent_dim)}
        if self.num_classes:
            inputs["labels"] = torch.zeros(2, dtype=torch.int64)
        batch = {name: {0: "batch"} for name in (*inputs, "waveforms")}
        return (Part("sound_generator", self, inputs, ("waveforms",), batch),)


class Longer(nn.Module):
    """A transposed convolution that makes a sequence four times as long, whose kernels are `even`."""

    def __init__(self, inputs: int, outputs: int, gain: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs, KERNEL))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.normal_(self.weight, 0.0, gain * (2 * STRIDE / (KERNEL * inputs)) ** 0.5)  # He et al., 2015

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, t) -> (n, outputs, 4 t)."""
        return F.conv_transpose1d(x, even(self.weight), self.bias, STRIDE, padding=11, output_padding=1)


def even(kernels: Tensor) -> Tensor:
    """Kernels (inputs, outputs, 25) less what makes their four phases, every fourth tap, add up to different sums.

    A level input then gives a level output; otherwise it gives a tone at a quarter of the rate of its output.
    """
    taps = torch.tensor([-(-(KERNEL - phase) // STRIDE) for phase in range(STRIDE)], device=kernels.device)
    sums = F.pad(kernels, (0, -KERNEL % STRIDE)).unflatten(2, (-1, STRIDE)).sum(2)  # (inputs, outputs, 4)
    excess = (sums - sums.mean(2, keepdim=True)) / taps
    return kernels - excess.repeat(1, 1, -(-KERNEL // STRIDE))[:, :, :KERNEL]


def shifted(x: Tensor, by: int) -> Tensor:
    """x (n, c, t) moved `by` samples to the right, or to the left below 0; what comes in is what stands at the edge, in
    a mirror."""
    padded = F.pad(x, (max(by, 0), max(-by, 0)), mode="reflect")
    return padded.narrow(2, max(-by, 0), x.shape[2])


class PhaseShuffle(nn.Module):
    """In training each call shifts its feature maps by a whole number of samples from -n to n (section 2.2), one for
    all sounds of a batch as in the authors' code. Drawn as dropout is: from the generator that the loop seeds."""

    def __init__(self, reach: int) -> None:
        super().__init__()
        self.reach = reach

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, t) -> the same shape."""
        if not self.training or not self.reach:
            return x
        return shifted(x, int(torch.randint(-self.reach, self.reach + 1, ())))


class Projection(nn.Module):
    """Features -> a logit: a score of them, and their inner product with the class's own vector."""

    def __init__(self, features: int, num_classes: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, 1)
        self.embed = nn.Embedding(num_classes, features) if num_classes else None
        if self.embed is not None:
            nn.init.normal_(self.embed.weight, 0.0, features**-0.5)

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        """features (n, d), labels int64 (n,) -> logits (n,)."""
        logits: Tensor = self.score(features).squeeze(1)
        if self.embed is None:
            return logits
        if labels is None:
            raise ValueError("this discriminator is conditioned on classes; labels are missing")
        return logits + (self.embed(labels) * features).sum(1)


class Discriminator(nn.Module):
    """Real or generated? The waveform through strided convolutions, and beside it the spectrogram."""

    def __init__(self, config: WaveGANConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for stage in range(config.stages):
            layers += [
                nn.Conv1d(config.width_at(stage), config.width_at(stage + 1), KERNEL, STRIDE, 11),
                nn.LeakyReLU(0.2),
            ]
            if stage < config.stages - 1:
                layers.append(PhaseShuffle(config.shuffle))
        self.layers = nn.Sequential(*layers)
        self.logit = Projection(
            config.width_at(config.stages) * (config.length // STRIDE**config.stages), config.num_classes
        )
        self.look = MelDiscriminator(config) if config.mel_width else None
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, 0.2)

    def forward(self, waveforms: Tensor, labels: Tensor | None = None) -> Tensor:
        """waveforms (n, length) in [-1, 1], labels int64 (n,) -> logits (n,), positive for real."""
        logits: Tensor = self.logit(self.layers(waveforms[:, None]).flatten(1), labels)
        return logits if self.look is None else logits + self.look(waveforms, labels)


class MelDiscriminator(nn.Module):
    """Real or generated, by the look of the spectrogram: DCGAN's strided convolutions, without norms, and how varied
    the batch is (Karras et al., ICLR 2018), for of so few sounds a generator soon makes always the same."""

    def __init__(self, config: WaveGANConfig) -> None:
        super().__init__()
        self.log_mel = LogMel(config.sample_rate, WINDOW, HOP, MELS, FLOOR)
        layers: list[nn.Module] = []
        before = 1
        for width in (config.mel_width, 2 * config.mel_width, 4 * config.mel_width):
            layers += [nn.Conv2d(before, width, 4, 2, 1), nn.LeakyReLU(0.2)]
            before = width
        self.layers = nn.Sequential(*layers)
        frames = config.length // HOP + 1
        self.logit = Projection((before + 1) * (MELS // 8) * (frames // 2 // 2 // 2), config.num_classes)

    def forward(self, waveforms: Tensor, labels: Tensor | None = None) -> Tensor:
        """As `Discriminator.forward`."""
        with torch.autocast(waveforms.device.type, enabled=False):  # energies span more than eight bits tell apart
            pictures = self.log_mel(waveforms.float())
        x = self.layers(pictures[:, None])
        logits: Tensor = self.logit(torch.cat([x, variety(x)], dim=1).flatten(1), labels)
        return logits


ENTRY = Entry(
    title="WaveGAN",
    paper="https://arxiv.org/abs/1802.04208",
    tasks=(SOUND_GENERATION,),
    config=WaveGANConfig,
    model=WaveGAN,
    tiny=WaveGANConfig(length=1024, latent_dim=8, class_dim=4, width=2, stages=3, mel_width=2),
    summary="Makes a whole drum sound of noise in one step, of the kind that is asked for; beats are made of them.",
    summary_zh="由噪声一步生成整个鼓声，可指定种类，再拼成节奏。",
)
