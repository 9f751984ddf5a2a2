"""The reliability table at sizes for every day, and the laws of saved states that its first rows rest on.

`python -m tests.faults` is the long form: every row at its whole size.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from faults.rows import ROWS

from train import state as states
from train.loop import Run
from train.recipe import course, preset
from train.signals import Interrupted, Signals
from zoo.checkpoint import replacing

ROOT = Path(__file__).parent.parent
TRAINING = {f"R{number}" for number in range(1, 9)}
"""Rows of the reliability table about training; `test_serving_faults.py` tries the others."""


def check(row: str) -> None:
    """Run the short form of a row of the reliability table, which must meet its target."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", row, "--short"],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    if "does not let a process watch" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("row", [row.name for row in ROWS if row.name in TRAINING])
def test_a_row_of_training_meets_its_target_at_a_size_for_every_day(row: str) -> None:
    check(row)


def steps(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_state_saved_again_is_whole_at_every_moment(tmp_path: Path) -> None:
    """Between its two renames both the old and the new one are there under other names."""
    states.save(tmp_path, 4, {"saved": "first"})
    os.replace(tmp_path / "step-00000004", tmp_path / "step-00000004.replaced")
    assert states.load(tmp_path) == (4, {"saved": "first"}), "killed after the first rename"
    states.save(tmp_path, 4, {"saved": "second"})
    assert states.load(tmp_path) == (4, {"saved": "second"}) and steps(tmp_path) == ["step-00000004"]


def test_a_damaged_state_ahead_does_not_crowd_out_whole_ones(tmp_path: Path) -> None:
    for step in (1, 2, 9):
        states.save(tmp_path, step, {"step": step})
    (tmp_path / "step-00000009" / "manifest.json").write_text("{}")
    states.save(tmp_path, 3, {"step": 3})
    assert steps(tmp_path) == ["step-00000002", "step-00000003"]


def test_the_state_of_another_model_is_refused_before_the_first_step(tmp_path: Path) -> None:
    recipe = preset("gpt", "tiny")
    wider = replace(recipe, config=replace(recipe.config, embedding_dim=recipe.config.embedding_dim * 2))
    assert Run(course("gpt"), "tiny", recipe, tmp_path, cpu=True).train(stop_after=1) == 75
    with pytest.raises(ValueError, match=r"state of another run: modules\.\S+ is \(\d+.*\) in it; this run's is"):
        Run(course("gpt"), "tiny", wider, tmp_path, cpu=True).train()
    with pytest.raises(ValueError, match="state of another run: it lacks"):
        Run(course("vae"), "tiny", preset("vae", "tiny"), tmp_path, cpu=True).train()


def test_a_run_whose_data_were_changed_does_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its order of samples, and what it has seen of them, would be another's."""
    import pyarrow.parquet as pq

    from zoo.data.source import find

    path = tmp_path / "mnist" / "data" / "train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    table = pq.read_table(find("mnist", "train", sample=True))
    pq.write_table(table, path)
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    recipe = replace(preset("vae", "tiny"), sample=False)
    assert Run(course("vae"), "tiny", recipe, tmp_path / "run", cpu=True).train(stop_after=1) == 75
    pq.write_table(table.slice(1), path)
    with pytest.raises(ValueError, match="began with other data than mnist has now"):
        Run(course("vae"), "tiny", recipe, tmp_path / "run", cpu=True).train()


def test_states_differ_by_names_shapes_and_numbers_of_parameters() -> None:
    def state(**changes: Any) -> dict[str, Any]:
        whole = {
            "modules": {"model": {"weight": torch.zeros(2, 3)}},
            "optimizers": {"model": {"param_groups": [{"params": [0, 1]}], "state": {}}},
            "average": None,
        }
        return whole | changes

    assert states.mismatch(state(), state()) is None
    for changes, words in (
        ({"modules": {"model": {"weights": torch.zeros(2, 3)}}}, "it lacks modules.model.weight"),
        (
            {"modules": {"model": {"weight": torch.zeros(3, 2)}}},
            "modules.model.weight is (3, 2) in it; this run's is (2, 3)",
        ),
        ({"average": {"weight": torch.zeros(2)}}, "it has unknown average.weight"),
        ({"optimizers": {}}, "it lacks optimizers.model"),
        (
            {"optimizers": {"model": {"param_groups": [{"params": [0]}], "state": {}}}},
            "optimizers.model is (1,) in it; this run's is (2,)",
        ),
    ):
        assert states.mismatch(state(**changes), state()) == words


def test_a_folder_whose_replacing_was_killed_is_put_back_and_cleared(tmp_path: Path) -> None:
    aside = tmp_path / ".best.old.abcd_123" / "best"
    for left in (aside, tmp_path / ".best.efgh5678", tmp_path / ".best.other.efgh5678"):
        left.mkdir(parents=True)
    (aside / "weights").write_text("old")
    with replacing(tmp_path / "best"):
        assert (tmp_path / "best" / "weights").read_text() == "old"
        assert not (tmp_path / ".best.efgh5678").exists()
    assert steps(tmp_path) == [".best.other.efgh5678", "best"], "another folder's are left alone"
    assert not any((tmp_path / "best").iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_waits_to_be_polled_or_stops_at_once(number: signal.Signals) -> None:
    outer = Signals(at_once=True)
    inner = Signals()
    signal.raise_signal(number)
    assert inner.raised and not outer.raised
    with pytest.raises(Interrupted):
        inner.poll()
    inner.restore()
    with pytest.raises(Interrupted):
        signal.raise_signal(number)
    next_one = Signals()
    assert next_one.raised, "what a callback of C code swallowed is known to whoever takes over"
    next_one.restore()
    outer.restore()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
