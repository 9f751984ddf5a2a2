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
NOTE_GENERATION = "note-generation"
SOUND_GENERATION = "sound-generation"
AUDIO_CLASSIFICATION = "audio-classification"
MUSIC_GENERATION = "music-generation"
VOCODING = "audio-to-audio"
TEXT_TO_SPEECH = "text-to-speech"
ANY_TO_ANY = "any-to-any"
TEXT_TO_IMAGE = "text-to-image"
IMAGE_TEXT_MATCHING = "zero-shot-image-classification"
CAPTIONING = "image-to-text"

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
    NOTE_GENERATION: ("condition", "step"),
    SOUND_GENERATION: ("sound_generator",),
    MUSIC_GENERATION: ("melody", "frame", "voice"),
    AUDIO_CLASSIFICATION: ("classifier",),
    VOCODING: ("spectrogram", "vocoder"),
    TEXT_TO_SPEECH: ("phonemes", "velocity"),
    ANY_TO_ANY: (
        "encode_words",
        "encode_pictures",
        "encode_sounds",
        "decode_words",
        "decode_pictures",
        "decode_sounds",
    ),
    TEXT_TO_IMAGE: ("prompt_encoder", "latent_denoiser", "latent_decoder"),
    IMAGE_TEXT_MATCHING: ("image_embedder", "caption_embedder"),
    CAPTIONING: ("image_encoder", "caption_decoder"),
}
"""Parts that a model of a task names in `parts()`; what each takes and gives is in ARCHITECTURE.md."""
HEADS: dict[str, str] = {
    FILL_MASK: "masked",
    TEXT_CLASSIFICATION: "num_classes",
    RETRIEVAL: "replies",
    AUDIO_GENERATION: "num_digits",
    NOTE_GENERATION: "num_pitches",
}
"""Field of a config that says whether a checkpoint has what a task needs; a task that is not here asks for none."""
LATER = (NOTE_GENERATION,)
"""Tasks that a checkpoint whose config does not name their field cannot do: it is older than they are."""
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
    NOTE_GENERATION: "a pitch and an instrument -> a note",
    SOUND_GENERATION: "noise (and a class) -> a short sound",
    MUSIC_GENERATION: "a melody, or none -> notes of four voices",
    AUDIO_CLASSIFICATION: "waveform -> class probabilities; serves as a judge",
    VOCODING: "waveform -> its mel spectrogram -> waveform again",
    TEXT_TO_SPEECH: "phonemes -> a mel spectrogram, which a vocoder makes heard",
    ANY_TO_ANY: "any of word, picture and sound -> the others, through one shared space",
    TEXT_TO_IMAGE: "a sentence -> an image of it",
    IMAGE_TEXT_MATCHING: "image and captions -> how well they fit together",
    CAPTIONING: "image -> words that say what it shows",
}
"""Every task the zoo knows: the Hub's pipeline tag, and what goes in and comes out."""
PIPELINE_TAGS: dict[str, str] = dict.fromkeys((NOTE_GENERATION, SOUND_GENERATION, MUSIC_GENERATION), AUDIO_GENERATION)
"""The Hub's tag of a task that it has no word for."""


def with_heads(tasks: tuple[str, ...], config: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of a model's tasks that a checkpoint with this config does; see HEADS."""
    return tuple(task for task in tasks if task not in HEADS or config.get(HEADS[task], task not in LATER))


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


@runtime_checkable
class GeneratesNotes(Protocol):
    """NOTE_GENERATION: as GeneratesAudio, by pitch, counted from `config.lowest_pitch`, and instrument."""

    sample_rate: int

    def condition(self, batch: Mapping[str, Tensor]) -> Tensor:
        """pitch, instrument int64 (n,), duration seconds (n,), frames -> conditioning (n, frames, condition_dim)."""
        ...


@runtime_checkable
class GeneratesSounds(Protocol):
    """SOUND_GENERATION: `latent_dim` standard normals a sound (and a class) -> short sounds of one length."""

    sample_rate: int
    latent_dim: int
    num_classes: int
    """0 when the model takes no class."""

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """latents (n, latent_dim), labels int64 (n,) -> waveforms float32 (n, t) in [-1, 1]."""
        ...


@runtime_checkable
class ComposesMusic(Protocol):
    """MUSIC_GENERATION: an autoregressive model over frames of four voices, under a melody or freely.

    A token is 0 for silence, else a key of the piano, from 1 on; `config.grid` is how many sixteenths a frame has.
    """

    context_length: int
    """Frames of a piece at most."""

    def listen(self, melody: Tensor, length: Tensor) -> Tensor:
        """melody int64 (n, t), frames of each piece int64 (n,), as far as they are known -> condition (n, t, d)."""
        ...

    def forward(self, voices: Tensor, condition: Tensor) -> Tensor:
        """voices int64 (n, t, 4), soprano first -> logits (n, t, 4, tokens), each given what is written before it."""
        ...


@runtime_checkable
class Vocodes(Protocol):
    """VOCODING: mel spectrograms, and waveforms from them."""

    sample_rate: int
    hop_length: int
    """Samples for each frame of a spectrogram."""
    num_mels: int

    def spectrogram(self, waveforms: Tensor) -> Tensor:
        """waveforms (n, t) in [-1, 1], t a multiple of the hop -> log-mel magnitudes (n, t / hop, num_mels)."""
        ...

    def generate(self, mel: Tensor, latents: Tensor) -> Tensor:
        """mel (n, frames, num_mels), standard normals (n, frames * hop_length) -> waveforms (n, t) in [-1, 1]."""
        ...

    def negative_log_likelihood(self, waveforms: Tensor, noise: Noise) -> Tensor:
        """waveforms (n, t) -> nats (n,) of their density, given their spectrograms."""
        ...


@runtime_checkable
class SpeaksText(Protocol):
    """TEXT_TO_SPEECH: symbols -> durations, and frames by a flow from noise."""

    sample_rate: int
    hop_length: int
    num_mels: int

    def encode(self, symbols: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """symbols int64 (n, p), mask (n, p) -> means (n, p, num_mels), states (n, p, c), log durations (n, p)."""
        ...

    def velocity(self, frames: Tensor, time: Tensor, condition: Tensor, mask: Tensor) -> Tensor:
        """frames (n, t, num_mels), time (n,), condition (n, t, num_mels + c + 2), mask (n, t) -> as frames."""
        ...


@runtime_checkable
class JoinsModalities(Protocol):
    """ANY_TO_ANY: words, pictures and sounds in one shared space; what a picture or a sound has beside it is its style.

    Encoders give the mean and the log-variance of a Gaussian, the shared dimensions first.
    """

    shared_dim: int
    style_dim: int
    num_words: int

    def encode_words(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """words int64 (n,) -> (n, shared_dim) twice."""
        ...

    def encode_pictures(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images (n, c, h, w) in [-1, 1] -> (n, shared_dim + style_dim) twice."""
        ...

    def encode_sounds(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """waveforms (n, config.length) in [-1, 1] -> (n, shared_dim + style_dim) twice."""
        ...

    def decode_words(self, shared: Tensor) -> Tensor:
        """shared (n, shared_dim) -> logits (n, num_words)."""
        ...

    def decode_pictures(self, shared: Tensor, style: Tensor) -> Tensor:
        """shared (n, shared_dim), style (n, style_dim) -> images (n, c, h, w) in [-1, 1]."""
        ...

    def decode_sounds(self, shared: Tensor, style: Tensor) -> Tensor:
        """shared and style as for pictures -> log-mel magnitudes (n, frames, mels) of `zoo.nn.log_mel.HopLogMel`."""
        ...


@runtime_checkable
class DrawsFromText(Protocol):
    """TEXT_TO_IMAGE: a sentence and noise -> an image, by way of a latent code."""

    context_length: int
    latent_dim: int
    """Standard normals that one image begins as."""

    def generate(self, latents: Tensor, ids: Tensor) -> Tensor:
        """latents (n, latent_dim), ids int64 (n, context_length), filled up with 0 -> images in [-1, 1], in colour."""
        ...

    def errors(self, images: Tensor, ids: Tensor, noise: Noise) -> Tensor:
        """images in [-1, 1] and their prompts -> the mean square error of what is predicted of each, (n,)."""
        ...

    def reconstruct(self, images: Tensor) -> Tensor:
        """images (n, 3, h, w) in [-1, 1] -> the same by way of their codes."""
        ...


@runtime_checkable
class MatchesImagesAndText(Protocol):
    """IMAGE_TEXT_MATCHING: pictures and captions as vectors of one space; what belongs together is near."""

    image_size: int
    context_length: int

    def embed_images(self, images: Tensor) -> Tensor:
        """images (n, 3, image_size, image_size) in [-1, 1] -> unit vectors (n, d)."""
        ...

    def embed_captions(self, ids: Tensor) -> Tensor:
        """ids int64 (n, t), each row with the token that ends it, after which nothing counts -> unit vectors (n, d)."""
        ...


@runtime_checkable
class CaptionsImages(Protocol):
    """CAPTIONING: pictures -> captions, by an encoder of pictures and a decoder with a cache."""

    vocab_size: int
    image_size: int
    context_length: int
    """Tokens of a caption at most."""

    def look(self, images: Tensor) -> Tensor:
        """images (n, 3, image_size, image_size) in [-1, 1] -> memory (n, places, m) for "caption_decoder"."""
        ...

    def forward(self, images: Tensor, ids: Tensor) -> Tensor:
        """images as for `look`, ids int64 (n, t), the caption so far, its language first -> logits (n, t, v)."""
        ...
