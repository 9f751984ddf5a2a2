"""The only training loop: any model, any algorithm, one process or many, killed and resumed to the same bits.

Nothing random is drawn from a global state: data order is a function of (seed, epoch), noise of (seed, step,
micro-batch) with each rank taking its rows, dropout of (seed, step, micro-batch, rank). So a state need hold no
position in any stream, and a run that was killed at any step ends as one that never was (same thread count, CPU).
"""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import Tensor, nn
from tqdm import tqdm

from train import state as states
from train import timeline, trackers
from train.average import averaged
from train.evaluate import validate
from train.guard import PATIENCE, Diverged, NonFinite, nonfinite_figure, nonfinite_value
from train.order import batches
from train.recipe import Course, Recipe
from train.signals import EXIT_CODE, Interrupted, Signals
from train.sources import Sources
from train.tracking import Journal, git_commit
from zoo import runtime
from zoo.checkpoint import replacing, save_tensors, write_json
from zoo.config import suggestion
from zoo.noise import Noise

logger = logging.getLogger(__name__)
DONE, DIVERGED, UNWRITTEN, INTERRUPTED = 0, 65, 74, EXIT_CODE
"""Exit codes: at the last step; the numbers blew up; the last state could not be written; stopped by a signal with a
state saved."""


_WHOLE = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)
"""Ways of spreading a run in which each process holds whole networks."""


class Run:
    """One run in one folder: `run.json`, `state/`, `best/`, `timeline/`, `log.jsonl`, `tensorboard/`."""

    def __init__(
        self,
        course: Course,
        preset: str,
        recipe: Recipe,
        folder: Path,
        *,
        cpu: bool = False,
        sources: Sources | None = None,
    ) -> None:
        torch.set_num_threads(recipe.threads)
        runtime.keep_memory()
        precision = {"auto": "bf16" if runtime.has_amx() or torch.cuda.is_available() else "no", "fp32": "no"}
        self.accelerator = Accelerator(
            cpu=cpu or not torch.cuda.is_available(),
            mixed_precision=precision.get(recipe.precision, recipe.precision),
            gradient_accumulation_steps=recipe.accumulation,
            log_with=trackers.chosen(recipe.trackers) or None,
            project_dir=str(folder),
        )
        self.course, self.preset, self.recipe, self.folder = course, preset, recipe, folder
        world, kind = self.accelerator.num_processes, self.accelerator.distributed_type
        if kind not in _WHOLE:
            raise ValueError(
                f"accelerate is set up for {kind}, which cuts networks or optimisers into shards; states here hold "
                "whole tensors: choose data parallelism (--multi_gpu), which every model of the zoo fits"
            )
        if recipe.batch_size % world:
            raise ValueError(f"batch_size is {recipe.batch_size}; {world} processes need a multiple of {world}")
        self.sources = sources or Sources()
        self.train_data, self.validation_data = self.sources.open(course.name, recipe)
        self.tokenizer = getattr(self.train_data, "tokenizer", None)
        self.steps_per_epoch = len(self.train_data) // recipe.batch_size
        if not self.steps_per_epoch:
            raise ValueError(
                f"{self.train_data.info.name} has {len(self.train_data)} training samples; "
                f"a batch of {recipe.batch_size} needs as many (--batch-size makes it smaller)"
            )
        torch.manual_seed(recipe.seed)
        self.model = course.build(recipe, self.train_data)
        self.sources.start(self.model)
        self.update = recipe.algorithm.prepare(self.model, self.accelerator, recipe.clip_norm)
        self.average = averaged(self.model, recipe.ema_decay) if recipe.ema_decay else None
        self.rates = [(g, g["lr"]) for o in self.update.optimizers.values() for g in o.param_groups]
        self.order = cache(
            lambda epoch: batches(recipe.seed, epoch, len(self.train_data), recipe.batch_size, self.train_data.lengths)
        )
        self.moments = set(timeline.moments(recipe.steps, recipe.snapshots))
        # What a state holds besides networks and optimisers.
        self.progress: dict[str, Any] = {
            "step": 0,
            "seconds": 0.0,
            "cpu_seconds": 0.0,  # of this process, all its threads together
            "evaluated": -1 if self.sources.checkpoint else 0,  # the last step that was measured
            "best": None,
            "best_step": 0,
            "stale": 0,  # evaluations since the best
            "ended": False,  # early
            "rate": 1.0,  # factor on the learning rate, halved at each return to a good state
            "skipped": 0,
            "returns": 0,
            "git_commit": git_commit(),
            "data": self.train_data.fingerprint,
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
        self.progress |= state["progress"]

    def spoilt(self) -> str | None:
        """The first of all that a state holds that is not finite, as words, or None: weights before what they cause."""
        state = self.state()
        return nonfinite_value(state["modules"] | {name: state[name] for name in ("average", "optimizers")})

    def save(self, journal: Journal) -> bool:
        """Write the state and return whether it is on disk; one that is not finite is never written."""
        written = True
        if bad := self.spoilt():
            raise Diverged(f"{bad} is not finite at step {self.progress['step']}; the state before it is kept")
        if self.accelerator.is_main_process:
            try:
                self.progress["journal"] = journal.kept()
                states.save(self.folder / "state", self.progress["step"], self.state())
            except OSError as error:
                written = False
                logger.warning(
                    "the state of step %d was not saved, the one before is kept: %s", self.progress["step"], error
                )
        self.accelerator.wait_for_everyone()
        return written

    def rows(self) -> list[tuple[int, Any]]:
        """The epoch and the sample numbers of each micro-batch of the next step, over all processes."""
        first = self.progress["step"] * self.recipe.accumulation
        places = (divmod(number, self.steps_per_epoch) for number in range(first, first + self.recipe.accumulation))
        return [(epoch, self.order(epoch)[row]) for epoch, row in places]

    def step(self) -> dict[str, float]:
        """One optimiser step; returns its figures, averaged over micro-batches and processes. Raises NonFinite."""
        recipe, step, rank = self.recipe, self.progress["step"], self.accelerator.process_index
        world, device = self.accelerator.num_processes, self.accelerator.device
        size = recipe.batch_size // world
        for group, rate in self.rates:
            group["lr"] = rate * self.progress["rate"] * recipe.learning_rate_scale(step)
        found: dict[str, list[Tensor]] = {}
        for micro, (epoch, indices) in enumerate(self.rows()):
            number = step * recipe.accumulation + micro
            own = indices[rank * size : (rank + 1) * size]
            batch = {key: value.to(device) for key, value in self.train_data.batch(own, epoch).items()}
            torch.manual_seed((recipe.seed << 40) ^ (number << 8) ^ rank)  # dropout
            noise = Noise(recipe.seed, number, rank=rank, world=world, device=str(device))
            for name, value in self.update(batch, noise).items():
                found.setdefault(name, []).append(value)
        totals = {name: torch.stack(values).mean() for name, values in found.items()}
        if world > 1:
            totals = {name: self.accelerator.reduce(value, "mean") for name, value in totals.items()}
        figures = {name: float(value) for name, value in totals.items()}
        if bad := nonfinite_figure(figures):
            raise NonFinite(bad)
        return figures

    def advance(self, journal: Journal, bar: Any) -> None:
        """One step, its average and its line in the journal; a step that is not finite is named and leaves nothing.

        Weights, moments and averages that do not show in the step's own figures are looked at where they are used next.
        """
        begun, worked, recipe = time.perf_counter(), time.process_time(), self.recipe
        try:
            figures = self.step()
        except NonFinite as error:
            self._nonfinite(str(error), journal)
            return
        if self.average is not None:
            self.average.update_parameters(self.model)
        if self._used_after(self.progress["step"] + 1) and self.spoilt():
            self._nonfinite("", journal)
            return
        self.progress["step"] += 1
        self.progress["skipped"] = 0
        seconds = time.perf_counter() - begun
        self.progress["seconds"] += seconds
        self.progress["cpu_seconds"] += time.process_time() - worked
        step = self.progress["step"]
        journal.step(step, figures, recipe.batch_size * recipe.accumulation, seconds, recipe.log_every, bar)

    def _used_after(self, step: int) -> bool:
        """Whether what `step` leaves is saved, evaluated or shown."""
        recipe = self.recipe
        every = (recipe.save_every, recipe.evaluate_every)
        return step == recipe.steps or step in self.moments or any(step % number == 0 for number in every)

    def _nonfinite(self, figure: str, journal: Journal) -> None:
        """Say it and stop; or, with `nonfinite="retry"`, skip the step, after three go back, in the end stop."""
        spoilt = self.spoilt()  # a batch norm's statistics, if nothing else
        where = ", and ".join(name for name in (figure, spoilt) if name)
        batch = [int(index) for _, indices in self.rows() for index in indices]
        journal.write(self.progress["step"], {"event": "nonfinite", "where": where, "batch": batch})
        said = f"step {self.progress['step']}: {where} is not finite; the batch was samples {batch[:8]}"
        said += f" and {len(batch) - 8} more (log.jsonl has all)" if len(batch) > 8 else ""
        if self.recipe.nonfinite == "stop":
            raise Diverged(f"{said}. The state before it is kept; try a lower learning rate, or --nonfinite retry")
        logger.warning("%s; it was skipped", said)
        self.progress["step"] += 1
        self.progress["skipped"] += 1
        if self.progress["skipped"] < PATIENCE and not spoilt:
            return
        returns, rate = self.progress["returns"] + 1, self.progress["rate"] / 2
        found = states.load(self.folder / "state")
        if returns > PATIENCE or found is None:
            raise Diverged(f"{said}. {returns - 1} returns to a good state, each at half the rate, did not help")
        self.restore(found[1])
        self.progress.update(returns=returns, rate=rate, skipped=0)
        logger.warning("back at step %d with %.3g of the learning rate", self.progress["step"], rate)

    def evaluate(self, journal: Journal, poll: Callable[[], None]) -> dict[str, Any]:
        """Measure on the validation split; keep the weights where they are the best so far, or `keep` says so."""
        step, recipe = self.progress["step"], self.recipe
        self.published.eval()
        figures = validate(
            self.course.name, self.published, self.validation_data, recipe, self.tokenizer, poll,
            own=self.sources.data is not None,
        )  # fmt: skip
        self.published.train()
        if recipe.metric not in figures:
            raise ValueError(f"validation has no figure {recipe.metric!r}{suggestion(recipe.metric, figures)}")
        value, best = figures[recipe.metric], self.progress["best"]
        improved = math.isfinite(value) and (
            recipe.keep == "last" or best is None or (value < best if recipe.better == "lower" else value > best)
        )
        if improved:
            self._keep()
            self.progress.update(best=value, best_step=step, stale=0)
        else:
            self.progress["stale"] += 1
        self.progress["evaluated"] = step
        journal.write(step, {f"validation/{name}": found for name, found in figures.items()} | {"best": improved})
        if recipe.patience and self.progress["stale"] >= recipe.patience:
            self.progress["ended"] = True
            journal.write(step, {"event": "early stop"})
            logger.info("%d evaluations without a better %s: ended early", recipe.patience, recipe.metric)
        return figures

    def _keep(self) -> None:
        """Write the published network as the best so far. Raises OSError."""
        if self.accelerator.is_main_process:
            tensors = {name: t.detach().cpu().contiguous() for name, t in self.published.state_dict().items()}
            with replacing(self.folder / "best") as temporary:
                save_tensors(tensors, temporary / "model.safetensors")

    def _snapshot(self, journal: Journal) -> None:
        """Add to the timeline, where this step has a snapshot. Raises OSError."""
        step = self.progress["step"]
        if step not in self.moments or not self.accelerator.is_main_process:
            return
        network, data = self.published, self.validation_data
        path = timeline.snapshot(self.folder / "timeline", step, self.course.name, network, self.tokenizer, data)
        journal.show(step, path)

    def _begin(self, resume: bool) -> bool:
        """Read the last state, or make room for a new run; returns whether there was a state. Raises OSError."""
        found = states.load(self.folder / "state") if resume else None
        if found:
            if problem := states.mismatch(found[1], self.state()):
                raise ValueError(f"{self.folder} holds the state of another run: {problem} (another --out, or --fresh)")
            if found[1]["progress"].get("data", self.progress["data"]) != self.progress["data"]:
                raise ValueError(
                    f"{self.folder} holds a run that began with other data than {self.train_data.info.name} has now: "
                    "its file was changed or damaged since (another --out, or --fresh)"
                )
            self.restore(found[1])
            logger.info("resumed at step %d of %d", found[0], self.recipe.steps)
        self.folder.mkdir(parents=True, exist_ok=True)
        room, need = shutil.disk_usage(self.folder).free, 3 * states.size(self.state())
        if room < need:
            raise OSError(f"{self.folder} has {room:,} bytes free; three states of this run need {need:,}")
        if self.accelerator.is_main_process:
            if not found:
                for name in ("state", "best", "timeline"):
                    shutil.rmtree(self.folder / name, ignore_errors=True)
            write_json(self.folder / "run.json", self.sources.describe(self))
        return bool(found)

    def _stop_asked(self, signals: Signals) -> bool:
        """Whether any process was asked to stop: all must leave after the same step."""
        if self.accelerator.num_processes == 1:
            return signals.raised
        flag = torch.tensor(float(signals.raised), device=self.accelerator.device)
        return bool(self.accelerator.reduce(flag, "sum") > 0)

    def train(
        self,
        *,
        resume: bool = True,
        stop_after: int | None = None,
        on_evaluation: Callable[[int, dict[str, Any]], None] | None = None,
    ) -> int:
        """Run to the last step; returns one of the exit codes above.

        `stop_after` ends this sitting after so many steps, as a signal would (for tests and time slices);
        `on_evaluation` is told each step that was measured and its figures, and may raise to end the sitting.
        """
        signals = Signals()
        try:
            return self._sitting(signals, resume, stop_after, on_evaluation)
        except Diverged as error:
            logger.error("%s", error)
            return DIVERGED
        except OSError as error:
            logger.error(
                "stopped at step %d of %d: %s; what was saved before is kept, and the same command goes on from there",
                self.progress["step"], self.recipe.steps, error,
            )  # fmt: skip
            return UNWRITTEN
        finally:
            signals.restore()

    def _sitting(
        self,
        signals: Signals,
        resume: bool,
        stop_after: int | None,
        on_evaluation: Callable[[int, dict[str, Any]], None] | None,
    ) -> int:
        """What `train` says. Raises Diverged, and OSError where going on would lose what cannot be made again."""
        recipe = self.recipe
        poll = signals.poll if self.accelerator.num_processes == 1 else lambda: None
        found = self._begin(resume)
        begun = self.progress["step"]
        sitting_end = recipe.steps if stop_after is None else begun + stop_after
        journal = Journal(self.folder, self.accelerator, recipe, begun, self.progress.get("journal"))
        bar = tqdm(
            total=recipe.steps, initial=begun, unit="step", disable=not self.accelerator.is_main_process,
            mininterval=1.0, desc=f"{self.course.name}.{self.preset}",
        )  # fmt: skip
        try:
            if not found:
                self.save(journal)
            while True:
                step = self.progress["step"]
                last = step == recipe.steps or self.progress["ended"]
                self._snapshot(journal)
                if self.progress["evaluated"] < step and (last or step % recipe.evaluate_every == 0):
                    figures = self.evaluate(journal, poll)
                    if on_evaluation is not None:
                        on_evaluation(step, figures)
                    last = last or self.progress["ended"]
                if last and self.progress["best"] is None:
                    raise Diverged(f"{recipe.metric} was finite in no evaluation, so that no weights are the best")
                if last:
                    break
                if self._stop_asked(signals) or step >= sitting_end:
                    raise Interrupted
                self.advance(journal, bar)
                if self.progress["step"] % recipe.save_every == 0:
                    self.save(journal)
            if self.save(journal) and not journal.waiting:
                return DONE
            logger.error("the last step is done and not all of it is written; the same command tries again")
            return UNWRITTEN
        except Interrupted:
            written = self.save(journal)
            logger.warning(
                "stopped at step %d of %d; the same command goes on from %s",
                self.progress["step"], recipe.steps, "here" if written else "the last saved state",
            )  # fmt: skip
            return INTERRUPTED if written else UNWRITTEN
        finally:
            bar.close()
            journal.close()
