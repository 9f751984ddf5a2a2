"""Where data comes from: a folder in the Hub's layout under ZOO_DATA, the Hub itself, or the bundled sample.

The layout is a dataset repository's: `<name>/data/<split>-00000-of-00001.parquet`, with the `datasets` library's
Image and Audio columns (structs of bytes and path) and class labels in the Parquet schema.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from zoo.config import suggestion
from zoo.data import python_stdlib

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_SAMPLES = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class Info:
    """What a data set is, for cards: `hub_id` is empty where the Hub has no copy of the same data."""

    name: str
    title: str
    licence: str
    source: str
    hub_id: str = ""
    attribution: str = ""
    folder: str = ""
    """Where the rows lie when another set has the same ones: its name."""


_DRUMMERS = (
    "Audiophob's kit and Sonic Pi's samples by freesound.org's EKVelika, n1ghthawk, menegass, soneproject, Rodrigo The "
    "Mad, Dolfeus, Snapper4298, zgump, cubix, DWSD, adammusic18, hullum, Adriak909, Zajo, Neotone, looppool, dio_333 "
    "and others (CC0); rumpf_kit_z01 by Emanuel Rumpf (CC BY 3.0); circAfrique v4 by Jim Harney (CC BY-SA 3.0); "
    "BJA_Pacific by Luc Tanguay and Bransin James Anderson (CC BY-SA 3.0 US); cut, faded and resampled"
)
_EMOJI = (
    "Noto Emoji (Apache-2.0; Google), Twemoji (CC BY 4.0; Twitter and contributors), OpenMoji (CC BY-SA 4.0; "
    "HfG Schwäbisch Gmünd and contributors), Fluent Emoji (MIT; Microsoft); names from Unicode CLDR"
)
INFOS: dict[str, Info] = {
    info.name: info
    for info in (
        Info(
            "mnist", "MNIST", "cc-by-sa-3.0", "http://yann.lecun.com/exdb/mnist", "ylecun/mnist",
            "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, 1998; a derivative of the NIST databases",
        ),
        Info(
            "fashion_mnist", "Fashion-MNIST", "mit", "https://github.com/zalandoresearch/fashion-mnist",
            "zalando-datasets/fashion_mnist", "H. Xiao, K. Rasul, R. Vollgraf, 2017; (c) Zalando SE",
        ),
        Info(
            "spoken_digits", "Free Spoken Digit Dataset", "cc-by-sa-4.0",
            "https://github.com/Jakobovski/free-spoken-digit-dataset", "",
            "Zohar Jackson and the contributors (jackson, nicolas, theo, yweweler, george, lucas)",
        ),
        Info(
            "drums", "Drum one-shots from free kits", "cc-by-sa-3.0",
            "https://packages.debian.org/bookworm/hydrogen-drumkits", "", _DRUMMERS,
        ),
        Info(
            "gm_notes", "General MIDI notes of Fluid (R3)", "mit",
            "https://packages.debian.org/bookworm/fluid-soundfont-gm", "",
            "the SoundFont Fluid (R3) General MIDI, (c) 2000-2002, 2008 Frank Wen, (c) 2008 Toby Smithe (MIT); "
            "rendered as single notes and resampled",
        ),
        Info(
            "telephone_prompts", "Telephone prompts (Asterisk core sounds)", "cc-by-sa-3.0",
            "https://downloads.asterisk.org/pub/telephony/sounds", "",
            "Allison Smith (voice); financial contributions by Digium, Inc.; Asterisk core sounds",
        ),
        Info(
            "ljspeech_mini", "LJ Speech (a part of it)", "other", "https://keithito.com/LJ-Speech-Dataset",
            "", "read by Linda Johnson for LibriVox, collected by Keith Ito; in the public domain",
        ),
        Info(
            "trimodal_digits", "MNIST and the Free Spoken Digit Dataset, paired by digit", "cc-by-sa-4.0",
            "https://github.com/Jakobovski/free-spoken-digit-dataset", "",
            "pictures: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, 1998 (CC BY-SA 3.0); recordings: Zohar Jackson and "
            "the contributors (CC BY-SA 4.0)", folder="mnist",
        ),
        Info(
            "tiny_shakespeare", "Tiny Shakespeare", "other", "https://github.com/karpathy/char-rnn",
            "karpathy/tiny_shakespeare", "the plays are in the public domain; selection by A. Karpathy (MIT)",
        ),
        Info(
            "tang_poems", "Tang poems (simplified Chinese)", "mit", "https://github.com/chinese-poetry/chinese-poetry",
            "", "the poems are in the public domain; digitisation (c) 2016 JackeyGao (MIT)",
        ),
        Info(
            "emoji", "Emoji in four open styles", "cc-by-sa-4.0", "https://emojibase.dev", "", _EMOJI,
        ),
        Info(
            "emoji_vendors", "Emoji in four open styles, by style", "cc-by-sa-4.0", "https://emojibase.dev", "",
            _EMOJI, folder="emoji",
        ),
        Info(
            "emoji_faces", "Emoji faces in four open styles, by style", "cc-by-sa-4.0", "https://emojibase.dev", "",
            _EMOJI, folder="emoji",
        ),
        Info(
            "emoji_names", "Emoji in four open styles, with names", "cc-by-sa-4.0", "https://emojibase.dev", "",
            _EMOJI, folder="emoji",
        ),
        Info(
            "emoji_nature", "Emoji of faces, animals and food in four open styles, with names", "cc-by-sa-4.0",
            "https://emojibase.dev", "", _EMOJI, folder="emoji",
        ),
        Info(
            "emoji_digits", "Emoji in four open styles, with names, and the digits of MNIST", "cc-by-sa-4.0",
            "https://emojibase.dev", "",
            f"{_EMOJI}; digits: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, 1998 (MNIST, CC BY-SA 3.0)", folder="emoji",
        ),
        Info(
            "flowers", "Flower photos", "cc-by-2.0", "https://www.tensorflow.org/datasets/catalog/tf_flowers", "",
            "the photographers whom each row names, on Flickr; collected by the TensorFlow team, 2019; cut and scaled",
        ),
        Info(
            "fairy_tales", "Fairy tales and fables", "other",
            "https://www.loc.gov/item/19014083", "",
            "Grimm's tales in 19th-century English, and The Aesop for Children, 1919: in the public domain",
        ),
        Info(
            "dialogue", "Dialogue pairs, English and Chinese", "other",
            "https://github.com/jfainberg/self_dialogue_corpus", "",
            "Self-dialogue Corpus (BSD-3-Clause; Fainberg et al., University of Edinburgh, 2017), KdConv (Apache-2.0; "
            "Zhou, Zheng, Huang, Huang and Zhu, 2020), ChatterBot corpus (BSD-3-Clause; Gunther Cox)",
        ),
        Info(
            "tatoeba_en_zh", "Tatoeba, English and Chinese", "cc-by-2.0", "https://tatoeba.org", "",
            "the Tatoeba project and the contributors named in each row; selection by ManyThings (Charles Kelly)",
        ),
        Info(
            python_stdlib.NAME, "Python's standard library", "psf-2.0", "https://github.com/python/cpython", "",
            "(c) 2001 Python Software Foundation; all rights reserved (PSF license agreement 2.0)",
        ),
        Info(
            "cmudict", "CMU Pronouncing Dictionary", "bsd-2-clause", "https://github.com/cmusphinx/cmudict", "",
            "(c) 1993-2015 Carnegie Mellon University",
        ),
        Info(
            "jsb_chorales", "JSB Chorales", "other", "https://github.com/czhuang/JSB-Chorales-dataset", "",
            "J. S. Bach's music is in the public domain; splits of N. Boulanger-Lewandowski, Y. Bengio, P. Vincent, "
            "2012, with the voices apart by C.-Z. A. Huang et al., 2017; the encoding states no licence",
        ),
    )
}  # fmt: skip
"""The data sets that recipes name."""


class Dataset(Protocol):
    """What a training loop and a measurement ask of data."""

    info: Info
    fingerprint: str

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, by number."""
        ...

    @property
    def lengths(self) -> np.ndarray | None:
        """Length of each sample where they differ, for batching like with like."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """Tensors of these samples under the keys of the package's docstring."""
        ...


@dataclass(frozen=True)
class Table:
    """The rows of one split as columns, the class labels by column, and the file's sha256."""

    info: Info
    columns: dict[str, list[Any]]
    labels: dict[str, tuple[str, ...]]
    fingerprint: str


def find(name: str, split: str, *, sample: bool = False) -> Path:
    """The Parquet file of one split. With `sample`, the few real rows that ship with the package.

    Raises ValueError for an unknown name or a split in several files, and OSError, with what to do, when the data
    cannot be found.
    """
    if name not in INFOS:
        raise ValueError(f"no data set is named {name!r}{suggestion(name, INFOS)}")
    file, folder = f"{split}-00000-of-00001.parquet", INFOS[name].folder or name
    if sample:
        return _SAMPLES / folder / "data" / file
    root = os.environ.get("ZOO_DATA")
    if root:
        found = sorted((Path(root) / folder / "data").glob(f"{split}-*.parquet"))
        if found:
            parts = re.search(r"-of-(\d+)\.parquet$", found[0].name)
            if len(found) > 1 or (parts and int(parts[1]) > 1):
                raise ValueError(f"{found[0]} is one of several; a split must be one whole file, {file}")
            return found[0]
        if name != python_stdlib.NAME:
            raise OSError(f"ZOO_DATA is {root}, where {folder}/data/{split}-*.parquet is missing")
    if name == python_stdlib.NAME and split == "test":
        return _SAMPLES / folder / "data" / file  # the whole of it
    why = "was not found"
    if INFOS[name].hub_id:
        import httpx2
        from huggingface_hub import HfApi, hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

        repo = INFOS[name].hub_id
        try:
            names = HfApi().list_repo_files(repo, repo_type="dataset")
            matching = sorted(n for n in names if n.endswith(".parquet") and Path(n).name.startswith(f"{split}-"))
            if matching:
                return Path(hf_hub_download(repo, matching[0], repo_type="dataset"))
        except (httpx2.HTTPError, HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
            why = f"could not be fetched from the Hub ({type(error).__name__}: {str(error).splitlines()[0][:200]})"
    raise OSError(
        f"the data set {name!r} {why}: set ZOO_DATA to a folder that holds {folder}/data/{file} "
        "(or use the small bundled sample, --sample)"
    )


def read(name: str, split: str, *, sample: bool = False) -> Table:
    """Read one split whole. Raises as `find` does, and ValueError naming a damaged file.

    The modules of Python's standard library that are not held out for the test are this interpreter's own, unless
    ZOO_DATA has them.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        path = find(name, split, sample=sample)
    except OSError:
        if name != python_stdlib.NAME:
            raise
        columns, fingerprint = python_stdlib.modules(split)
        return Table(INFOS[name], dict(columns), {}, fingerprint)
    try:
        table = pq.read_table(path)
        with open(path, "rb") as file:
            fingerprint = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, pa.ArrowInvalid) as error:
        raise ValueError(f"{path} cannot be read as Parquet: {error}") from error
    features = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    labels = {column: tuple(f["names"]) for column, f in features.items() if f.get("_type") == "ClassLabel"}
    return Table(INFOS[name], table.to_pydict(), labels, fingerprint)


def split_of(count: int, split: str, held_out: int) -> np.ndarray:
    """Rows of a training file that serve as "train" or "validation" where the set has no validation split.

    The last `held_out` of a fixed permutation (at most a tenth) are kept apart; sorted, int64.
    """
    from zoo.noise import permutation

    order = permutation(0, 0, count)
    cut = count - min(held_out, count // 10)
    return np.sort(order[cut:] if split == "validation" else order[:cut])
