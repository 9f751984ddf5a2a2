"""A data set by name, cut and padded to what a model's config asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.data.source import Dataset

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def load(
    name: str,
    split: str,
    config: Any,
    *,
    sample: bool = False,
    tokenizer: Tokenizer | None = None,
    skip: bool = False,
) -> Dataset:
    """Open one split ("train", "validation" or "test") of a data set that `zoo.data.source.INFOS` names.

    `config` gives image_size, context_length or frame_size where it has them. `tokenizer` is the one of a trained
    model; without it one is made from the split. With `skip` damaged pictures and clips are left out by name, which
    are errors otherwise. Raises ValueError or OSError as `zoo.data.source.read` does.
    """
    from zoo.data.audio import Clips
    from zoo.data.image import Images
    from zoo.data.text import Poems, Prose

    if name == "tiny_shakespeare":
        return Prose(name, split, sample=sample, context_length=config.context_length, tokenizer=tokenizer)
    if name == "tang_poems":
        return Poems(name, split, sample=sample, tokenizer=tokenizer)
    if name == "spoken_digits":
        return Clips(name, split, sample=sample, frame_size=getattr(config, "frame_size", 80), skip=skip)
    return Images(name, split, sample=sample, image_size=getattr(config, "image_size", 28), skip=skip)
