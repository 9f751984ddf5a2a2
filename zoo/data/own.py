"""One's own data: a folder or a file of pictures, texts or sounds, as the splits that training and measuring ask for.

What a folder holds is found by `own_files`, decoded by `own_image`, `own_text` or `own_audio`, and split by a hash
of each file's content, so that a file stays in its split when others are added or it is renamed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import entry
from zoo.data.own_files import find
from zoo.data.own_source import Kind, OwnDataError, Report
from zoo.data.source import SPLITS, Dataset, Info

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["Own", "OwnDataError", "Report", "open_own"]
KINDS: dict[str, Kind] = {
    entry.IMAGE_GENERATION: "image",
    entry.IMAGE_AUTOENCODING: "image",
    entry.IMAGE_CLASSIFICATION: "image",
    entry.IMAGE_TRANSLATION: "image",
    entry.TEXT_GENERATION: "text",
    entry.AUDIO_GENERATION: "audio",
    entry.SOUND_GENERATION: "audio",
    entry.AUDIO_CLASSIFICATION: "audio",
}
"""What a model of each task learns from."""


@dataclass(frozen=True)
class Own:
    """One's own data, read once. `info.name` is the folder's name, `fingerprint` the sha256 over all content hashes."""

    info: Info
    fingerprint: str
    report: Report
    splits: dict[str, Any]

    def split(self, name: str) -> Dataset:
        """One of "train", "validation" and "test". Raises ValueError for another name."""
        if name not in self.splits:
            raise ValueError(f"there is no split {name!r}; allowed are {', '.join(SPLITS)}")
        return self.splits[name]


def open_own(
    path: str | os.PathLike[str],
    tasks: Sequence[str],
    config: Any,
    *,
    tokenizer: Tokenizer | None = None,
    speakers: Sequence[str] = (),
    batch_size: int = 1,
    licence: str = "",
    skip_damaged: bool = False,
) -> Own:
    """Read a folder or file for a model with these tasks and this config, and split it.

    `path` is a folder (with sub-folders as classes), one text file, or a data set in the Hub's layout (Parquet files
    with an image, audio or text column). The splits are those that the data name (`train`, `validation`, `test` as
    sub-folders or Parquet names); one that is missing is made of the training items by a hash of their content: about
    7.5 % each, between 5 and 10 %, at least one. With only two items "test" is "validation".

    - Pictures (PNG, JPEG, WEBP): cut to the square in their middle, resized to `config.image_size`, in
      `config.channels`; batches as `zoo.data.image.Images` gives them. `config.num_classes` bounds the classes. A model
      that translates pictures gets `zoo.data.pairs.Pairs` of them, with sources made of them: outlines, damaged, noisy
      or small ones. From one style to another needs two sets of pictures, which one's own data are not.
    - Texts (UTF-8, UTF-16 with its mark, GB18030): ids of `tokenizer` in windows of `config.context_length`; without
      one a tokenizer of characters is made of the training text. Characters that it does not know are written by
      their nearest known likeness or left out; more than a fifth left out is an error. For a tokenizer of verse the
      regulated poems in the text are used, as `zoo.data.text.Poems` gives them.
    - Sounds (WAV, FLAC, OGG, MP3): mono, at `config.sample_rate`, silence trimmed, cut to 1.2 s, at one peak; batches
      as `zoo.data.audio.Clips` gives them. `speakers` are the known voices by number (see `own_audio.read_sounds`). A
      model of short sounds gets `zoo.data.drums.OneShots` of them.

    `batch_size`: the training split must hold as many samples. `licence`: what the card says where no README.md
    beside the data says it ("unknown" otherwise). `skip_damaged`: leave out files that cannot be read and those of
    another kind, which are errors otherwise. `report.lines()` tells people what was found, used and left out.

    Raises OwnDataError (a ValueError), with what was given and what is allowed, for a missing path, an archive, an
    empty folder, too few items, damaged or mixed files, another kind than the model's, and another encoding.
    """
    kind = _kind(tasks)
    if getattr(config, "num_pitches", 0):
        raise OwnDataError(
            f"{path} is one's own data, which do not say what pitch a sound has; a model of notes learns from gm_notes"
        )
    found = find(Path(path), kind, licence=licence, skip_damaged=skip_damaged)
    report = found.report
    splits: dict[str, Any]
    if kind == "image":
        from zoo.data.own_image import read_pictures
        from zoo.data.pairs import check_derived, own_pairs

        pairs = entry.IMAGE_TRANSLATION in tasks
        if pairs:
            check_derived(config)
        judges = entry.IMAGE_CLASSIFICATION in tasks
        splits = read_pictures(found, config, needs_classes=judges, channels=3 if pairs else None)
        if pairs:
            splits = {split: own_pairs(pictures, config, split) for split, pictures in splits.items()}
    elif kind == "text":
        from zoo.data.own_text import read_texts

        splits = read_texts(found, config, tokenizer)
    else:
        from zoo.data.own_audio import read_sounds

        splits = read_sounds(found, config, speakers, needs_classes=entry.AUDIO_CLASSIFICATION in tasks)
        if entry.SOUND_GENERATION in tasks:
            from zoo.data.drums import own_sounds

            splits = {split: own_sounds(words, config, split) for split, words in splits.items()}
    fingerprint = hashlib.sha256("\n".join(sorted(found.hashes)).encode()).hexdigest()
    for data in splits.values():
        data.fingerprint = fingerprint
    report.used = {name: len(splits[name]) for name in SPLITS}
    if len(splits["train"]) < batch_size:
        raise OwnDataError(
            f"{path} gives {len(splits['train']):,} training samples; a batch of {batch_size:,} needs as many: "
            "add data or make the batch smaller"
        )
    return Own(found.info, fingerprint, report, splits)


def _kind(tasks: Sequence[str]) -> Kind:
    for task in tasks:
        if task in KINDS:
            return KINDS[task]
    raise ValueError(f"the tasks are {list(tasks)}; one's own data serve {', '.join(KINDS)}")
