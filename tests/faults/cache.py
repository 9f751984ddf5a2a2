"""Row R20: every bundled model in one process, again and again in other orders, with room for a few of them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from tests.faults.rows import Found
from tests.peak import peak
from zoo import hub, sample
from zoo.engine import Network
from zoo.generate import library
from zoo.noise import Noise

_CAP = 2048
"""Megabytes that the process may ever have held."""
_SHORT = {"max_new_tokens": 12, "count": 2, "bars": 2, "digits": "7"}
"""Options by which an answer comes soon, where they are taken."""
_TEXTS = {"bert.dialogue": "I like ___ music.", "seq2seq.g2p": "zoo"}
_AT_ONCE = 8


def held(folder: Path, rng: random.Random, *, models: int, rounds: int) -> Found:
    """So many models answer, each round in another order, before a cache that holds the least recently used no more."""
    names = sorted(library.names())
    names = rng.sample(names, min(models, len(names)))
    touched: list[Path] = []
    load = library._load

    def watched(place: Path, name: str) -> Any:
        found = load(place, name)
        with contextlib.suppress(ValueError):
            touched.remove(place)
        touched.append(place)
        return found

    failures, answers, opened, most = [], dict[str, str](), 0, 0
    counted = mock.patch.object(library, "opened", wraps=library.opened)
    with mock.patch.object(library, "_load", watched), counted as one:
        for number in range(rounds):
            for name in rng.sample(names, len(names)):
                told = _answer(name, folder)
                if answers.setdefault(name, told) != told:
                    failures.append(f"{name} answers otherwise in round {number + 1} than before")
                failures += [f"after {name} in round {number + 1}: {wrong}" for wrong in _kept(touched)]
                most = max(most, len(library._loaded))
        opened = one.call_count
    failures += _loaded_once(names[0])
    megabytes = peak()
    if megabytes > _CAP:
        failures.append(f"the process held {megabytes:.0f} MB; allowed are {_CAP}")
    figure = (
        f"{len(names)} models in {rounds} orders, opened {opened} times, at most {most} at once: the same answers; "
        f"{megabytes:.0f} MB at most"
    )
    return Found(figure, failures, {"opened": opened, "most": most, "megabytes": round(megabytes)})


def _kept(touched: list[Path]) -> Iterator[str]:
    """What is wrong with what is kept, given the folders from the least to the most recently used."""
    kept, size = list(library._loaded), sum(size for _, size in library._loaded.values())
    if kept != touched[-len(kept) :]:
        yield f"kept are {[path.name for path in kept]}, used last were {[path.name for path in touched[-len(kept) :]]}"
    if len(kept) > 1 and (len(kept) > library.MAX_LOADED or size > library.MAX_LOADED_BYTES):
        yield f"{len(kept)} models of {size:,} bytes are kept"


def _loaded_once(name: str) -> Iterator[str]:
    """Whether a model that several ask for at once, for the first time, is opened once."""
    library._loaded.clear()
    with mock.patch.object(library, "opened", wraps=library.opened) as one:
        asking = [threading.Thread(target=library.get, args=(name,)) for _ in range(_AT_ONCE)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
    if one.call_count != 1:
        yield f"{_AT_ONCE} asked for {name} at once and it was opened {one.call_count} times"


def _answer(name: str, folder: Path) -> str:
    """The sha256 of what a model makes of the same request as ever."""
    try:
        kind = sample.KINDS[sample.kind_of(name)]
    except ValueError:  # a judge
        return hashlib.sha256(_judged(library.get(name).network)).hexdigest()
    options = {option: value for option, value in _SHORT.items() if option in kind.options}
    options |= {"seed": 3} if "seed" in kind.options else {}
    if "text" in kind.options:
        options["text"] = _TEXTS.get(name, "seven" if name.startswith("trimodal") else "I like a red apple.")
    elif "picture" in kind.options:
        options["picture"] = str(_picture(folder))
        options |= {"how": "holes"} if name == "pix2pix.inpaint" else {}
    elif "recording" in kind.options:
        options["recording"] = str(hub.PRETRAINED / "wavenet.spoken-digits" / "samples" / "sheet.wav")
    options |= {"suffix": kind.suffix} if kind.others else {}
    with contextlib.redirect_stdout(io.StringIO()):
        _, data = kind.make(name, options)
    return hashlib.sha256(data).hexdigest()


def _judged(network: Network) -> bytes:
    shape = [size if isinstance(size, int) else 1 for size in network.parts["classifier"]["inputs"]["inputs"]["shape"]]
    (logits,) = network.run("classifier", inputs=0.1 * Noise(2).normal_array(*shape))
    return logits.tobytes()


def _picture(folder: Path) -> Path:
    path = folder / "picture.png"
    if not path.exists():
        pixels = (255 * Noise(4).uniform_array(64, 64, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(path)
    return path
