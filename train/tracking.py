"""What a run tells: log.jsonl, the progress bar, and the trackers that were asked for; none of them can end a run."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.tracking import GeneralTracker
from tqdm import tqdm

from train import trackers
from train.recipe import Recipe

logger = logging.getLogger(__name__)


class Journal:
    """Writes on the main process alone. A resumed run first cuts the log back to where its state was saved.

    The trackers are those of the Accelerator's `log_with`. A disk that takes no more costs no line of the log and never
    the run: lines wait, are tried again with each new one, and are kept in the run's state.
    """

    def __init__(
        self, folder: Path, accelerator: Accelerator, recipe: Recipe, step: int, kept: dict[str, Any] | None = None
    ) -> None:
        """`step` is where the run begins, 0 for a new one, and `kept` what `kept()` was when its state was saved.

        Raises OSError when it cannot begin to write.
        """
        self.accelerator, self.main = accelerator, accelerator.is_main_process
        kept = kept or {}
        self.sums: dict[str, float] = dict(kept.get("sums", {}))
        self.count, self.seconds = kept.get("count", 0), kept.get("seconds", 0.0)
        self.path, self.size, self.warned = folder / "log.jsonl", 0, False
        self.waiting: bytes = kept.get("waiting", "").encode()
        if not self.main:
            return
        self.file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        written = os.fstat(self.file).st_size
        self.size = min(written, kept.get("size", written if step else 0))
        if self.size < written:
            os.ftruncate(self.file, self.size)
        if not step:
            shutil.rmtree(folder / "tensorboard", ignore_errors=True)
            (folder / trackers.IDENTITY).unlink(missing_ok=True)
        self._flush()
        accelerator.trackers = [trackers.begin(str(name), folder, recipe, step) for name in accelerator.log_with]

    def kept(self) -> dict[str, Any]:
        """What a run's state must hold for the journal to go on as if it had not ended. Raises OSError.

        The bytes of the log that are on the disk, the lines that it would not take, and the sums since the last line.
        """
        if self.main:
            os.fsync(self.file)
        sums, waiting = dict(self.sums), self.waiting.decode()
        return {"size": self.size, "waiting": waiting, "sums": sums, "count": self.count, "seconds": self.seconds}

    def step(self, step: int, figures: dict[str, float], samples: int, seconds: float, every: int, bar: Any) -> None:
        """Add one step; every `every` steps write the means."""
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1
        self.seconds += seconds
        if self.main and isinstance(bar, tqdm):
            bar.update(1)
            bar.set_postfix(
                loss=f"{figures['loss']:.4f}", rate=f"{samples * self.count / self.seconds:.0f}/s", refresh=False
            )
        if step % every == 0:
            means = {name: value / self.count for name, value in self.sums.items()}
            self.write(step, {**means, "samples_per_second": samples * self.count / self.seconds})
            self.sums, self.count, self.seconds = {}, 0, 0.0

    def write(self, step: int, values: dict[str, Any]) -> None:
        """One line of log.jsonl; its numbers also to the trackers, unless it tells of an event."""
        entry = {"step": step, **values}
        if not self.main:
            return
        self.waiting += (json.dumps(entry) + "\n").encode()
        self._flush()
        if sent := trackers.numbers(entry):
            self._tell(lambda tracker: tracker.log(sent, step=step))

    def _flush(self) -> None:
        """Write what waits, as far as the disk takes it."""
        try:
            while self.waiting:  # a full disk may take a part: the rest follows at that very byte
                taken = os.write(self.file, self.waiting)
                self.size, self.waiting = self.size + taken, self.waiting[taken:]
        except OSError as error:
            if not self.warned:
                logger.warning("%s takes no more (%s); the run goes on and tries again", self.path, error)
            self.warned = True

    def show(self, step: int, path: Path) -> None:
        """A snapshot (picture, .txt, or sound) to every tracker."""
        if self.main:
            self._tell(lambda tracker: trackers.show(tracker, step, path))

    def close(self) -> None:
        """End the files; say how many lines have not reached the disk."""
        if not self.main:
            return
        os.close(self.file)
        if self.waiting:
            logger.warning("%d line(s) of %s wait in the state: it took no more", self.waiting.count(b"\n"), self.path)
        self._tell(lambda tracker: tracker.finish())
        self.accelerator.trackers = []
        self.accelerator.end_training()

    def _tell(self, act: Callable[[GeneralTracker], None]) -> None:
        """`act` on each tracker; one that fails is told no more."""
        for tracker in list(self.accelerator.trackers):
            try:
                act(tracker)
            except OSError as error:
                self.accelerator.trackers.remove(tracker)
                logger.warning("%s failed and is told no more; log.jsonl has everything: %s", tracker.name, error)


def git_commit() -> str:
    """The commit of the code that trained, with a + when files were changed since; empty outside a repository."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], capture_output=True, text=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit + ("+" if changed else "")
