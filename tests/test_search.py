"""The search: a killed one ends as one that never was, and its winner's command gives its winner's figure."""

from __future__ import annotations

import json
import math
import os
import random
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from train.__main__ import main, recipe_from
from train.loop import DIVERGED, DONE, INTERRUPTED, Run
from train.recipe import Recipe, course, preset
from train.search import search
from train.search_space import drawn, space, varied
from train.signals import Interrupted
from zoo import registry

ROOT = Path(__file__).parent.parent
TRIALS = 5
TINY = preset("gpt", "tiny")
KILLED = """
import os, sys
from pathlib import Path
from tests import test_search as tested
class Killed(tested.Run):
    def save(self, journal):
        if self.folder.name == "trial-002" and self.progress["step"] == 15:  # measured at 10, saved at 10
            os._exit(9)
        return super().save(journal)
tested.Run = Killed
tested.tiny_search(Path(sys.argv[1]))
"""


def command(options: list[str]) -> str:
    return shlex.join(["python", "-m", "train", "gpt", "--preset", "tiny", *options])


def tiny_search(folder: Path, recipe: Recipe = TINY) -> dict[str, Any]:
    def begin(recipe: Recipe, folder: Path) -> Run:
        return Run(course("gpt"), "tiny", recipe, folder, cpu=True)

    return search(recipe, folder, TRIALS, begin, command)


class Formula:
    """A run whose loss is known: lowest at a learning rate of 0.01 and no dropout, falling with the steps."""

    def __init__(self, recipe: Recipe, code: int = DONE) -> None:
        self.loss = math.log10(recipe.algorithm.learning_rate / 0.01) ** 2 + recipe.config.dropout
        self.code = code

    def train(self, on_evaluation: Callable[[int, dict[str, Any]], None]) -> int:
        if self.code == DONE:
            for step in (5, 10, 15, 20):
                on_evaluation(step, {"loss": self.loss + 1 / step, "KL per dimension": [1.0]})
        return self.code


def formula_search(
    folder: Path, trials: int, code: Callable[[Path], int] = lambda folder: DONE, **options: Any
) -> dict[str, Any]:
    def begin(recipe: Recipe, folder: Path) -> Any:
        return Formula(recipe, code(folder))

    return search(options.pop("recipe", TINY), folder, trials, begin, command, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("whole")
    return folder, tiny_search(folder)


def test_a_killed_search_goes_on_and_ends_as_one_that_never_was(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, env=environment, capture_output=True, timeout=240
    )
    assert killed.returncode == 9, killed.stderr[-2000:]
    assert len(json.loads((tmp_path / "search.json").read_text())["trials"]) == 2
    first = (tmp_path / "trial-001" / "log.jsonl").stat().st_mtime_ns
    assert tiny_search(tmp_path) == whole[1]
    assert (tmp_path / "trial-001" / "log.jsonl").stat().st_mtime_ns == first, "a finished trial is not run again"


def test_the_winners_command_gives_the_winners_figure(whole: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, found = whole
    complete = [row["value"] for row in found["trials"] if row["state"] == "complete"]
    best = found["trials"][found["best"]]
    assert best["value"] == min(complete) < found["trials"][0]["value"]
    assert found == json.loads((folder / "search.json").read_text())
    words = shlex.split(found["command"])
    assert words[:3] == ["python", "-m", "train"]
    assert main([*words[3:], "--cpu", "--no-measure", "--out", str(tmp_path)]) == 0
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert min(line["validation/loss"] for line in lines if "validation/loss" in line) == best["value"]
    with Image.open(folder / "search.png") as picture:
        assert picture.width > 4 * picture.height and len(picture.convert("L").getcolors()) > 5  # type: ignore[arg-type]


@pytest.mark.parametrize("name", registry.names())
def test_the_options_of_a_trial_make_its_recipe(name: str) -> None:
    recipe, numbers = preset(name, "tiny"), random.Random(0)
    dimensions = space(recipe)
    params = {d.field: numbers.choice(d.choices) if d.choices else numbers.uniform(d.low, d.high) for d in dimensions}
    values = drawn(dimensions, 1, params)
    words = [word for d in dimensions for word in (d.option, str(values[d.field]))]
    assert recipe_from(recipe, ["--seed", "3", *words], "") == replace(varied(recipe, dimensions, values), seed=3)
    assert varied(recipe, dimensions, drawn(dimensions, 0, params)) == recipe, "trial 0 is the recipe itself"


def test_the_space_is_read_off_the_recipe() -> None:
    adversarial = {d.field: d for d in space(preset("dcgan", "tiny"))}
    assert {"batch_size", "generator_learning_rate", "discriminator_learning_rate", "beta1"} <= set(adversarial)
    rate = adversarial["generator_learning_rate"]
    assert rate.log and rate.low == pytest.approx(2e-5) and rate.high == pytest.approx(2e-3)
    assert adversarial["batch_size"].choices == (4, 8, 16)
    text = {d.field: d for d in space(TINY)}
    assert set(text) == {"batch_size", "learning_rate", "weight_decay", "dropout"}
    assert text["weight_decay"].log and text["weight_decay"].low < 0.1 < text["weight_decay"].high
    without = replace(TINY, algorithm=replace(TINY.algorithm, weight_decay=0.0), batch_size=1)
    assert not {d.field: d for d in space(without)}["weight_decay"].log, "a logarithm has no place for none"
    assert {d.field: d for d in space(without)}["batch_size"].choices == (1, 2)


def test_trials_learn_from_those_before_and_hopeless_ones_end_early(tmp_path: Path) -> None:
    found = formula_search(tmp_path, 24)
    states = [row["state"] for row in found["trials"]]
    assert set(states) == {"complete", "pruned"} and states[:4] == ["complete"] * 4
    assert all(row["steps"] < 20 for row in found["trials"] if row["state"] == "pruned")
    floor, own, best = 0.05, found["trials"][0]["value"], found["trials"][found["best"]]["value"]
    assert best - floor < (own - floor) / 4
    rates = [row["options"]["--learning-rate"] for row in found["trials"]]
    near = [abs(math.log10(rate / 0.01)) for rate in rates]
    assert sum(near[12:]) / 12 < sum(near[1:4]) / 3, "later trials look where earlier ones were good"
    assert len(set(rates)) > 20


def test_more_trials_can_be_added_and_a_better_figure_can_be_the_higher(tmp_path: Path) -> None:
    recipe = replace(TINY, better="higher")
    first = formula_search(tmp_path, 3, recipe=recipe)
    more = formula_search(tmp_path, 6, recipe=recipe)
    assert more["trials"][:3] == first["trials"] and len(more["trials"]) == 6
    complete = [row["value"] for row in more["trials"] if row["state"] == "complete"]
    assert more["trials"][more["best"]]["value"] == max(complete)
    assert formula_search(tmp_path, 6, recipe=recipe) == more


def test_a_stopped_trial_goes_on_and_a_diverged_one_has_no_value(tmp_path: Path) -> None:
    def stopped(folder: Path) -> int:
        return INTERRUPTED if folder.name == "trial-002" else DIVERGED if folder.name == "trial-001" else DONE

    with pytest.raises(Interrupted):
        formula_search(tmp_path, 4, stopped)
    found = formula_search(tmp_path, 4, lambda folder: DIVERGED if folder.name == "trial-003" else DONE)
    assert [row["state"] for row in found["trials"]] == ["complete", "failed", "complete", "failed"]
    assert [row["number"] for row in found["trials"]] == [0, 1, 2, 3]
    assert found["trials"][1]["value"] is None and found["best"] in (0, 2)


def test_what_cannot_be_searched_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="--search is 0; it must be at least 1"):
        formula_search(tmp_path / "none", 0)
    with pytest.raises(ValueError, match="all 3 trials failed, the recipe's own too: see .*/trial-000"):
        formula_search(tmp_path / "diverged", 3, lambda folder: DIVERGED)
    formula_search(tmp_path / "other", 1)
    with pytest.raises(ValueError, match="holds the search of another recipe: choose another --out, or --fresh"):
        formula_search(tmp_path / "other", 2, recipe=replace(TINY, steps=21))
    anew = formula_search(tmp_path / "other", 1, recipe=replace(TINY, steps=21), fresh=True)
    assert anew["settings"]["steps"] == 21 and len(anew["trials"]) == 1
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="a search runs in one process"):
        formula_search(tmp_path / "two", 1)


def test_a_metric_that_does_not_exist_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no figure 'lost'; perhaps you meant 'loss'"):
        tiny_search(tmp_path, replace(TINY, metric="lost", steps=10))
    assert formula_search(tmp_path, 1)["best"] == 0
