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

    `config` gives image_size, context_length (or window), vocab_size (how many pieces of words stories and code have at
    most), frame_size, grid, or length (else frames and hop_length) where it has them. `tokenizer` is the one of a
    trained model; without it one is made from the split. With `skip` damaged pictures and clips are left out by name,
    which are errors otherwise. Raises ValueError or OSError as `zoo.data.source.read` does.
    """
    from zoo.data.audio import Clips
    from zoo.data.captions import GROUPS, Captioned, Prompted
    from zoo.data.chorales import open_chorales
    from zoo.data.described import Described
    from zoo.data.dialogue import open_dialogue
    from zoo.data.drums import drum_sounds
    from zoo.data.image import Emoji, Images
    from zoo.data.notes import instrument_notes
    from zoo.data.pairs import emoji_pairs
    from zoo.data.sequences import pronunciations, translations
    from zoo.data.speech import Prompts, Segments, read_recordings
    from zoo.data.text import Poems, Prose, window_of
    from zoo.data.trimodal import NAME, open_trimodal

    if name in ("tiny_shakespeare", "fairy_tales", "python_stdlib"):
        pieces = 0 if name == "tiny_shakespeare" else config.vocab_size
        length = window_of(config)
        return Prose(name, split, sample=sample, context_length=length, tokenizer=tokenizer, pieces=pieces)
    if name == "tang_poems":
        return Poems(name, split, sample=sample, tokenizer=tokenizer)
    if name in ("tatoeba_en_zh", "cmudict"):
        sequences = translations if name == "tatoeba_en_zh" else pronunciations
        return sequences(name, split, sample=sample, tokenizer=tokenizer, context_length=config.context_length)
    if name == "dialogue":
        return open_dialogue(name, split, config, sample=sample, tokenizer=tokenizer)
    if hasattr(config, "num_symbols"):
        return Prompts(read_recordings(name, split, sample=sample, skip=skip), config)
    if hasattr(config, "segment_length"):
        recordings = read_recordings(name, split, sample=sample, skip=skip)
        return Segments(recordings, config.segment_length, config.sample_rate, training=split == "train")
    if name == NAME:
        return open_trimodal(split, config, sample=sample, skip=skip)
    if name == "spoken_digits":
        return Clips(name, split, sample=sample, frame_size=getattr(config, "frame_size", 80), skip=skip)
    if name == "gm_notes":
        return instrument_notes(name, split, config, sample=sample, skip=skip)
    if name == "drums":
        length = config.length if hasattr(config, "length") else config.frames * config.hop_length
        return drum_sounds(name, split, sample=sample, length=length, skip=skip)
    if name == "jsb_chorales":
        return open_chorales(name, split, config, sample=sample)
    if name == "emoji" and hasattr(config, "source"):
        return emoji_pairs(name, split, config, sample=sample, skip=skip)
    if name == "emoji_names" or name in GROUPS:
        kind = Prompted if hasattr(config, "latent_channels") else Captioned
        return kind(name, split, config, sample=sample, tokenizer=tokenizer, skip=skip)
    if name == "emoji_digits":
        return Described(name, split, config, sample=sample, tokenizer=tokenizer, skip=skip)
    if name in ("emoji", "emoji_vendors", "emoji_faces"):
        return Emoji(name, split, sample=sample, image_size=getattr(config, "image_size", 32), skip=skip)
    return Images(name, split, sample=sample, image_size=getattr(config, "image_size", 28), skip=skip)
