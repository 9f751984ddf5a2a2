"""The plain data that describes a model to the rest of the house, and the protocols that models keep.

An `Entry` stands at the foot of each model's file. A *task* is a word of the Hub's pipeline tags; what a
task asks of a model is a Protocol here. Models draw nothing at random: noise is handed in (`zoo.noise`), so
an exported graph can stand where the torch module stands, and the same seed gives the same output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn

    from zoo.noise import Noise

IMAGE_GENERATION = "unconditional-image-generation"
IMAGE_AUTOENCODING = "image-feature-extraction"
IMAGE_CLASSIFICATION = "image-classification"
IMAGE_TRANSLATION = "image-to-image"
TEXT_GENERATION = "text-generation"
TRANSLATION = "translation"
FILL_MASK = "fill-mask"
TEXT_CLASSIFICATION = "text-classification"
RETRIEVAL = "sentence-similarity"
AUDIO_GENERATION = "text-to-audio"
AUDIO_CLASSIFICATION = "audio-classification"

IGNORED = -100
"""Target of positions that count for nothing in a cross-entropy: padding, and what was given rather than written."""

PARTS: dict[str, tuple[str, ...]] = {
    IMAGE_GENERATION: ("generator",),
    IMAGE_AUTOENCODING: ("generator", "encoder"),
    IMAGE_CLASSIFICATION: ("classifier",),
    IMAGE_TRANSLATION: ("translator",),
    TEXT_GENERATION: ("decoder",),
    TRANSLATION: ("text_encoder", "text_decoder"),
    FILL_MASK: ("masked",),
    TEXT_CLASSIFICATION: ("text_classifier",),
    RETRIEVAL: ("text_embedder",),
    AUDIO_GENERATION: ("duration", "condition", "step"),
    AUDIO_CLASSIFICATION: ("classifier",),
}
"""Parts that a model of a task names in `parts()`; what each takes and gives is in ARCHITECTURE.md."""
HEADS: dict[str, str] = {FILL_MASK: "masked", TEXT_CLASSIFICATION: "num_classes", RETRIEVAL: "replies"}
"""Field of a config that says whether a checkpoint has what a task needs; a task that is not here asks for none."""
IN_PLACE_OF: dict[str, str] = {"generator": "denoiser"}
"""A part that a model may name in the place of one of PARTS: many steps of a denoiser make what a generator makes."""

TASKS: dict[str, str] = {
    IMAGE_GENERATION: "noise (and a class) -> image",
    IMAGE_AUTOENCODING: "image -> latent -> image, with a likelihood",
    IMAGE_CLASSIFICATION: "image -> class probabilities; serves as a judge",
    IMAGE_TRANSLATION: "image -> another image of the same thing",
    TEXT_GENERATION: "tokens -> the next token",
    TRANSLATION: "a sequence -> its counterpart in another language or alphabet",
    FILL_MASK: "a text with blanks -> the tokens that fill them",
    TEXT_CLASSIFICATION: "text -> class probabilities",
    RETRIEVAL: "message -> the nearest of stored replies",
    AUDIO_GENERATION: "labels -> waveform",
    AUDIO_CLASSIFICATION: "waveform -> class probabilities; serves as a judge",
}
"""Every task the zoo knows: the Hub's pipeline tag, and what goes in and comes out."""


def with_heads(tasks: tuple[str, ...], config: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of a model's tasks that a checkpoint with this config does; see HEADS."""
    return tuple(task for task in tasks if task not in HEADS or config.get(HEADS[task], True))


@dataclass(frozen=True)
class Entry:
    """One architecture. `tiny` is a config small enough for a test of a second."""

    title: str
    paper: str
    tasks: tuple[str, ...]
    config: type
    model: type
    tiny: Any
    summary: str
    """One English sentence for the newcomer."""
    summary_zh: str
    """The same sentence in Chinese."""


@dataclass(frozen=True)
class Part:
    """A network that runs at inference: the engine, export, pruning and quantising work from it.

    `inputs` are example tensors by name, in the order in which the module takes them; `dynamic` names the axes that may
    vary, per input and output. `state` says which output becomes which input of the next run; it begins as zeros.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, str]] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)
    """Input -> output of the run before."""


@runtime_checkable
class Inspectable(Protocol):
    """Every model."""

    config: Any

    def parts(self) -> tuple[Part, ...]:
        """The networks that run at inference."""
        ...


@runtime_checkable
class Trainable(Protocol):
    """A model with one objective."""

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """Return {"loss": scalar, ...figures}; everything random comes from `noise`."""
        ...


@runtime_checkable
class GeneratesImages(Protocol):
    """IMAGE_GENERATION: `latent_dim` standard normals an image (and a class) -> images."""

    latent_dim: int
    num_classes: int
    """0 when the model takes no class."""

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """latents (n, latent_dim), labels int64 (n,) -> images float32 (n, c, h, w) in [-1, 1]."""
        ...


@runtime_checkable
class AutoencodesImages(GeneratesImages, Protocol):
    """IMAGE_AUTOENCODING: a latent-variable model of images with a bound on their likelihood."""

    pixel_levels: int
    """Values of a pixel that the likelihood tells apart: 2 when pixels are binarised first, 256 as stored."""

    def encode(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """images (n, c, h, w) in [-1, 1] -> mean and log-variance of the posterior, each (n, latent_dim).

        A model with classes wants the `labels` int64 (n,) as well, here and for `log_weights`.
        """
        ...

    def log_weights(
        self, images: Tensor, noise: Noise, samples: int, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """images in [-1, 1] -> log importance weights (samples, n) in nats and the exact KL (n,) of the posterior.

        The mean over samples estimates the evidence bound, logsumexp - log(samples) the log-likelihood.
        """
        ...


@runtime_checkable
class TranslatesImages(Protocol):
    """IMAGE_TRANSLATION: an image -> another of the same thing: another style, repaired, larger.

    A model that goes both ways has `translate_back` as well, and a part "translator_back".
    """

    source_channels: int
    source_size: int
    """Channels, height and width of what it is given."""

    def translate(self, images: Tensor) -> Tensor:
        """images (n, source_channels, source_size, source_size) in [-1, 1] -> images (n, c, h, w) in [-1, 1]."""
        ...


@runtime_checkable
class Classifies(Protocol):
    """IMAGE_CLASSIFICATION and AUDIO_CLASSIFICATION."""

    def features(self, inputs: Tensor) -> Tensor:
        """images or waveforms (n, ...) -> features float32 (n, feature_dim), the input of Fréchet distances."""
        ...

    def forward(self, inputs: Tensor) -> Tensor:
        """images or waveforms (n, ...) -> logits (n, num_classes)."""
        ...


@runtime_checkable
class GeneratesText(Protocol):
    """TEXT_GENERATION: an autoregressive model over token ids."""

    vocab_size: int
    context_length: int

    def start(self, batch_size: int) -> list[Tensor]:
        """An empty key-value (or recurrent) state."""
        ...

    def step(self, ids: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """ids int64 (n, t) appended to `state` -> logits (n, t, vocab_size) and the new state."""
        ...


@runtime_checkable
class TranslatesText(Protocol):
    """TRANSLATION: source tokens -> target tokens, by an encoder and a decoder with a cache."""

    vocab_size: int
    context_length: int
    """Tokens of a source, and of a target, at most."""

    def encode(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids int64 (n, s), mask int64 (n, s), 1 where there is a token -> memory (n, s, m) for "text_decoder"."""
        ...

    def forward(self, source: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
        """source and mask as for `encode`, ids int64 (n, t), the target so far -> logits (n, t, vocab_size)."""
        ...


@runtime_checkable
class FillsMasks(Protocol):
    """FILL_MASK: what stands in the blanks."""

    vocab_size: int
    context_length: int

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids int64 (n, t), mask (n, t) true where there is a token -> logits (n, t, vocab_size)."""
        ...


@runtime_checkable
class ClassifiesText(Protocol):
    """TEXT_CLASSIFICATION."""

    context_length: int

    def classify(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids int64 (n, t), mask (n, t) true where there is a token -> logits (n, num_classes)."""
        ...


@runtime_checkable
class FindsReplies(Protocol):
    """RETRIEVAL: messages and replies as vectors; a reply that fits is near."""

    context_length: int

    def embed(self, ids: Tensor, mask: Tensor, kind: Tensor) -> Tensor:
        """ids int64 (n, t), mask (n, t), kind int64 (n,), 0 message and 1 reply -> unit vectors (n, d)."""
        ...


@runtime_checkable
class GeneratesAudio(Protocol):
    """AUDIO_GENERATION: an autoregressive model over companded samples, conditioned a frame at a time."""

    sample_rate: int

    def condition(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Labels -> conditioning (n, frames, condition_dim), one row for `config.frame_size` samples."""
        ...
