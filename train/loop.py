"""The only training loop: any model, any algorithm, one process or many, killed and resumed to the same bits.

Nothing random is drawn from a global state: data order is a function of (seed, epoch), noise of (seed, step,
micro-batch) with each rank taking its rows, dropout of (seed, step, micro-batch, rank). So a state need hold no
position in any stream, and a run that was killed at any step ends as one that never was (same thread count, CPU).
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm import tqdm

from train import state as states
from train.average import averaged
from train.evaluate import sheet, validate
from train.order import batches
from train.recipe import Course, Recipe
from train.signals import Interrupted, Signals
from train.tracking import Journal, git_commit
from zoo import runtime
from zoo.checkpoint import replacing
from zoo.config import suggestion
from zoo.data.load import load as load_data
from zoo.noise import Noise

logger = logging.getLogger(__name__)
INTERRUPTED, DIVERGED = 75, 65
"""Exit codes: stopped by a signal with a state saved; stopped because the numbers blew up."""
_PATIENCE = 3
"""Non-finite steps in a row before going back, and times of going back before giving up."""


class Diverged(Exception):
    """Losses or gradients stayed non-finite."""


class Run:
    """One run in one folder: `state/`, `best/`, `samples/`, `log.jsonl`, `tensorboard/`."""

    def __init__(self, course: Course, preset: str, recipe: Recipe, folder: Path, *, cpu: bool = False) -> None:
        torch.set_num_threads(recipe.threads)
        precision = {"auto": "bf16" if runtime.has_amx() or torch.cuda.is_available() else "no", "fp32": "no"}
        self.accelerator = Accelerator(
            cpu=cpu or not torch.cuda.is_available(),
            mixed_precision=precision.get(recipe.precision, recipe.precision),
            gradient_accumulation_steps=recipe.accumulation,
            log_with="tensorboard",
            project_dir=str(folder),
        )
        self.course, self.preset, self.recipe, self.folder = course, preset, recipe, folder
        world = self.accelerator.num_processes
        if recipe.batch_size % world:
            raise ValueError(f"batch_size is {recipe.batch_size}; {world} processes need a multiple of {world}")
        self.train_data: Any = load_data(recipe.dataset, "train", recipe.config, sample=recipe.sample)
        self.tokenizer = getattr(self.train_data, "tokenizer", None)
        self.validation_data: Any = load_data(
            recipe.dataset, "validation", recipe.config, sample=recipe.sample, tokenizer=self.tokenizer
        )
        self.steps_per_epoch = len(self.train_data) // recipe.batch_size
        if not self.steps_per_epoch:
            raise ValueError(
                f"{recipe.dataset} has {len(self.train_data)} samples; a batch of {recipe.batch_size} needs as many"
            )
        torch.manual_seed(recipe.seed)
        self.model = course.build(recipe, self.train_data)
        self.update = recipe.algorithm.prepare(self.model, self.accelerator, recipe.clip_norm)
        self.average = averaged(self.model, recipe.ema_decay) if recipe.ema_decay else None
        self.rates = [(g, g["lr"]) for o in self.update.optimizers.values() for g in o.param_groups]
        self.order = cache(
            lambda epoch: batches(recipe.seed, epoch, len(self.train_data), recipe.batch_size, self.train_data.lengths)
        )
        # What a state holds besides networks and optimisers.
        self.progress: dict[str, Any] = {
            "step": 0,
            "seconds": 0.0,
            "evaluated": 0,  # the last step that was measured
            "best": None,
            "best_step": 0,
            "rate": 1.0,  # factor on the learning rate, halved at each return to a good state
            "skipped": 0,
            "returns": 0,
            "git_commit": git_commit(),
        }

    @property
    def published(self) -> nn.Module:
        """The network that is evaluated and published: the averaged one where there is an average."""
        network: nn.Module = self.average.module if self.average is not None else self.model
        return network

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs."""
        return {
            "modules": {name: module.state_dict() for name, module in self.update.modules.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.update.optimizers.items()},
            "average": self.average.state_dict() if self.average is not None else None,
            "progress": self.progress,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put a state back."""
        for name, module in self.update.modules.items():
            module.load_state_dict(state["modules"][name])
        for name, optimizer in self.update.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
            for parameter, kept in optimizer.state.items():  # fused steps want moments laid out as their parameter
                for key, value in kept.items():
                    if isinstance(value, Tensor) and value.shape == parameter.shape:
                        kept[key] = torch.empty_like(parameter).copy_(value)
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.rates = [
            (group, rate)
            for group, (_, rate) in zip(
                (g for o in self.update.optimizers.values() for g in o.param_groups), self.rates, strict=True
            )
        ]
        self.progress = state["progress"]

    def save(self) -> None:
        """Write the state; one that is not finite is never written, and a failed write keeps the one before."""
        bad = states.finite(self.update.modules)
        if bad:
            raise Diverged(f"{bad} is not finite at step {self.progress['step']}; the state before it is kept")
        if self.accelerator.is_main_process:
            try:
                states.save(self.folder / "state", self.progress["step"], self.state())
            except OSError as error:
                logger.warning(
                    "the state of step %d was not saved, the one before is kept: %s", self.progress["step"], error
                )
        self.accelerator.wait_for_everyone()

    def step(self) -> dict[str, float]:
        """One optimiser step; returns its figures, averaged over micro-batches and processes."""
        recipe, step, rank = self.recipe, self.progress["step"], self.accelerator.process_index
        world, device = self.accelerator.num_processes, self.accelerator.device
        size = recipe.batch_size // world
        for group, rate in self.rates:
            group["lr"] = rate * self.progress["rate"] * recipe.learning_rate_scale(step)
        totals: dict[str, Tensor] = {}
        for micro in range(recipe.accumulation):
            number = step * recipe.accumulation + micro
            epoch, row = divmod(number, self.steps_per_epoch)
            indices = self.order(epoch)[row][rank * size : (rank + 1) * size]
            batch = {key: value.to(device) for key, value in self.train_data.batch(indices, epoch).items()}
            torch.manual_seed((recipe.seed << 40) ^ (number << 8) ^ rank)  # dropout
            found = self.update(batch, Noise(recipe.seed, number, rank=rank, world=world, device=str(device)))
            for name, value in found.items():
                totals[name] = totals.get(name, 0.0) + value / recipe.accumulation
        if world > 1:
            totals = {name: self.accelerator.reduce(value, "mean") for name, value in totals.items()}
        return {name: float(value) for name, value in totals.items()}

    def guard(self, figures: dict[str, float]) -> None:
        """Count non-finite steps; after three in a row go back to the last state with half the rate, or give up."""
        if np.isfinite(list(figures.values())).all():
            self.progress["skipped"] = 0
            return
        self.progress["skipped"] += 1
        logger.warning("step %d was not finite (%s) and was skipped", self.progress["step"], figures)
        if self.progress["skipped"] < _PATIENCE:
            return
        returns, rate = self.progress["returns"] + 1, self.progress["rate"] / 2
        found = states.load(self.folder / "state")
        if returns > _PATIENCE or found is None:
            raise Diverged(
                f"{_PATIENCE} steps in a row were not finite, {returns - 1} returns to a good state did not help"
            )
        self.restore(found[1])
        self.progress.update(returns=returns, rate=rate, skipped=0)
        logger.warning("back at step %d with %.3g of the learning rate", self.progress["step"], rate)

    def evaluate(self, journal: Journal, poll: Callable[[], None]) -> None:
        """Measure on the validation split; keep the weights when they are the best so far."""
        step, recipe = self.progress["step"], self.recipe
        self.published.eval()
        figures = validate(self.course.name, self.published, self.validation_data, recipe, self.tokenizer, poll)
        self.published.train()
        if recipe.metric not in figures:
            raise ValueError(f"validation has no figure {recipe.metric!r}{suggestion(recipe.metric, figures)}")
        value, best = figures[recipe.metric], self.progress["best"]
        improved = best is None or (value < best if recipe.better == "lower" else value > best)
        if improved:
            self.progress.update(best=value, best_step=step)
            if self.accelerator.is_main_process:
                from safetensors.torch import save_file

                tensors = {name: t.detach().cpu().contiguous() for name, t in self.published.state_dict().items()}
                with replacing(self.folder / "best") as temporary:
                    save_file(tensors, temporary / "model.safetensors")
        self.progress["evaluated"] = step
        journal.write(step, {f"validation/{name}": number for name, number in figures.items()} | {"best": improved})

    def train(self, *, resume: bool = True, stop_after: int | None = None) -> int:
        """Run to the last step; returns 0, 75 when a signal stopped it, 65 when it diverged.

        `stop_after` ends this sitting after so many steps, as a signal would (for tests and time slices).
        """
        recipe, progress_step = self.recipe, 0
        found = states.load(self.folder / "state") if resume else None
        if found:
            progress_step = found[0]
            self.restore(found[1])
            logger.info("resumed at step %d of %d", progress_step, recipe.steps)
        elif (self.folder / "state").exists() and self.accelerator.is_main_process:
            shutil.rmtree(self.folder / "state")
        self.folder.mkdir(parents=True, exist_ok=True)
        room, need = shutil.disk_usage(self.folder).free, 3 * states.size(self.state())
        if room < need:
            raise OSError(f"{self.folder} has {room:,} bytes free; three states of this run need {need:,}")
        signals = Signals()
        journal = Journal(self.folder, self.accelerator, recipe, progress_step)
        sitting_end = recipe.steps if stop_after is None else progress_step + stop_after
        bar = tqdm(
            total=recipe.steps, initial=progress_step, unit="step", disable=not self.accelerator.is_main_process,
            mininterval=1.0, desc=f"{self.course.name}.{self.preset}",
        )  # fmt: skip
        try:
            if not found:
                self.save()
            while True:
                step = self.progress["step"]
                last = step == recipe.steps
                if step and self.progress["evaluated"] < step and (last or step % recipe.evaluate_every == 0):
                    self.evaluate(journal, signals.poll)
                if last:
                    break
                signals.poll()
                if step >= sitting_end:
                    raise Interrupted
                begun = time.perf_counter()
                figures = self.step()
                self.progress["step"] += 1
                if self.average is not None:
                    self.average.update_parameters(self.model)
                seconds = time.perf_counter() - begun
                self.progress["seconds"] += seconds
                self.guard(figures)
                step = self.progress["step"]
                journal.step(step, figures, recipe.batch_size * recipe.accumulation, seconds, recipe.log_every, bar)
                if step % recipe.sample_every == 0 and self.accelerator.is_main_process:
                    sheet(
                        self.course.name,
                        self.published,
                        self.folder / "samples" / f"{step:08d}",
                        self.tokenizer,
                        self.train_data,
                    )
                if step % recipe.save_every == 0:
                    self.save()
            self.save()
            return 0
        except Interrupted:
            self.save()
            logger.warning(
                "stopped at step %d of %d; the same command goes on from here", self.progress["step"], recipe.steps
            )
            return INTERRUPTED
        except Diverged as error:
            logger.error("%s", error)
            return DIVERGED
        finally:
            bar.close()
            journal.close()
            signals.restore()
