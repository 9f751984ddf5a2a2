"""A small residual classifier of pictures: the judge of generated images.

He, Zhang, Ren and Sun, "Identity mappings in deep residual networks", ECCV 2016 (pre-activation), at a size for
pictures of 28 to 64 pixels. Its last features are the space of the zoo's Fréchet distances. In training, pictures are
shifted, mirrored, enlarged, turned and recoloured at random: a small set seen in many ways is learnt less by heart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.config import bounded, check
from zoo.entry import IMAGE_CLASSIFICATION, Entry, Part
from zoo.nn.residual import PreActivationBlock
from zoo.noise import Noise

Background = Literal["black", "white", "nearest"]


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
    image_size: int = bounded(28, 8, 256)
    """Height and width in pixels of what it has learnt from."""
    background: Background = "black"
    """What comes in at the edge of a picture that is moved: nearest repeats its outermost pixels."""
    zoom: float = bounded(0.0, 0.0, 0.9)
    """Share by which training pictures are enlarged or made smaller at random, at most; each axis for itself."""
    turn: float = bounded(0.0, 0.0, 180.0)
    """Degrees by which training pictures are turned at random, each way, at most."""
    recolour: float = bounded(0.0, 0.0, 1.0)
    """How much brightness, contrast and saturation of training pictures change at random, as a share of themselves."""
    halved: bool = False
    """Whether the first convolution halves height and width: for pictures of 64 pixels at the price of 32."""

    def __post_init__(self) -> None:
        check(self)


class ResNet(nn.Module):
    """Pictures of any size -> features -> logits."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        widths = (width, 2 * width, 4 * width)
        self.feature_dim = widths[-1]
        self.stem = nn.Conv2d(config.channels, width, 3, 2 if config.halved else 1, 1, bias=False)
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
        """Cross-entropy in nats, in training on pictures changed at random."""
        images, labels = batch["image"], batch["label"]
        if self.training:
            images = self.changed(images, noise)
        logits = self(images)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=self.config.label_smoothing)
        return {"loss": loss, "accuracy": (logits.detach().argmax(1) == labels).float().mean()}

    def changed(self, images: Tensor, noise: Noise) -> Tensor:
        """images (n, c, h, w) in [-1, 1] as training sees them: the same shape and range."""
        config = self.config
        images = shift(images, config.max_shift, noise, config.background)
        if config.flip:
            mirrored = noise.uniform(len(images)) < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        if config.zoom or config.turn:
            images = warp(images, config.zoom, config.turn, noise, config.background)
        return recolour(images, config.recolour, noise) if config.recolour else images

    def parts(self) -> tuple[Part, ...]:
        """One graph: picture to logits."""
        image = torch.zeros(2, self.config.channels, self.config.image_size, self.config.image_size)
        return (
            Part("classifier", self, {"inputs": image}, ("logits",), {"inputs": {0: "batch"}, "logits": {0: "batch"}}),
        )


def shift(images: Tensor, pixels: int, noise: Noise, background: Background = "black") -> Tensor:
    """Move each picture by up to `pixels` each way; what comes in at the edge is `background`."""
    if not pixels:
        return images
    n, _, height, width = images.shape
    if background == "nearest":
        padded = F.pad(images, (pixels,) * 4, mode="replicate")
    else:
        padded = F.pad(images, (pixels,) * 4, value=1.0 if background == "white" else -1.0)
    down, right = noise.integers(2 * pixels + 1, n), noise.integers(2 * pixels + 1, n)
    rows = down[:, None] + torch.arange(height, device=images.device)
    columns = right[:, None] + torch.arange(width, device=images.device)
    picture = torch.arange(n, device=images.device)[:, None, None]
    return padded[picture, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def warp(images: Tensor, zoom: float, turn: float, noise: Noise, background: Background = "black") -> Tensor:
    """Turn each picture about its centre by up to `turn` degrees and scale each axis by a factor of 1 / (1 + zoom) to
    1 + zoom, bilinearly; what comes in at the edge is `background`."""
    n = len(images)
    angle = (2 * noise.uniform(n) - 1) * math.radians(turn)
    scale = (1 + zoom) ** (2 * noise.uniform(n, 2) - 1)  # as often larger as smaller
    across, down = scale[:, 0], scale[:, 1]
    rows = torch.stack([angle.cos() / across, -angle.sin() / across, angle.sin() / down, angle.cos() / down], 1)
    matrix = F.pad(rows.view(n, 2, 2), (0, 1))
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    if background == "nearest":
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    paper = 1.0 if background == "white" else -1.0  # what is sampled outside counts as 0
    return F.grid_sample(images - paper, grid, align_corners=False) + paper


def recolour(images: Tensor, strength: float, noise: Noise) -> Tensor:
    """Change saturation, contrast and brightness of each picture by up to `strength` of itself; stays in [-1, 1]."""
    amounts = (2 * noise.uniform(len(images), 3, 1, 1, 1) - 1) * strength
    saturation, contrast, brightness = amounts.unbind(1)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (1 + saturation)
    mean = images.mean((1, 2, 3), keepdim=True)
    images = mean + (images - mean) * (1 + contrast)
    return ((images + 1) * (1 + brightness) - 1).clamp(-1, 1)


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
