"""How far the losses of a run on two processes, or on one, two and one in turn, are from those on one process.

    python tests/bench/world_sizes.py

The tiny preset of every model without dropout, in fp32, twenty steps, on CPUs; one JSON line a model with the largest
relative difference of any step's loss.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from zoo import registry

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1", "CUDA_VISIBLE_DEVICES": ""}


def train(name: str, folder: Path, processes: int, *options: str) -> None:
    """One sitting on so many processes."""
    dropout = ("--dropout", "0") if name in ("gpt", "resnet") else ()
    words = ["-m", "train", name, "--preset", "tiny", "--log-every", "1", "--snapshots", "0", *dropout, *options]
    if processes > 1:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        launcher = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes), "--master_port", str(port)]
        words = [*launcher, *words]
    subprocess.run(
        [sys.executable, *words, "--out", str(folder), "--no-measure"],
        env=ENVIRONMENT, check="--stop-after" not in options, capture_output=True,
    )  # fmt: skip


def losses(folder: Path) -> list[float]:
    """The loss of each step."""
    lines = (json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if "loss" in line]


def difference(found: list[float], expected: list[float]) -> float:
    """The largest relative difference of a step."""
    if len(found) != len(expected):
        raise SystemExit(f"{len(found)} steps were logged, not {len(expected)}")
    return max(abs(a - b) / abs(b) for a, b in zip(found, expected, strict=True))


def main() -> None:
    for name in sys.argv[1:] or registry.names():
        with tempfile.TemporaryDirectory() as base:
            one, two, turns = (Path(base) / which for which in ("one", "two", "turns"))
            train(name, one, 1)
            train(name, two, 2)
            train(name, turns, 1, "--stop-after", "7")
            train(name, turns, 2, "--stop-after", "6")
            train(name, turns, 1)
            expected = losses(one)
            print(json.dumps({
                "name": name, "steps": len(expected), "two processes": difference(losses(two), expected),
                "one, two, one": difference(losses(turns), expected),
            }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
