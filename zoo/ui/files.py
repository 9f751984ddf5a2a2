"""Results as the files that the page shows and a visitor keeps: each says how it was made (zoo.generate.provenance)."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import tempfile
import threading
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import gradio as gr
from PIL import Image

from zoo.generate import archive
from zoo.generate.assistant import Answer
from zoo.generate.audio import Sound
from zoo.generate.chorale import Chorale
from zoo.generate.describing import Description
from zoo.generate.image import as_gif
from zoo.generate.matching import Matches
from zoo.generate.provenance import Record, png, txt, wav
from zoo.generate.provenance import midi as as_midi
from zoo.generate.text import Writing
from zoo.ui.strings import text as label

MAX_FILES, SPARE = 256, 32
"""Files that stay on disk, and more that may wait to be removed together; the oldest goes first. gradio keeps copies of
its own for as long as a page needs them."""
SWEPT_SECONDS, KEPT_SECONDS = 600, 3600
"""How often it is looked for files to remove, and how old those are: uploads, results, and gradio's copies of them."""
_writing = threading.Lock()


def picture(image: Image.Image, record: Record, result: str = "") -> str:
    """Write a PNG; `result` names a picture that is not the operation's main one. Returns the path."""
    record = replace(record, result=result)
    return keep(png(image, record), record, ".png")


def plain(image: Image.Image, scale: int) -> str:
    """Write a picture that no machine made as a PNG, each pixel `scale` wide. Returns the path."""
    encoded = io.BytesIO()
    image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST).save(encoded, "PNG")
    return _kept(encoded.getvalue(), "example.png")


def sound(made: Sound | Chorale, result: str = "") -> str:
    """Write a WAV: as loud as it is, for gradio would stretch samples to full scale. `result` names a sound that is not
    the operation's main one. Returns the path."""
    record = replace(made.source.record, result=result)
    return keep(wav(made.waveform, made.sample_rate, record), record, ".wav")


def midi(made: Chorale) -> str:
    """Write a MIDI file. Returns the path."""
    record = made.source.record
    return keep(as_midi(made.notes, made.tempo, record), record, ".mid")


def animation(path: Path, record: Record) -> str:
    """The animation at `path`, under a name that a visitor can read. Returns the path."""
    return keep(path.read_bytes(), record, ".webp")


def gif(animation: Path, record: Record) -> str:
    """The same as a GIF. Returns the path."""
    return keep(as_gif(animation, record), record, ".gif")


def text(writing: Writing | Matches | Description) -> str:
    """Write a TXT. Returns the path."""
    record = writing.source.record
    return keep(txt(writing.text, record).encode(), record, ".txt")


def answer(made: Answer, seed: int) -> str:
    """Write a whole answer of the assistant as one ZIP. Returns the path."""
    return keep(archive.of(made), Record("text.reply", "answer", seed=seed), ".zip")


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="zoo-results-")  # removed when the process ends


def keep(data: bytes, record: Record, suffix: str) -> str:
    """Write a file named after its model and seed, such as dcgan.mnist-seed7.png; the same one is written once."""
    seed = "" if record.seed is None else f"seed{record.seed}"
    stem = "-".join(part for part in (record.model, seed, record.result) if part)
    return _kept(data, f"{re.sub(r'[^A-Za-z0-9._-]+', '-', stem)[:80]}{suffix}")


def _kept(data: bytes, name: str) -> str:
    folder = Path(_folder().name) / hashlib.sha256(data).hexdigest()[:16]
    path = folder / name
    with _writing:
        if path.exists():
            os.utime(folder)
        else:
            folder.mkdir(exist_ok=True)
            path.write_bytes(data)
            if len(os.listdir(folder.parent)) > MAX_FILES + SPARE:
                for one in _by_age()[:-MAX_FILES]:
                    shutil.rmtree(one, ignore_errors=True)
    return str(path)


def _by_age() -> list[Path]:
    return sorted(Path(_folder().name).iterdir(), key=lambda file: file.stat().st_mtime)


def forget(age: float = KEPT_SECONDS) -> None:
    """Remove the results that were last asked for more than `age` seconds ago."""
    with _writing:
        for one in _by_age():
            if time.time() - one.stat().st_mtime > age:
                shutil.rmtree(one, ignore_errors=True)


def forget_in_time(every: float = SWEPT_SECONDS) -> None:
    """`forget` for ever, in a thread of its own."""

    def sweep() -> None:
        while True:
            time.sleep(every)
            forget()

    threading.Thread(target=sweep, name="forget", daemon=True).start()


def save_button(prefix: str) -> gr.DownloadButton:
    """A small button under a text that saves it."""
    return gr.DownloadButton(label("save_text"), size="sm", elem_id=f"{prefix}_save", elem_classes="zoo-save")
