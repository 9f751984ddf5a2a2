"""Search for better numbers of a recipe: Akiba et al., "Optuna", KDD 2019 (TPE, and the median rule of pruning).

Trial 0 is the recipe itself, so the winner is never worse than it on the validation split. Each trial is a `Run` in its
own folder. What is tried next is a function of (seed, trial, results so far), and the results are in `search.db`: a
search that was killed goes on as one that never was.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.recipe import Recipe
from train.search_report import plot, summary, table
from train.search_space import Dimension, drawn, space, varied
from train.signals import Interrupted, Signals
from zoo.checkpoint import write_json

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import TrialState

    from train.loop import Run

logger = logging.getLogger(__name__)
_RANDOM = 4
"""Trials, the recipe's own among them, before the sampler learns from them and the pruner compares with them."""


def search(
    recipe: Recipe,
    folder: Path,
    trials: int,
    begin: Callable[[Recipe, Path], Run],
    command: Callable[[list[str]], str],
    *,
    fresh: bool = False,
) -> dict[str, Any]:
    """Finish `trials` trials in `folder`, those of earlier sittings among them; returns what search.json says.

    `begin` makes the run of a recipe in a folder; `command` gives the command line that trains `recipe`, with more
    options. Raises ValueError for a search that cannot be, Interrupted when a signal stopped it (the trial goes on in
    the next sitting), OSError when the disk did.
    """
    if trials < 1:
        raise ValueError(f"--search is {trials}; it must be at least 1")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ValueError("a search runs in one process: start it without torchrun or accelerate launch")
    if importlib.util.find_spec("optuna") is None:
        raise ValueError("a search needs optuna: pip install optuna")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    dimensions = space(recipe)
    asked = json.loads(json.dumps({"settings": asdict(recipe), "recipe": command([])}))
    study, signals = _study(recipe, dimensions, folder, asked, fresh), Signals()

    def report() -> dict[str, Any]:
        found = {"zoo": 1, **asked} | table(study, recipe, dimensions)
        if found["best"] is not None:
            chosen = found["trials"][found["best"]]["options"]
            found["command"] = command([str(word) for pair in chosen.items() for word in pair])
        write_json(folder / "search.json", found)
        return found

    try:
        while (number := _finished(study)) < trials:
            signals.poll()
            trial = _next(study, recipe.seed, number, dimensions)
            values = drawn(dimensions, number, trial.params)
            changed = replace(varied(recipe, dimensions, values), snapshots=0)  # time that changes no figure
            state, value = _try(trial, changed, folder / f"trial-{number:03d}", begin, signals.poll)
            study.tell(trial, value, state)
            logger.info("trial %d of %d: %s", number + 1, trials, summary(report()))
        found = report()  # once more, for a search that was killed before it had written
        plot(found, dimensions, folder / "search.png")
    except optuna.exceptions.StorageInternalError as error:
        raise OSError(f"{folder / 'search.db'} cannot be written: {error}") from error
    finally:
        signals.restore()
    if found["best"] is None:
        raise ValueError(f"all {len(found['trials'])} trials failed, the recipe's own too: see {folder}/trial-000")
    best, own = (found["trials"][number]["value"] for number in (found["best"], 0))
    logger.info("the best is trial %d: %s %s (the recipe's own: %s)", found["best"], recipe.metric, best, own)
    return found


def _study(recipe: Recipe, dimensions: list[Dimension], folder: Path, asked: dict[str, Any], fresh: bool) -> Study:
    """The search of this folder, or a new one. Raises ValueError when the folder holds another search's results."""
    import optuna

    folder.mkdir(parents=True, exist_ok=True)
    known = folder / "search.json"
    before: dict[str, Any] = {"trials": []}
    if known.exists():
        before = json.loads(known.read_text(encoding="utf-8"))
    same = {key: before.get(key) for key in asked} == asked
    if before["trials"] and not same and not fresh:
        raise ValueError(f"{folder} holds the search of another recipe: choose another --out, or --fresh")
    if fresh or not same:
        for path in (*folder.glob("search.*"), *folder.glob("trial-*")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        write_json(known, {"zoo": 1, **asked, "trials": []})
    study = optuna.create_study(
        storage=f"sqlite:///{(folder / 'search.db').resolve()}", study_name="search", load_if_exists=True,
        direction="minimize" if recipe.better == "lower" else "maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_RANDOM),
    )  # fmt: skip
    if not study.get_trials(deepcopy=False):
        study.enqueue_trial({d.field: d.value for d in dimensions})
    return study


def _finished(study: Study) -> int:
    return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))


def _next(study: Study, seed: int, number: int, dimensions: list[Dimension]) -> Trial:
    """The trial that a kill left half done, or a new one."""
    import optuna

    study.sampler = optuna.samplers.TPESampler(seed=seed * 1000 + number, n_startup_trials=_RANDOM)
    half = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
    trial = optuna.Trial(study, half[0]._trial_id) if half else study.ask()
    for d in dimensions:
        if d.choices:
            trial.suggest_categorical(d.field, d.choices)
        else:
            trial.suggest_float(d.field, d.low, d.high, log=d.log)
    return trial


def _try(
    trial: Trial, recipe: Recipe, folder: Path, begin: Callable[[Recipe, Path], Run], poll: Callable[[], None]
) -> tuple[TrialState, float | None]:
    """Train one trial to its end; its value is its best evaluation, as in any run."""
    from optuna import TrialPruned
    from optuna.trial import TrialState

    from train.loop import DONE, INTERRUPTED, UNWRITTEN

    def reported() -> dict[int, float]:
        return trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values

    def told(step: int, figures: dict[str, Any]) -> None:
        if step not in reported():  # as it is when a resumed run measures again
            trial.report(figures[recipe.metric], step)
        if trial.should_prune():
            raise TrialPruned

    try:
        run = begin(recipe, folder)
    except ValueError as error:
        if trial.number == 0:
            raise
        logger.warning("trial %d cannot be: %s", trial.number, error)
        return TrialState.FAIL, None
    poll()
    try:
        code = run.train(on_evaluation=told)
    except TrialPruned:
        return TrialState.PRUNED, None
    if code == INTERRUPTED:
        raise Interrupted
    if code == UNWRITTEN:
        raise OSError(f"{folder} takes no more; the same command goes on from its last saved state")
    values = [value for value in reported().values() if math.isfinite(value)]
    if code != DONE or not values:
        return TrialState.FAIL, None
    return TrialState.COMPLETE, min(values) if recipe.better == "lower" else max(values)
