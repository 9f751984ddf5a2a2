"""Training: resumed runs end in the same bits, two processes learn what one does, and wrong words get right answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from train import state as states
from train.loop import INTERRUPTED, Run
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


@pytest.mark.parametrize("name", registry.names())
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
