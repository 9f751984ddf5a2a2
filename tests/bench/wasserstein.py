"""PyTorch-GAN's dense networks of WGAN-GP behind the zoo's interface, for `train.algorithms.wasserstein`."""

from __future__ import annotations

from peers import pytorch_gan
from torch import Tensor

from train.algorithms.wasserstein import Wasserstein
from zoo.models.image.wgan_gp import Slopes

PEERS = Wasserstein(generator_learning_rate=2e-4, critic_learning_rate=2e-4, beta1=0.5, beta2=0.999)
"""The peer's settings."""


class PeerGenerator(pytorch_gan.DenseGenerator):
    """The peer's generator."""

    num_classes, latent_dim = 0, pytorch_gan.LATENT

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """(n, 100) -> pictures (n, 1, 28, 28) in [-1, 1]."""
        return super().forward(latents)

    def discriminator(self) -> PeerCritic:
        """The peer's critic."""
        return PeerCritic()


class PeerCritic(pytorch_gan.DenseCritic):
    """The peer's critic with `Slopes` for its LeakyReLUs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers[1], self.layers[3] = Slopes(), Slopes()

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Pictures (n, 1, 28, 28) -> scores (n,)."""
        return super().forward(images).squeeze(1)
