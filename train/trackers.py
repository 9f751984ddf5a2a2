"""TensorBoard, Weights & Biases and trackio: which were asked for, how they go on with a run, what they can show.

Nothing here needs an account: TensorBoard and trackio write on this disk, and so does Weights & Biases unless the
environment holds a key or names a mode.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import os
import threading
import uuid
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from accelerate.tracking import GeneralTracker, TensorBoardTracker, TrackioTracker, WandBTracker

from train.recipe import Recipe
from zoo.checkpoint import write_json
from zoo.config import suggestion

logger = logging.getLogger(__name__)
TRACKERS = ("tensorboard", "wandb", "trackio")
PROJECT = "model-zoo-demos"
"""The project of trackio, and of Weights & Biases unless WANDB_PROJECT names another."""
IDENTITY = "tracker.json"
"""In the run's folder: the id under which a resumed run goes on, for trackers that keep many runs in one place."""


def chosen(names: str) -> list[str]:
    """The trackers of a list like "tensorboard,wandb", or of "none". Raises ValueError naming what to install."""
    found = list(dict.fromkeys(name.strip() for name in names.split(",")))
    if found == ["none"]:
        return []
    if "none" in found:
        raise ValueError(f"the trackers are {names!r}; none stands alone")
    for name in found:
        if name not in TRACKERS:
            raise ValueError(f"there is no tracker {name!r}{suggestion(name, (*TRACKERS, 'none'))}")
        if importlib.util.find_spec(name) is None:
            raise ValueError(f"the tracker {name} is not installed: pip install {name}")
    return found


def begin(name: str, folder: Path, recipe: Recipe, step: int) -> GeneralTracker:
    """A tracker that goes on where the run of `folder` was, or is new at step 0. Raises OSError when it cannot.

    What a kill may have taken from it is told again from log.jsonl: of Weights & Biases' offline file that is all, and
    of trackio half a second, which may be a whole short run; a point that it is told twice it shows once.
    """
    tracker = _begun(name, folder, recipe, step)
    everything = name == "trackio" or (name == "wandb" and tracker.run.settings.mode == "offline")
    for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.endswith("\n"):  # the disk is full, the rest of it waits
            break
        entry = json.loads(line)
        if everything or entry["step"] == step:
            tracker.log(numbers(entry), step=entry["step"])
    return tracker


def numbers(values: dict[str, Any]) -> dict[str, float]:
    """What trackers are sent of a line of the log: its numbers, and nothing of an event."""
    if "event" in values:
        return {}
    return {k: v for k, v in values.items() if isinstance(v, float | int) and not isinstance(v, bool) and k != "step"}


def _begun(name: str, folder: Path, recipe: Recipe, step: int) -> Any:
    if name == "tensorboard":
        return _tensorboard(folder, asdict(recipe), step)
    known = folder / IDENTITY
    if not known.exists():
        write_json(known, {"id": uuid.uuid4().hex[:8]})
    run, group = json.loads(known.read_text(encoding="utf-8"))["id"], folder.resolve().parent.name
    if name == "wandb":
        return _wandb(folder, run, group, asdict(recipe))
    tracker = TrackioTracker(
        PROJECT, name=f"{folder.name}-{run}", group=group, config=asdict(recipe), resume="allow", auto_log_cpu=False,
        auto_log_gpu=False,
    )  # fmt: skip
    tracker.start()
    return tracker


def _tensorboard(folder: Path, config: dict[str, Any], step: int) -> TensorBoardTracker:
    """What was drawn from `step` on will be drawn again, and is hidden by `purge_step`."""
    threading.excepthook = _told_later
    tracker = TensorBoardTracker("tensorboard", str(folder), purge_step=step or None)
    tracker.start()
    if not step:
        tracker.writer.add_text("recipe", f"```json\n{json.dumps(config, indent=2)}\n```", step)
    return tracker


def _told_later(failure: threading.ExceptHookArgs) -> None:
    """TensorBoard writes in a thread, which would print a traceback; its error is raised when it is told something."""
    if not (type(failure.thread).__module__.startswith("tensorboard") and issubclass(failure.exc_type, OSError)):
        threading.__excepthook__(failure)


def _wandb(folder: Path, run: str, group: str, config: dict[str, Any]) -> WandBTracker:
    """Never asks for a login: offline without a key, and an error where the environment insists on "online"."""
    mode = os.environ.get("WANDB_MODE") or ("online" if os.environ.get("WANDB_API_KEY") else "offline")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # or the library would send its own faults home
    import wandb

    try:
        if mode == "online" and not wandb.login(prompt=False, verify=False):
            raise OSError("WANDB_MODE is online and there is no key: set WANDB_API_KEY, or WANDB_MODE=offline")
        tracker = WandBTracker(
            os.environ.get("WANDB_PROJECT", PROJECT), name=folder.name, group=group, config=config, id=run, mode=mode,
            resume="allow", dir=str(folder), settings=wandb.Settings(console="off", silent=True),
        )  # fmt: skip
        tracker.start()
    except wandb.Error as error:
        raise OSError(f"Weights & Biases did not begin ({error}); WANDB_MODE=offline needs no network") from error
    if mode == "offline":
        logger.info("Weights & Biases is offline; to upload: wandb sync %s", Path(tracker.run.dir).parent)
    return tracker


def show(tracker: GeneralTracker, step: int, path: Path) -> None:
    """A snapshot (picture, .txt, .wav or .flac) in the form that this tracker knows."""
    if path.suffix == ".txt":
        _show_text(tracker, step, path.read_text(encoding="utf-8"))
    elif path.suffix in (".wav", ".flac"):
        import soundfile

        sound, rate = soundfile.read(path, dtype="int16", always_2d=True)
        _show_sound(tracker, step, sound[:, 0], rate)
    else:
        from PIL import Image

        with Image.open(path) as image:
            _show_picture(tracker, step, np.asarray(image.convert("RGB")))


def _show_text(tracker: GeneralTracker, step: int, text: str) -> None:
    if isinstance(tracker, TensorBoardTracker):
        tracker.writer.add_text("samples", f"```\n{text}\n```", step)
    else:
        tracker.log({"samples": _library(tracker).Html(f"<pre>{escape(text)}</pre>")}, step=step)


def _show_picture(tracker: GeneralTracker, step: int, pixels: np.ndarray) -> None:
    """pixels: uint8 (h, w, 3)."""
    if isinstance(tracker, TensorBoardTracker):
        tracker.log_images({"samples": pixels[None]}, step, dataformats="NHWC")
    else:
        tracker.log({"samples": _library(tracker).Image(pixels)}, step=step)


def _show_sound(tracker: GeneralTracker, step: int, samples: np.ndarray, rate: int) -> None:
    """samples: int16 (t,)."""
    if isinstance(tracker, TensorBoardTracker):
        tracker.writer.add_audio("samples", samples[None] / 32768.0, step, sample_rate=rate)
    else:
        tracker.log({"samples": _library(tracker).Audio(samples, sample_rate=rate)}, step=step)


def _library(tracker: GeneralTracker) -> Any:
    """The tracker's own package, whose media classes have the same names in both."""
    return importlib.import_module(tracker.name)
