"""Row R5: numbers that are not finite, planted in trainings; each is caught, and nothing that is not finite is kept.

A place is what is spoilt (a loss, a gradient, a weight, an optimiser's moment, ...), in which training, at which step,
with which number, how often (once, three times in a row, from there on), and whether the run is told to stop or to
retry. Nothing of a training is changed but that one thing.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from tests.faults import trainings
from tests.faults.rows import Found
from tests.faults.trainings import Ended
from train.guard import PATIENCE

TRAINERS = ("dcgan", "vae", "gpt", "resnet", "wgan_gp", "wavenet")
"""Pairs of networks with and without batch norms, and networks of one loss."""
STEPS, _LAST = (0, 1, 6, 9, 11, 13, 18, 19), 20
"""Where it is planted, of twenty: the first and the last, before states (7, 14), an evaluation (12), or in between."""
ALWAYS = 1_000_000
_DIVERGED = 65
_SAID = "is not finite; the batch was samples"


@dataclass(frozen=True)
class Place:
    """One place; `times` is how many steps in a row, `draw` chooses among tensors and elements."""

    kind: str
    trainer: str
    step: int
    value: float
    times: int
    retry: bool
    draw: int

    def __str__(self) -> str:
        often = {1: "once", ALWAYS: "from there on"}.get(self.times, f"{self.times} times")
        mode = "retry" if self.retry else "stop"
        where = f"{self.trainer}, {self.kind} = {self.value} at step {self.step} {often}"
        return f"{where}, --nonfinite {mode}, {self.draw}"


Planter = Callable[[Any, Place, ExitStack, Callable[[], None]], None]
"""(run, place, what is undone after the step, told when it is planted)."""


def _tensor(tensors: list[Any], place: Place) -> Any:
    """One of some tensors."""
    return tensors[place.draw % len(tensors)]


def _spoil(tensor: Any, place: Place) -> None:
    """Set one element."""
    tensor.data[np.unravel_index(place.draw % tensor.numel(), tensor.shape)] = place.value


def _parameters(run: Any, *, last: bool = False) -> list[Any]:
    """Of one network in training, or of the last one, an adversary where there is one."""
    networks = list(run.update.modules.values())
    return [parameter for parameter in networks[-last].parameters() if parameter.requires_grad]


def _loss(run: Any, place: Place, undo: ExitStack, planted: Callable[[], None]) -> None:
    """What is differentiated."""
    plain = run.accelerator.backward

    def backward(loss: Any, **more: Any) -> None:
        planted()
        plain(loss * place.value, **more)

    undo.enter_context(mock.patch.object(run.accelerator, "backward", backward))


def _figure(run: Any, place: Place, undo: ExitStack, planted: Callable[[], None]) -> None:
    """What is logged as the loss, whose gradient was finite."""
    kind = type(run.update)
    plain = kind.__call__

    def update(self: Any, batch: Any, noise: Any) -> Any:
        planted()
        found = plain(self, batch, noise)
        return {**found, "loss": found["loss"] + place.value}

    undo.enter_context(mock.patch.object(kind, "__call__", update))


def _gradient(last: bool) -> Planter:
    """One element of the gradient of one layer."""

    def plant(run: Any, place: Place, undo: ExitStack, planted: Callable[[], None]) -> None:
        def hook(gradient: Any) -> Any:
            planted()
            gradient = gradient.clone()
            _spoil(gradient, place)
            return gradient

        undo.callback(_tensor(_parameters(run, last=last), place).register_hook(hook).remove)

    return plant


def _batch(run: Any, place: Place, undo: ExitStack, planted: Callable[[], None]) -> None:
    """One number of one sample."""
    plain = run.train_data.batch

    def batch(indices: Any, epoch: int = 0) -> Any:
        found = {name: tensor.clone() for name, tensor in plain(indices, epoch).items()}
        _spoil(next(tensor for tensor in found.values() if tensor.is_floating_point()), place)
        planted()
        return found

    undo.enter_context(mock.patch.object(run.train_data, "batch", batch))


def _at_once(tensors: Callable[[Any], list[Any]]) -> Planter:
    """Before the step, in one of the tensors of a run."""

    def plant(run: Any, place: Place, undo: ExitStack, planted: Callable[[], None]) -> None:
        if found := tensors(run):
            planted()
            _spoil(_tensor(found, place), place)

    return plant


def _at_its_end(tensors: Callable[[Any], list[Any]]) -> Planter:
    """When the step is done and its figures were finite."""

    def plant(run: Any, place: Place, undo: ExitStack, planted: Callable[[], None]) -> None:
        plain = run.step

        def step() -> Any:
            figures = plain()
            _at_once(tensors)(run, place, undo, planted)
            return figures

        undo.enter_context(mock.patch.object(run, "step", step))

    return plant


def _moments(name: str) -> Callable[[Any], list[Any]]:
    def found(run: Any) -> list[Any]:
        return [kept[name] for o in run.update.optimizers.values() for kept in o.state.values() if name in kept]

    return found


def _buffers(run: Any) -> list[Any]:
    networks = run.update.modules.values()
    return [buffer for network in networks for buffer in network.buffers() if buffer.is_floating_point()]


def _average(run: Any) -> list[Any]:
    return list(run.average.module.parameters())


def _rate(run: Any, place: Place, undo: ExitStack, planted: Callable[[], None]) -> None:
    """The learning rate of every group."""
    planted()
    undo.enter_context(mock.patch.object(run, "rates", [(group, place.value) for group, _ in run.rates]))


KINDS: dict[str, Planter] = {
    "a loss": _loss,
    "a figure": _figure,
    "a gradient": _gradient(last=False),
    "an adversary's gradient": _gradient(last=True),
    "a batch": _batch,
    "a weight before a step": _at_once(_parameters),
    "a weight after a step": _at_its_end(_parameters),
    "an adversary's weight after a step": _at_its_end(lambda run: _parameters(run, last=True)),
    "a batch norm's statistic": _at_its_end(_buffers),
    "a moment": _at_once(_moments("exp_avg")),
    "a square moment": _at_once(_moments("exp_avg_sq")),
    "the average": _at_its_end(_average),
    "the learning rate": _rate,
}
"""What is spoilt in a step."""
METRIC, HUGE = "an evaluation's metric", "a weight too large for half precision"
_KINDS = (*KINDS, METRIC, HUGE)
_FOR = {
    "an adversary's gradient": ("dcgan", "wgan_gp"),
    "an adversary's weight after a step": ("dcgan", "wgan_gp"),
    "a batch": ("dcgan", "resnet", "wgan_gp"),  # of whole numbers elsewhere, and by VAE made into them
    "a batch norm's statistic": ("dcgan", "resnet"),
}
"""Trainings that have it; all have the others."""


def choose(rng: random.Random, count: int) -> list[Place]:
    """As many, of all kinds in turn."""
    kinds, found = list(_KINDS), []
    rng.shuffle(kinds)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        step = rng.choice(STEPS)
        if kind.endswith("moment") or kind == "the average":
            step = max(1, step)  # an optimiser has none before its first step, after which the average begins as a copy
        value = 1e6 if kind == HUGE else rng.choice((math.nan, math.inf, -math.inf))
        times = 1 if kind == HUGE else rng.choice((1, 3, ALWAYS))
        trainer = rng.choice(_FOR.get(kind, TRAINERS))
        found.append(Place(kind, trainer, step, value, times, rng.random() < 0.6, rng.randrange(1 << 30)))
    return found


def plant(place: Place) -> None:
    """Spoil this process's trainings; each time that it happens "planted" is printed."""
    from train import loop

    left = place.times

    def planted() -> None:
        print("planted", flush=True)

    if place.kind == METRIC:
        measured = loop.validate

        def validate(name: str, model: Any, data: Any, recipe: Any, *more: Any, **settings: Any) -> dict[str, Any]:
            nonlocal left
            found = measured(name, model, data, recipe, *more, **settings)
            if left:
                left -= 1
                planted()
                found[recipe.metric] = place.value
            return found

        loop.validate = validate
        return
    plain = loop.Run.advance

    def advance(self: Any, journal: Any, bar: Any) -> None:
        nonlocal left
        with ExitStack() as undo:
            if left and self.progress["step"] >= place.step:
                left -= 1
                planter = _at_its_end(_parameters) if place.kind == HUGE else KINDS[place.kind]
                planter(self, place, undo, planted)
            plain(self, journal, bar)

    loop.Run.advance = advance  # type: ignore[method-assign]


def nonfinite_files(folder: Path) -> tuple[int, list[str]]:
    """How many tensors the files of a run hold, its states, best and published weights, and which are not finite."""
    from safetensors.torch import load_file

    read, found = 0, []
    for path in sorted(folder.rglob("*.safetensors")):
        tensors = load_file(path)
        read += len(tensors)
        found += [f"{path.relative_to(folder)}: {n}" for n, t in tensors.items()
                  if t.is_floating_point() and not t.isfinite().all()]  # fmt: skip
    for path in sorted(folder.rglob("manifest.json")):
        strange: list[str] = []
        json.loads(json.loads(path.read_text())["manifest"], parse_constant=strange.append)
        found += [f"{path.relative_to(folder)}: {word}" for word in strange]
    return read, found


def drive(folder: Path, rng: random.Random, *, places: int) -> Found:
    """Plant, see how the run met it, and let it go on without."""
    trainings.prepare(TRAINERS)
    references: dict[str, dict[str, Any]] = {}
    outcomes: Counter[str] = Counter()
    failures, tried, read, bad = [], [], 0, 0
    for number, place in enumerate(choose(rng, places)):
        run = folder / f"place-{number:03d}"
        options = ("--nonfinite", "retry" if place.retry else "stop")
        ended = trainings.undisturbed(place.trainer, run, *options, spoil=lambda place=place: plant(place))
        outcome, wrong = _met(place, ended, run)
        if not wrong and ended.code == _DIVERGED and place.kind != HUGE:
            again = trainings.undisturbed(place.trainer, run, *options)
            wrong = _went_on(again, run)
            if not wrong and not place.retry and place.kind != METRIC:
                if place.trainer not in references:
                    whole = folder / f"whole-{place.trainer}"
                    trainings.undisturbed(place.trainer, whole, *options)
                    references[place.trainer] = trainings.left_by(whole)
                if differing := trainings.differences(references[place.trainer], trainings.left_by(run)):
                    wrong = f"it went on to another end than a run that nothing happened to: {differing[:5]}"
        outcomes[outcome] += not wrong
        tensors, spoilt = nonfinite_files(run)
        read, bad = read + tensors, bad + len(spoilt)
        tried.append(f"{place}: {outcome}")
        failures += [f"{number}. {place}: {wrong}\n{ended.said[-1500:]}"] if wrong else []
        trainings.discard(run)
    caught = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()) if count)
    figure = f"{places - len(failures)} of {places} caught ({caught}); {bad} of {read:,} tensors on disk not finite"
    return Found(figure, failures, {"places": tried})


def _met(place: Place, ended: Ended, folder: Path) -> tuple[str, str]:
    """How a run met it, and what is wrong with that."""
    if wrong := _wrong(ended, folder):
        return "met wrongly", wrong
    if "planted" not in ended.said:
        return "met wrongly", "nothing was planted"
    progress = trainings.progress_of(folder)
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    events = sum(line.get("event") == "nonfinite" for line in lines)
    returns, rate = progress["returns"], progress["rate"]
    if ended.code == _DIVERGED:
        said = [{METRIC: "finite in no evaluation", HUGE: "is not finite in float16"}.get(place.kind, ""), _SAID]
        if not any(words and words in ended.said for words in said):
            return "stopped", f"exit code 65, and nothing was said like {said}"
        if place.kind not in (METRIC, HUGE) and place.retry and place.times != ALWAYS:
            return "stopped", "it stopped although it was to retry and nothing was planted any more"
        return "stopped", ""
    if place.kind == HUGE or (place.kind == METRIC and place.times == 1):
        return "not chosen as the best", ""
    lasting = place.times == ALWAYS and place.step <= _LAST - PATIENCE  # later there is no third bad step
    if place.kind == METRIC or lasting or not place.retry:
        return "not stopped", f"exit code {ended.code}, which only a run that retries may have, of what passes"
    planned = place.times if returns else min(place.times, _LAST - place.step)  # after a return the steps come again
    if not 1 <= events <= planned or (not returns and events < planned):
        return "not counted", f"{events} events in the log"
    if rate != 0.5**returns:
        return "gone back", f"{rate} of the learning rate after {returns} returns"
    return ("gone back" if returns else "skipped"), ""


def _went_on(ended: Ended, folder: Path) -> str:
    """What is wrong with a run that went on where one had stopped."""
    wrong = _wrong(ended, folder)
    return wrong or ("" if ended.code == 0 else f"the same command without it: exit code {ended.code}\n{ended.said}")


def _wrong(ended: Ended, folder: Path) -> str:
    """What no run may do."""
    if "Traceback" in ended.said or ended.code not in (0, _DIVERGED):
        return f"exit code {ended.code}"
    if spoilt := nonfinite_files(folder)[1]:
        return f"exit code {ended.code}, and not finite on disk: {', '.join(spoilt[:4])}"
    if ended.code == 0 and not list((folder / "checkpoint").rglob("*.safetensors")):
        return "exit code 0 and nothing published"
    return ""
