"""The GANs of eriklindernoren/PyTorch-GAN (dcgan.py, wgan_gp.py), told again in our own words from their recipes.

Kept: layers, their order, activations, epsilons and dropout; losses; Adam(2e-4, (0.5, 0.999)); latents and mixing
weights drawn by NumPy; contiguous memory; fp32; what is and is not detached; the scalars of the printed lines. Left
out: the print itself and the sample sheets. `loader` is their way to the data, one picture at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

LATENT = 100


def loader(pictures: np.ndarray, size: int, batch_size: int = 64) -> Iterator[Tensor]:
    """Batches of pictures uint8 (n, h, w) without end, each picture resized and normalised by itself.

    As torchvision's MNIST with Resize, ToTensor and Normalize(0.5, 0.5) behind a DataLoader without workers.
    """

    class Pictures(torch.utils.data.Dataset[tuple[Tensor, int]]):
        def __len__(self) -> int:
            return len(pictures)

        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            picture = Image.fromarray(pictures[index])
            if picture.size != (size, size):
                picture = picture.resize((size, size), Image.Resampling.BILINEAR)
            values = torch.from_numpy(np.array(picture)).view(size, size, 1).permute(2, 0, 1).contiguous()
            return values.float().div(255).sub_(torch.full((1, 1, 1), 0.5)).div_(torch.full((1, 1, 1), 0.5)), 0

    batches = torch.utils.data.DataLoader(Pictures(), batch_size, shuffle=True, drop_last=True)
    while True:
        for images, _ in batches:
            yield images


def _normal_start(module: nn.Module) -> None:
    """Convolutions from N(0, 0.02), the scales of 2-d norms from N(1, 0.02)."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class ConvGenerator(nn.Module):
    """A dense layer to 8 x 8, then twice (double by nearest neighbour, convolve 3 x 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(LATENT, 128 * 8 * 8)
        self.layers = nn.Sequential(
            nn.BatchNorm2d(128),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(128, 128, 3, padding=1),
            nn.BatchNorm2d(128, 0.8),  # the second argument is epsilon
            nn.LeakyReLU(0.2, inplace=True),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(128, 64, 3, padding=1),
            nn.BatchNorm2d(64, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(64, 1, 3, padding=1),
            nn.Tanh(),
        )
        self.apply(_normal_start)

    def forward(self, latents: Tensor) -> Tensor:
        """(n, 100) -> pictures (n, 1, 32, 32) in [-1, 1]."""
        return self.layers(self.dense(latents).view(-1, 128, 8, 8))


class ConvDiscriminator(nn.Module):
    """Four strided convolutions with dropout of whole maps, then a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        widths = (1, 16, 32, 64, 128)
        for i in range(4):
            layers += [
                nn.Conv2d(widths[i], widths[i + 1], 3, 2, 1),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Dropout2d(0.25),
            ]
            if i:
                layers.append(nn.BatchNorm2d(widths[i + 1], 0.8))
        self.layers = nn.Sequential(*layers)
        self.dense = nn.Linear(128 * 2 * 2, 1)
        self.apply(_normal_start)

    def forward(self, images: Tensor) -> Tensor:
        """Pictures (n, 1, 32, 32) -> logits (n, 1)."""
        return self.dense(self.layers(images).flatten(1))


class DenseGenerator(nn.Module):
    """100 -> 128 -> 256 -> 512 -> 1024 -> 784, norms after the three in the middle."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(LATENT, 128), nn.LeakyReLU(0.2, inplace=True)]
        for before, after in ((128, 256), (256, 512), (512, 1024)):
            layers += [nn.Linear(before, after), nn.BatchNorm1d(after, 0.8), nn.LeakyReLU(0.2, inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Linear(1024, 28 * 28), nn.Tanh())

    def forward(self, latents: Tensor) -> Tensor:
        """(n, 100) -> pictures (n, 1, 28, 28) in [-1, 1]."""
        return self.layers(latents).view(-1, 1, 28, 28)


class DenseCritic(nn.Module):
    """784 -> 512 -> 256 -> 1, without norms."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(28 * 28, 512),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(512, 256),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(256, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Pictures (n, 1, 28, 28) -> scores (n, 1)."""
        return self.layers(images.flatten(1))


def _adam(module: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(module.parameters(), lr=2e-4, betas=(0.5, 0.999))


def _latents(count: int) -> Tensor:
    return torch.Tensor(np.random.normal(0, 1, (count, LATENT)))


def dcgan(batches: Iterator[Tensor]) -> Iterator[None]:
    """Train the convolutional pair on pictures (n, 1, 32, 32), a batch at each `next`."""
    generator, discriminator = ConvGenerator(), ConvDiscriminator()
    loss = nn.BCELoss()
    g_optimizer, d_optimizer = _adam(generator), _adam(discriminator)
    for real in batches:
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        g_optimizer.zero_grad()
        fake = generator(_latents(len(real)))
        g_loss = loss(discriminator(fake).sigmoid(), ones)
        g_loss.backward()  # through the discriminator, whose own gradients are made and thrown away
        g_optimizer.step()

        d_optimizer.zero_grad()
        real_loss = loss(discriminator(real).sigmoid(), ones)
        fake_loss = loss(discriminator(fake.detach()).sigmoid(), zeros)
        d_loss = (real_loss + fake_loss) / 2
        d_loss.backward()
        d_optimizer.step()
        f"{d_loss.item()} {g_loss.item()}"
        yield


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Mean of (|gradient of the critic at a random mixture| - 1) squared."""
    weight = torch.Tensor(np.random.random((len(real), 1, 1, 1)))
    mixture = (weight * real + (1 - weight) * fake).requires_grad_(True)
    (gradient,) = torch.autograd.grad(
        critic(mixture), mixture, grad_outputs=torch.ones(len(real), 1), create_graph=True, retain_graph=True
    )
    return ((gradient.view(len(real), -1).norm(2, dim=1) - 1) ** 2).mean()


def wgan_gp(batches: Iterator[Tensor], critic_steps: int = 5) -> Iterator[None]:
    """Train the dense pair on pictures (n, 1, 28, 28): the critic on every batch, the generator on every fifth."""
    generator, critic = DenseGenerator(), DenseCritic()
    g_optimizer, d_optimizer = _adam(generator), _adam(critic)
    for number, real in enumerate(batches):
        d_optimizer.zero_grad()
        latents = _latents(len(real))
        fake = generator(latents)  # not detached: the critic's loss is traced back through the generator as well
        real_score, fake_score = critic(real), critic(fake)
        penalty = gradient_penalty(critic, real.data, fake.data)
        d_loss = -real_score.mean() + fake_score.mean() + 10 * penalty
        d_loss.backward()
        d_optimizer.step()

        g_optimizer.zero_grad()
        if number % critic_steps == 0:
            g_loss = -critic(generator(latents)).mean()
            g_loss.backward()
            g_optimizer.step()
            f"{d_loss.item()} {g_loss.item()}"
        yield
