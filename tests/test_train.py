"""Training: resumed runs end in the same bits, two processes learn what one does, and wrong words get right answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from daily import some
from safetensors.torch import load_file

from train import state as states
from train import timeline
from train.__main__ import main
from train.loop import DIVERGED, DONE, INTERRUPTED, Run
from train.order import batches
from train.recipe import course, preset
from zoo import registry

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1", "CUDA_VISIBLE_DEVICES": ""}


def run(name: str, folder: Path, **options: object) -> int:
    """Train the tiny preset in this process."""
    return Run(course(name), "tiny", preset(name, "tiny"), folder, cpu=True).train(**options)  # type: ignore[arg-type]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "train", *arguments]


def final_tensors(folder: Path) -> dict[str, torch.Tensor]:
    newest = sorted((folder / "state").glob("step-*"))[-1]
    return load_file(newest / "state.safetensors")


@pytest.mark.parametrize("name", some(registry.names(), slow=("diffusion",)))
def test_a_stopped_and_resumed_run_ends_in_the_same_bits(name: str, tmp_path: Path) -> None:
    assert run(name, tmp_path / "whole") == 0
    assert run(name, tmp_path / "parts", stop_after=7) == INTERRUPTED
    assert run(name, tmp_path / "parts") == 0
    whole, parts = final_tensors(tmp_path / "whole"), final_tensors(tmp_path / "parts")
    assert whole.keys() == parts.keys() and len(whole) > 5
    for key, tensor in whole.items():
        assert torch.equal(tensor, parts[key]), key
    best = [(tmp_path / run_name / "best" / "model.safetensors").read_bytes() for run_name in ("whole", "parts")]
    assert best[0] == best[1]


def test_a_killed_run_goes_on_and_publishes(tmp_path: Path) -> None:
    arguments = command("vae", "--preset", "tiny", "--steps", "200", "--out", str(tmp_path / "killed"), "--no-measure")
    process = subprocess.Popen(arguments, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "killed" / "state" / "step-00000030").exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.01)
    process.kill()
    process.wait()
    done = subprocess.run(arguments, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "resumed at step" in done.stderr
    lines = [json.loads(line) for line in (tmp_path / "killed" / "log.jsonl").read_text().splitlines()]
    losses = [line["step"] for line in lines if "loss" in line]
    assert losses == sorted(set(losses)), "a resumed run must not repeat lines of its log"
    assert (tmp_path / "killed" / "checkpoint" / "vae.tiny" / "model.safetensors").exists()


def test_sigterm_saves_and_exits_75(tmp_path: Path) -> None:
    arguments = command("gpt", "--preset", "tiny", "--steps", "100000", "--out", str(tmp_path), "--no-measure")
    process = subprocess.Popen(arguments, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "state" / "step-00000005").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, error
    found = states.load(tmp_path / "state")
    assert found is not None and f"stopped at step {found[0]} of 100000" in error


def test_a_damaged_state_is_named_and_the_one_before_it_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for step in (1, 2, 3):
        states.save(tmp_path, step, {"weights": torch.full((4,), float(step)), "step": step, "names": ["a", None]})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000003"]
    damaged = tmp_path / "step-00000003" / "state.safetensors"
    data = bytearray(damaged.read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(bytes(data))
    found = states.load(tmp_path)
    assert found is not None and found[0] == 2
    assert torch.equal(found[1]["weights"], torch.full((4,), 2.0)) and found[1]["names"] == ["a", None]
    assert "step-00000003 is damaged" in caplog.text


def test_nothing_pickled_is_written(tmp_path: Path) -> None:
    assert run("vae", tmp_path) == 0
    suffixes = {path.suffix for path in tmp_path.rglob("*") if path.is_file() and "tensorboard" not in path.parts}
    assert suffixes <= {".safetensors", ".json", ".jsonl", ".png", ".webp"}


def test_each_sample_comes_once_an_epoch() -> None:
    lengths = np.arange(103) % 17
    for given in (None, lengths):
        order = batches(3, 5, 103, 10, given)
        assert order.shape == (10, 10) and len(np.unique(order)) == 100
    spread = np.ptp(lengths[batches(3, 5, 103, 10, lengths)], axis=1)
    assert spread.mean() < 3, "samples of like length should share a batch"
    assert not np.array_equal(batches(3, 5, 103, 10, None), batches(3, 6, 103, 10, None))


def two_processes(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(port)),
            *("-m", "train", *arguments, "--out", str(folder), "--no-measure"),
        ],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    arguments = ["vae", "--preset", "tiny", "--log-every", "1"]
    done = two_processes(arguments, tmp_path / "two")
    assert done.returncode == 0, done.stderr[-2000:]
    assert subprocess.run(
        command(*arguments, "--out", str(tmp_path / "one"), "--no-measure"), cwd=ROOT, env=ENVIRONMENT, timeout=200
    ).returncode == 0  # fmt: skip
    losses = [
        [
            json.loads(line)["loss"]
            for line in (tmp_path / which / "log.jsonl").read_text().splitlines()
            if '"loss"' in line
        ]
        for which in ("one", "two")
    ]
    assert len(losses[0]) == len(losses[1]) == 20
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def losses_of(folder: Path) -> list[float]:
    lines = (json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if "loss" in line]


@pytest.mark.slow  # row R7 tries one every day
@pytest.mark.parametrize("name", ["vae", "gpt", "wavenet"])
def test_a_run_may_change_its_number_of_processes(name: str, tmp_path: Path) -> None:
    """One process, then two, then one: clips and texts of unequal length weigh as in one batch."""
    options = ["--dropout", "0"] if name == "gpt" else []
    arguments = [name, "--preset", "tiny", "--log-every", "1", *options]
    whole = command(*arguments, "--out", str(tmp_path / "whole"), "--no-measure")
    assert subprocess.run(whole, cwd=ROOT, env=ENVIRONMENT, timeout=200).returncode == 0
    one = command(*arguments, "--out", str(tmp_path / "parts"), "--no-measure")
    assert subprocess.run([*one, "--stop-after", "7"], cwd=ROOT, env=ENVIRONMENT, timeout=200).returncode == INTERRUPTED
    done = two_processes([*arguments, "--stop-after", "6"], tmp_path / "parts")
    assert "resumed at step 7" in done.stderr and "stopped at step 13" in done.stderr, done.stderr[-2000:]
    assert subprocess.run(one, cwd=ROOT, env=ENVIRONMENT, timeout=200).returncode == 0
    expected, found = losses_of(tmp_path / "whole"), losses_of(tmp_path / "parts")
    assert len(expected) == len(found) == 20
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_processes_share_a_batch_without_overlap() -> None:
    order, size = batches(0, 0, 100, 10, None), 5
    shares = [order[:, rank * size : (rank + 1) * size] for rank in range(2)]
    assert len(np.unique(np.concatenate(shares, axis=1))) == 100


def poisoned(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """From micro-batch `at` on, training pictures hold a NaN."""
    from zoo.data.image import Images

    whole = Images.batch

    def batch(self: Images, indices: np.ndarray, epoch: int = 0) -> dict[str, torch.Tensor]:
        found = whole(self, indices, epoch)
        training = len(self) > 200  # validation is shorter
        poisoned.count += training  # type: ignore[attr-defined]
        if training and poisoned.count > at:  # type: ignore[attr-defined]
            found["image"][0, 0, 3, 3] = float("nan")
        return found

    poisoned.count = 0  # type: ignore[attr-defined]
    monkeypatch.setattr(Images, "batch", batch)


def test_a_nan_stops_the_run_with_its_step_batch_and_tensor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    poisoned(monkeypatch, at=12)
    assert run("resnet", tmp_path) == DIVERGED
    event = next(
        json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines() if '"nonfinite"' in line
    )
    assert event["step"] == 12 and len(event["batch"]) == 8 and "gradient of model." in event["where"]
    assert "and model.blocks.0.norm1.running_mean" in event["where"]
    assert event["batch"] == [int(i) for i in batches(0, 0, 288, 8, None)[12]]
    assert "step 12: the gradient of model." in caplog.text and str(event["batch"][0]) in caplog.text
    found = states.load(tmp_path / "state")
    assert found is not None and found[0] == 10, "the last good state is kept"
    assert all(t.isfinite().all() for t in final_tensors(tmp_path).values() if t.is_floating_point())


def test_with_retry_a_run_goes_back_at_half_the_rate_and_gives_up_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    poisoned(monkeypatch, at=12)
    recipe = replace(preset("resnet", "tiny"), nonfinite="retry")
    assert Run(course("resnet"), "tiny", recipe, tmp_path, cpu=True).train() == DIVERGED
    assert caplog.text.count("was skipped") == 4 and "back at step 10 with 0.125 of the learning rate" in caplog.text
    assert "3 returns to a good state" in caplog.text


def test_a_wild_learning_rate_never_reaches_a_checkpoint(tmp_path: Path) -> None:
    tiny = preset("vae", "tiny")
    wild = replace(tiny, algorithm=replace(tiny.algorithm, learning_rate=1e30), clip_norm=0.0, schedule="constant")
    assert Run(course("vae"), "tiny", wild, tmp_path, cpu=True).train() == DIVERGED
    for path in tmp_path.rglob("*.safetensors"):
        assert all(t.isfinite().all() for t in load_file(path).values() if t.is_floating_point()), path


def spoilt_within(monkeypatch: pytest.MonkeyPatch, at: int, spoil: Callable[[Run], None]) -> None:
    """Once the step after `at` steps is done, and its figures were finite, `spoil` something that shows in none."""
    whole, spoilt = Run.step, []

    def step(self: Run) -> dict[str, float]:
        figures = whole(self)
        if self.progress["step"] == at and not spoilt:
            spoil(self)
            spoilt.append(at)
        return figures

    monkeypatch.setattr(Run, "step", step)


def an_average(run: Run) -> None:
    assert run.average is not None
    next(run.average.module.parameters()).data.view(-1)[0] = float("nan")


def a_square_moment(run: Run) -> None:
    """Of it nothing shows for ever: its weight stands still."""
    kept = next(iter(run.update.optimizers["model"].state.values()))
    kept["exp_avg_sq"].view(-1)[0] = float("inf")


@pytest.mark.parametrize("spoil", [an_average, a_square_moment])
@pytest.mark.parametrize("at", [2, 9], ids=["before a state", "before an evaluation"])
@pytest.mark.parametrize("mode", ["stop", "retry"])
def test_what_no_figure_of_a_step_shows_is_seen_before_it_is_used(
    mode: Literal["stop", "retry"], at: int, spoil: Callable[[Run], None], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    tiny = replace(preset("resnet", "tiny"), save_every=3, evaluate_every=10, nonfinite=mode)
    spoilt_within(monkeypatch, at, spoil)
    made = Run(course("resnet"), "tiny", tiny, tmp_path, cpu=True)
    assert made.train() == (DIVERGED if mode == "stop" else DONE)
    if mode == "retry":
        assert (made.progress["returns"], made.progress["rate"]) == (1, 0.5)
    for path in tmp_path.rglob("*.safetensors"):
        assert all(t.isfinite().all() for t in load_file(path).values() if t.is_floating_point()), path
    monkeypatch.undo()
    assert Run(course("resnet"), "tiny", tiny, tmp_path, cpu=True).train() == DONE


def test_a_run_that_is_stopped_when_its_numbers_blew_up_keeps_the_state_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spoilt_within(monkeypatch, 6, an_average)
    assert run("resnet", tmp_path, stop_after=7) == DIVERGED
    found = states.load(tmp_path / "state")
    assert found is not None and found[0] == 5 and "the state before it is kept" in caplog.text


def test_a_metric_that_is_never_finite_leaves_no_best_weights_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from train import loop

    monkeypatch.setattr(loop, "validate", lambda *_, **__: {"accuracy": float("nan")})
    assert run("resnet", tmp_path) == DIVERGED
    assert "accuracy was finite in no evaluation" in caplog.text and not (tmp_path / "best").exists()


def test_a_weight_that_the_published_precision_cannot_hold_is_told_and_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def huge(run: Run) -> None:
        for network in (run.model, run.published):
            next(network.parameters()).data.view(-1)[0] = 1e6

    spoilt_within(monkeypatch, 19, huge)
    code = main(["resnet", "--preset", "tiny", "--keep", "last", "--cpu", "--no-measure", "--out", str(tmp_path)])
    assert code == DIVERGED and "is not finite in float16" in caplog.text
    assert not list((tmp_path / "checkpoint").rglob("*.safetensors"))


def test_a_run_that_no_longer_improves_ends_early(tmp_path: Path) -> None:
    still = replace(preset("vae", "tiny"), steps=100, evaluate_every=5, patience=3, metric="duplicates", save_every=50)
    assert Run(course("vae"), "tiny", still, tmp_path, cpu=True).train() == 0
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1] == {"step": 20, "event": "early stop"}
    again = Run(course("vae"), "tiny", still, tmp_path, cpu=True)
    assert again.train() == 0 and again.progress["step"] == 20, "the same command does not go on"


def test_a_timeline_has_its_snapshots_and_curves(tmp_path: Path) -> None:
    assert timeline.moments(7000, 16)[:4] == [0, 31, 124, 280] and timeline.moments(7000, 16)[-1] == 7000
    assert timeline.moments(20, 0) == [] and len(timeline.moments(3, 16)) == 4
    made = Run(course("gpt"), "tiny", preset("gpt", "tiny"), tmp_path, cpu=True)
    assert made.train() == 0
    snapshots = sorted(path.name for path in (tmp_path / "timeline").iterdir())
    assert snapshots == ["00000000.txt", "00000002.txt", "00000009.txt", "00000020.txt"]
    timeline.publish(tmp_path, tmp_path / "shown", steps=20, metric="loss", better="lower")
    shown = json.loads((tmp_path / "shown" / "curves.json").read_text())
    assert [step for step, _ in shown["curves"]["loss"]] == [5, 10, 15, 20]
    assert [step for step, _ in shown["curves"]["validation/loss"]] == [10, 20]
    assert sorted(path.name for path in (tmp_path / "shown").iterdir()) == [*snapshots, "curves.json"]


@pytest.mark.parametrize(("keep", "kept"), [("best", 5), ("last", 20)])
def test_the_weights_of_the_best_evaluation_are_kept_or_those_of_the_last(
    keep: Literal["best", "last"], kept: int, tmp_path: Path
) -> None:
    still = replace(preset("vae", "tiny"), steps=20, evaluate_every=5, metric="duplicates", keep=keep)
    run = Run(course("vae"), "tiny", still, tmp_path, cpu=True)
    assert run.train() == DONE and run.progress["best_step"] == kept
    weights = load_file(tmp_path / "best" / "model.safetensors")
    same = [torch.equal(tensor, weights[name]) for name, tensor in run.published.state_dict().items()]
    assert all(same) == (keep == "last")


def test_one_begins_from_a_checkpoint_and_keeps_it_where_nothing_improves(tmp_path: Path) -> None:
    whole = command("vae", "--preset", "tiny", "--out", str(tmp_path / "base"), "--no-measure")
    assert subprocess.run(whole, cwd=ROOT, env=ENVIRONMENT, timeout=200).returncode == 0
    base = tmp_path / "base" / "checkpoint" / "vae.tiny"
    tuned = command("--from", str(base), "--preset", "tiny", "--learning-rate", "0.1", "--out", str(tmp_path / "tuned"))
    done = subprocess.run(
        [*tuned, "--no-measure"], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    recipe = json.loads((tmp_path / "tuned" / "checkpoint" / "vae.tiny" / "recipe.json").read_text())
    assert recipe["best_step"] == 0 and recipe["from"]["name"] == "vae.tiny"
    assert recipe["command"] == "python -m train vae --preset tiny --from vae.tiny --learning-rate 0.1"
    weights = [path / "model.safetensors" for path in (base, tmp_path / "tuned" / "checkpoint" / "vae.tiny")]
    for key, tensor in load_file(weights[0]).items():
        assert torch.equal(tensor, load_file(weights[1])[key]), key
    wider = [*tuned, "--width", "8", "--fresh"]
    done = subprocess.run(wider, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 2 and "do not fit this config" in done.stderr and "--adapt" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["vea"], "perhaps you meant 'vae'?"),
        (["vae", "--preset", "minst"], "perhaps you meant 'mnist'?"),
        (["vae", "--preset", "tiny", "--batch-size", "0"], "batch_size is 0; it must be at least 1"),
        (["vae", "--preset", "tiny", "--batch-size", "100000"], "a batch of 100000 needs as many"),
        (["gpt", "--preset", "tiny", "--num-heads", "3"], "must be a multiple of num_heads (3)"),
        (["vae", "--preset", "tiny", "--learning-rat", "1"], "--learning-rate"),
        (["vae", "--preset", "tiny", "--learning-rate", "fast"], "fast"),
        (["vae", "--preset", "tiny", "--dataset", "mnits"], "perhaps you meant 'mnist'?"),
        (["vae", "--preset", "tiny", "--patience", "-1"], "patience is -1; it must be at least 0"),
        (["vae", "--from", "dcgan.mnist"], "dcgan.mnist is a dcgan, not a vae"),
    ],
)
def test_wrong_arguments_say_what_exists(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = subprocess.run(
        command(*arguments, "--out", str(tmp_path)),
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert words in " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_missing_data_say_where_to_get_them(tmp_path: Path) -> None:
    done = subprocess.run(
        command("vae", "--preset", "tiny", "--no-sample", "--out", str(tmp_path)),
        cwd=ROOT, env={**ENVIRONMENT, "ZOO_DATA": str(tmp_path)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (
        done.returncode == 2 and f"ZOO_DATA is {tmp_path}, where mnist/data/train-*.parquet is missing" in done.stderr
    )
