"""A small residual classifier of pictures: the judge of generated images.

He, Zhang, Ren and Sun, "Identity mappings in deep residual networks", ECCV 2016 (pre-activation), at a size for
28 x 28 pictures. Its last features are the space of the zoo's Fréchet distances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import IMAGE_CLASSIFICATION, Entry, Part
from zoo.noise import Noise


@dataclass(frozen=True)
class ResNetConfig:
    """Sizes and regularisation."""

    channels: int = bounded(1, 1, 4)
    """Colour channels of the pictures."""
    num_classes: int = bounded(10, 2, 1000)
    """Classes to tell apart."""
    width: int = bounded(24, 2, 256)
    """Feature maps at full size; doubled at each of two halvings."""
    blocks: int = bounded(1, 1, 8)
    """Residual blocks at each size."""
    dropout: float = bounded(0.1, 0.0, 0.9)
    """Share of features dropped before the last layer while training."""
    label_smoothing: float = bounded(0.05, 0.0, 0.5)
    """Share of the target spread over all classes while training."""
    max_shift: int = bounded(2, 0, 8)
    """Pixels by which training pictures are shifted at random, each way."""
    flip: bool = False
    """Whether training pictures are mirrored at random (for clothes, not for digits)."""

    def __post_init__(self) -> None:
        check(self)


class PreActivationBlock(nn.Module):
    """norm, relu, conv, norm, relu, conv, added to a shortcut (figure 4e of the paper)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        plain = inputs == outputs and stride == 1
        self.shortcut = None if plain else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, h / stride, w / stride)."""
        active = F.relu(self.norm1(x))
        shortcut = x if self.shortcut is None else self.shortcut(active)
        return shortcut + self.conv2(F.relu(self.norm2(self.conv1(active))))


class ResNet(nn.Module):
    """Pictures of any size -> features -> logits."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        widths = (width, 2 * width, 4 * width)
        self.feature_dim = widths[-1]
        self.stem = nn.Conv2d(config.channels, width, 3, 1, 1, bias=False)
        blocks, inputs = [], width
        for stage, outputs in enumerate(widths):
            for block in range(config.blocks):
                blocks.append(PreActivationBlock(inputs, outputs, 2 if stage and block == 0 else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.BatchNorm2d(inputs)
        self.head = nn.Linear(inputs, config.num_classes)

    def features(self, inputs: Tensor) -> Tensor:
        """images (n, c, h, w) in [-1, 1] -> pooled features (n, 4 * width)."""
        return F.relu(self.norm(self.blocks(self.stem(inputs)))).mean((2, 3))

    def forward(self, inputs: Tensor) -> Tensor:
        """images (n, c, h, w) in [-1, 1] -> logits (n, num_classes)."""
        return self.head(F.dropout(self.features(inputs), self.config.dropout, self.training))

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """Cross-entropy in nats on shifted (and mirrored) pictures."""
        images, labels = batch["image"], batch["label"]
        if self.training:
            images = shift(images, self.config.max_shift, noise)
            if self.config.flip:
                mirrored = noise.uniform(len(images)) < 0.5
                images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        logits = self(images)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=self.config.label_smoothing)
        return {"loss": loss, "accuracy": (logits.detach().argmax(1) == labels).float().mean()}

    def parts(self) -> tuple[Part, ...]:
        """One graph: picture to logits."""
        image = torch.zeros(2, self.config.channels, 28, 28)
        return (
            Part("classifier", self, {"inputs": image}, ("logits",), {"inputs": {0: "batch"}, "logits": {0: "batch"}}),
        )


def shift(images: Tensor, pixels: int, noise: Noise) -> Tensor:
    """Move each picture by up to `pixels` each way; what comes in at the edge is background (-1)."""
    if not pixels:
        return images
    n, _, height, width = images.shape
    padded = F.pad(images, (pixels,) * 4, value=-1.0)
    down, right = noise.integers(2 * pixels + 1, n), noise.integers(2 * pixels + 1, n)
    rows = down[:, None] + torch.arange(height, device=images.device)
    columns = right[:, None] + torch.arange(width, device=images.device)
    picture = torch.arange(n, device=images.device)[:, None, None]
    return padded[picture, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


ENTRY = Entry(
    title="Residual classifier",
    paper="https://arxiv.org/abs/1603.05027",
    tasks=(IMAGE_CLASSIFICATION,),
    config=ResNetConfig,
    model=ResNet,
    tiny=ResNetConfig(width=4, dropout=0.0),
    summary="Says what a picture shows, with probabilities; the judge of generated pictures.",
    summary_zh="判断图像内容并给出概率；用作生成图像的评判者。",
)
