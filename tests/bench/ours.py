"""What the zoo sets against its peers: its own loop (`train.loop.Run`), on the peers' networks and on its own.

The peers' networks keep their layers and parameters; what changes is how they are computed. Nearest-neighbour doubling
followed by a 3 x 3 convolution is exactly a transposed 4 x 4 convolution of stride 2 whose kernel is sums of the 3 x 3
one's taps, with 4/9 of the operations: `Doubling` computes it so, and its gradients reach the 3 x 3 kernel.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate.state import AcceleratorState
from peers import pythae, pytorch_gan
from torch import Tensor, nn
from torch.nn import functional as F

from train.algorithms.adversarial import Adversarial
from train.algorithms.single_loss import SingleLoss
from train.loop import Run
from train.recipe import Course, Recipe
from zoo.losses import gaussian_kl
from zoo.models.image.dcgan import DCGAN, DCGANConfig
from zoo.models.image.vae import VAEConfig
from zoo.models.text.gpt import GPTConfig
from zoo.noise import Noise

FOREVER = 10**9
PLAIN: dict[str, Any] = {
    "schedule": "constant",
    "steps": FOREVER,
    "snapshots": 0,
    "evaluate_every": FOREVER,
    "save_every": FOREVER,
    "ema_decay": 0.0,
}
"""A recipe's numbers for the bare job that the peers do: no averaged weights, no measuring, no saving."""
_HALF = torch.tensor(0.5)


def gan_recipe(**changes: Any) -> Recipe:
    """Adam as the peers', batches of 64, 32 pixels."""
    numbers = {"config": DCGANConfig(num_classes=0, width=56), "algorithm": Adversarial(), "batch_size": 64}
    numbers |= {"clip_norm": 0.0, "warmup": 1, **PLAIN, **changes}
    return Recipe(dataset="mnist", metric="Fréchet distance", **numbers)


def vae_recipe(**changes: Any) -> Recipe:
    """Adam without decay, batches of 64, 28 pixels."""
    numbers = {"config": VAEConfig(), "algorithm": SingleLoss(learning_rate=1e-4, beta2=0.999, weight_decay=0.0)}
    numbers |= {"batch_size": 64, "clip_norm": 0.0, "warmup": 1, **PLAIN, **changes}
    return Recipe(dataset="mnist", metric="negative log-likelihood", **numbers)


def gpt_recipe(config: GPTConfig, **changes: Any) -> Recipe:
    """AdamW and the clipping of nanoGPT, batches of 12."""
    numbers = {"config": config, "algorithm": SingleLoss(learning_rate=1e-3, weight_decay=0.1)}
    numbers |= {"batch_size": 12, "clip_norm": 1.0, "warmup": 100, **PLAIN, **changes}
    return Recipe(dataset="tiny_shakespeare", metric="loss", **numbers)


class Doubling(nn.Module):
    """Nearest-neighbour doubling and a 3 x 3 convolution, computed as one transposed convolution."""

    def __init__(self, convolution: nn.Conv2d, *, bias_apart: bool = True) -> None:
        super().__init__()
        self.convolution, self.bias_apart = convolution, bias_apart

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, d, 2 h, 2 w)."""
        kernel = _folded(_folded(self.convolution.weight.transpose(0, 1), 2), 3)
        if x.is_contiguous(memory_format=torch.channels_last):
            kernel = kernel.contiguous(memory_format=torch.channels_last)
        if not self.bias_apart:
            return F.conv_transpose2d(x, kernel, self.convolution.bias, stride=2, padding=1)
        maps = F.conv_transpose2d(x, kernel, stride=2, padding=1)
        return maps.add_(self.convolution.bias.to(maps.dtype)[:, None, None])  # oneDNN's own gradient of it is slow


def _folded(kernel: Tensor, axis: int) -> Tensor:
    """Three taps (a, b, c) along `axis` -> the four (c, b + c, a + b, a) of the transposed kernel."""
    a, b, c = kernel.unbind(axis)
    return torch.stack([c, b + c, a + b, a], axis)


class PeerGenerator(nn.Module):
    """PyTorch-GAN's generator behind the zoo's interface."""

    num_classes, latent_dim = 0, pytorch_gan.LATENT

    def __init__(
        self, *, transposed: bool = True, bias_apart: bool = True, layout: torch.memory_format = torch.channels_last
    ) -> None:
        super().__init__()
        peer = pytorch_gan.ConvGenerator()
        self.layout, self.dense, layers = layout, peer.dense, list(peer.layers)
        if transposed:
            for place in (5, 1):  # an Upsample, and the convolution behind it
                layers[place : place + 2] = [Doubling(layers[place + 1], bias_apart=bias_apart)]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """(n, 100) -> pictures (n, 1, 32, 32) in [-1, 1]."""
        return self.layers(self.dense(latents).view(-1, 128, 8, 8).contiguous(memory_format=self.layout))

    def discriminator(self) -> PeerDiscriminator:
        """The peer's own adversary."""
        return PeerDiscriminator(layout=self.layout)


class PeerDiscriminator(nn.Module):
    """PyTorch-GAN's discriminator behind the zoo's interface."""

    def __init__(self, *, layout: torch.memory_format = torch.channels_last) -> None:
        super().__init__()
        self.layout, self.peer = layout, pytorch_gan.ConvDiscriminator()

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Pictures (n, 1, h, w) -> logits (n,)."""
        return self.peer(channels_last(images) if self.layout == torch.channels_last else images).squeeze(1)


def channels_last(images: Tensor) -> Tensor:
    """Grey pictures (n, 1, h, w) with the strides of channels-last: with one channel `contiguous` sees no difference,
    but a convolution chooses its kernel by the strides."""
    n, _, height, width = images.shape
    return images.reshape(n, height, width, 1).permute(0, 3, 1, 2)


class DenseVAE(nn.Module):
    """pythae's dense VAE behind the zoo's interface: the sigmoid is in the loss, all else is the same."""

    def __init__(self) -> None:
        super().__init__()
        peer = pythae.DenseVAE()
        self.encoder, self.decoder = peer.encoder, peer.decoder[:-1]
        self.moments = nn.Linear(512, 2 * pythae.LATENT)

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """The negative evidence lower bound of grey pixels (n, 1, 28, 28) in [-1, 1]."""
        pixels = torch.add(_HALF, batch["image"].flatten(1), alpha=0.5)
        mean, log_variance = self.moments(self.encoder(pixels)).float().chunk(2, dim=1)
        latents = mean + (0.5 * log_variance).exp() * noise.normal(len(mean), pythae.LATENT)
        logits = self.decoder(latents).float()
        nll = (F.softplus(logits).sum() - torch.dot(logits.flatten(), pixels.flatten())) / len(pixels)
        return {"loss": nll + gaussian_kl(mean, log_variance).mean()}


def begin(build: Callable[[Recipe, Any], nn.Module], recipe: Recipe, folder: Path) -> Run:
    """A run of our loop on the CPU; Accelerate's state is the process's, and keeps the precision of the run before."""
    AcceleratorState._reset_state(reset_partial_state=True)
    return Run(Course("bench", {}, build), "bench", recipe, folder, cpu=True)


def dcgan(recipe: Recipe, _: Any) -> nn.Module:
    """Our own generator, transposed convolutions throughout, without classes."""
    return DCGAN(recipe.config)


def steps_of(run: Run) -> Callable[[int], float]:
    """`run` of a contender: steps of our loop, with averaged weights where the recipe has them."""

    def take(steps: int) -> float:
        begun = time.perf_counter()
        for _ in range(steps):
            run.step()
            run.progress["step"] += 1
            if run.average is not None:
                run.average.update_parameters(run.model)
        return time.perf_counter() - begun

    return take
