"""Trackers: each gets the log's numbers, none asks for a network or a login, and no failing disk ends a run."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from accelerate import Accelerator
from PIL import Image

from train import trackers
from train.recipe import preset
from train.tracking import Journal

ROOT = Path(__file__).parent.parent
TRAIN = """
import os, sys
from dataclasses import replace
from pathlib import Path
from train.loop import Run
from train.recipe import course, preset
recipe = replace(preset("gpt", "tiny"), save_every=15, trackers=sys.argv[2])
run = Run(course("gpt"), "tiny", recipe, Path(sys.argv[1]), cpu=True)
if sys.argv[3] == "killed":  # at step 20, with a state of step 15
    sys.exit(run.train(on_evaluation=lambda step, figures: os._exit(9) if step == 20 else None))
sys.exit(run.train())
"""
JOURNAL = """
import json, logging, resource, sys
from pathlib import Path
from accelerate import Accelerator
from train.recipe import preset
from train.tracking import Journal
logging.basicConfig(level=logging.INFO, format="%(message)s")
folder, names = Path(sys.argv[1]), sys.argv[2].split(",")
accelerator = Accelerator(cpu=True, log_with=names, project_dir=str(folder))
journal = Journal(folder, accelerator, preset("gpt", "tiny"), 0)
def room(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
"""


class Wire:
    """A proxy that counts who would go out and lets nobody."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.asked: list[bytes] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(200))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.getsockname()[1]}"


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.server.close()


@pytest.fixture
def python(wire: Wire, tmp_path: Path) -> Any:
    """Run Python code as someone who has no keys, no settings, and no way out but the wire."""
    secret = ("WANDB_", "TRACKIO_", "HF_", "HUGGING_FACE", "NO_PROXY", "no_proxy")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(secret)}
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), wire.address)
    home = {"HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf"), "TRACKIO_DIR": str(tmp_path / "trackio")}
    alone = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}

    def run(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env={**clean, **proxies, **home, **alone, **environment},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240,
        )  # fmt: skip

    return run


def wandb_records(folder: Path) -> Iterator[Any]:
    """The records of every offline file, oldest first: LevelDB's log format after a head of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    for path in sorted(folder.rglob("*.wandb")):
        data, at, whole = path.read_bytes(), 7, b""
        while at + 7 <= len(data):
            left = 32768 - at % 32768
            if left < 7:
                at += left
                continue
            _, size, kind = struct.unpack_from("<IHB", data, at)
            whole += data[at + 7 : at + 7 + size]
            at += 7 + size
            if kind in (1, 4):  # a whole record, or the last part of one
                yield Record.FromString(whole)
                whole = b""


def wandb_history(folder: Path) -> list[dict[str, Any]]:
    rows = (record.history for record in wandb_records(folder) if record.WhichOneof("record_type") == "history")
    return [{"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in row.item} for row in rows]


def trackio_rows(folder: Path) -> list[tuple[str, int, dict[str, Any]]]:
    with sqlite3.connect(folder / f"{trackers.PROJECT}.db") as database:
        found = database.execute("select run_name, step, metrics from metrics order by id").fetchall()
    return [(name, step, json.loads(metrics)) for name, step, metrics in found]


def tensorboard(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0, "images": 0, "audio": 0})
    return found.Reload()


def logged(folder: Path) -> dict[str, dict[int, float]]:
    """Figure -> step -> value, of the log's numbers."""
    found: dict[str, dict[int, float]] = {}
    for line in (folder / "log.jsonl").read_text().splitlines():
        entry = json.loads(line)
        for name, value in entry.items():
            if name != "step" and type(value) in (int, float) and "event" not in entry:
                found.setdefault(name, {})[entry["step"]] = value
    return found


def test_every_tracker_has_the_log_of_a_killed_and_resumed_run_and_nobody_asks_the_network(
    python: Any, wire: Wire, tmp_path: Path
) -> None:
    folder = tmp_path / "gpt.tiny"
    assert python(TRAIN, str(folder), "tensorboard,wandb,trackio", "killed").returncode == 9
    done = python(TRAIN, str(folder), "tensorboard,wandb,trackio", "resumed")
    assert done.returncode == 0, done.stderr
    assert wire.asked == []

    lines = [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert lines == [5, 10, 10, 15, 20, 20]
    log = logged(folder)
    assert sorted(log["loss"]) == [5, 10, 15, 20] and sorted(log["validation/loss"]) == [10, 20]
    history = wandb_history(folder)
    rows = trackio_rows(tmp_path / "trackio")
    scalars = tensorboard(folder)
    assert set(log) <= set(scalars.Tags()["scalars"])
    for name, points in log.items():
        if name == "samples_per_second":  # differs when a step is repeated
            continue
        for step, value in points.items():
            assert value in [row[name] for row in history if row["_step"] == step and name in row], (name, step)
            assert value in [row[name] for _, at, row in rows if at == step and name in row], (name, step)
        drawn = [(event.step, event.value) for event in scalars.Scalars(name)]
        assert [step for step, _ in drawn] == sorted(points), "a step repeated after a kill is drawn once"
        np.testing.assert_allclose([value for _, value in drawn], [points[step] for step in sorted(points)], rtol=1e-6)

    runs = [record.run for record in wandb_records(folder) if record.WhichOneof("record_type") == "run"]
    assert {(run.project, run.display_name) for run in runs} == {(trackers.PROJECT, "gpt.tiny")}
    assert runs and len({run.run_id for run in runs}) == 1, (
        "the resumed run goes on under its id"
    )  # a kill may leave none of the first
    assert len({name for name, _, _ in rows}) == 1


def test_online_without_a_key_is_refused_and_asks_for_no_login(python: Any, wire: Wire, tmp_path: Path) -> None:
    done = python(JOURNAL, str(tmp_path), "wandb", WANDB_MODE="online")
    assert done.returncode == 1
    assert "set WANDB_API_KEY, or WANDB_MODE=offline" in done.stderr.splitlines()[-1]
    assert wire.asked == []


def test_snapshots_lists_and_events_go_where_they_can_be_shown(python: Any, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "shot.webp", lossless=True)
    (tmp_path / "shot.txt").write_text("to be <or> not\n")
    tone = (8000 * np.sin(np.arange(4000) / 5)).astype(np.int16)
    soundfile.write(tmp_path / "shot.flac", tone, 8000)
    folder = tmp_path / "run"
    folder.mkdir()
    code = f"""{JOURNAL}
for step, suffix in enumerate(("webp", "txt", "flac"), 1):
    journal.show(step, Path({str(tmp_path)!r}) / f"shot.{{suffix}}")
journal.write(4, {{"validation/KL per dimension": [0.5, 0.25], "validation/loss": 1.5, "best": True}})
journal.write(5, {{"event": "nonfinite", "where": "gradient of model.x", "batch": [3, 1], "code": 7}})
journal.close()
"""
    done = python(code, str(folder), "tensorboard,wandb,trackio")
    assert done.returncode == 0, done.stderr

    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert lines == [
        {"step": 4, "validation/KL per dimension": [0.5, 0.25], "validation/loss": 1.5, "best": True},
        {"step": 5, "event": "nonfinite", "where": "gradient of model.x", "batch": [3, 1], "code": 7},
    ]
    drawn = tensorboard(folder)
    assert drawn.Tags()["scalars"] == ["validation/loss"]
    (picture,) = drawn.Images("samples")
    assert (picture.step, picture.width, picture.height) == (1, 30, 20)
    (sound,) = drawn.Audio("samples")
    assert (sound.step, sound.sample_rate, sound.length_frames) == (3, 8000, 4000)
    (text,) = drawn.Tensors("samples/text_summary")
    assert text.step == 2 and b"to be <or> not" in text.tensor_proto.string_val[0]

    history = {row["_step"]: row for row in wandb_history(folder)}
    kinds = [history[step]["samples/_type"] for step in (1, 2, 3)]
    assert kinds == ["image-file", "html-file", "audio-file"]
    media = folder.glob("wandb/offline-run-*/files")
    (files,) = media
    with Image.open(files / history[1]["samples/path"]) as image:
        assert np.array_equal(np.asarray(image.convert("RGB")), pixels)
    assert "to be &lt;or&gt; not" in (files / history[2]["samples/path"]).read_text()
    assert np.array_equal(soundfile.read(files / history[3]["samples/path"], dtype="int16")[0], tone)
    assert history[4]["validation/loss"] == 1.5 and 5 not in history

    rows = {step: row for _, step, row in trackio_rows(tmp_path / "trackio")}
    assert [rows[step]["samples"]["_type"] for step in (1, 2, 3)] == ["trackio.image", "trackio.html", "trackio.audio"]
    assert rows[4] == {"validation/loss": 1.5} and 5 not in rows


def test_lines_wait_for_a_disk_that_takes_no_more(python: Any, tmp_path: Path) -> None:
    code = f"""{JOURNAL}
journal.write(1, {{"loss": 0.5}})
room(30)
for step in range(2, 6):
    journal.write(step, {{"loss": 1 / step}})
print(len(open(journal.path, "rb").read()))
room(resource.RLIM_INFINITY)
journal.write(6, {{"loss": 1 / 6}})
print(open(journal.path).read())
room(0)
journal.write(7, {{"loss": 1 / 7}})
journal.write(8, {{"event": "stopped"}})
print(json.dumps(journal.kept()["waiting"]))
journal.close()
"""
    done = python(code, str(tmp_path), "tensorboard")
    assert done.returncode == 0, done.stderr
    size, *lines, _, waiting = done.stdout.splitlines()
    assert size == "30", "the disk was full in the middle of a line"
    entries = [json.loads(line) for line in lines]
    assert entries == [{"step": step, "loss": 1 / step if step > 1 else 0.5} for step in range(1, 7)]
    assert done.stderr.count("log.jsonl takes no more") == 1
    assert done.stderr.count("tensorboard failed and is told no more") == 1
    assert f"2 line(s) of {tmp_path / 'log.jsonl'} wait in the state" in done.stderr
    left = [json.loads(line) for line in json.loads(waiting).splitlines()]
    assert left == [{"step": 7, "loss": 1 / 7}, {"step": 8, "event": "stopped"}], "the state has the rest"


def test_a_resumed_journal_goes_on_as_if_it_had_not_ended(tmp_path: Path) -> None:
    """A state is saved before its step is evaluated, and between two lines: neither may repeat or lose a line."""

    def journal(folder: Path, step: int, kept: dict[str, Any] | None = None) -> Journal:
        folder.mkdir(exist_ok=True)
        return Journal(folder, Accelerator(cpu=True), preset("gpt", "tiny"), step, kept)

    def steps(written: Journal, first: int, last: int) -> None:
        for step in range(first, last + 1):
            written.step(step, {"loss": 1 / step}, 8, 0.5, 5, None)

    whole = journal(tmp_path / "whole", 0)
    steps(whole, 1, 10)
    whole.write(10, {"validation/loss": 2.5, "best": True})
    steps(whole, 11, 20)
    whole.close()

    killed = journal(tmp_path / "killed", 0)
    steps(killed, 1, 10)
    at_10 = json.loads(json.dumps(killed.kept()))
    killed.write(10, {"validation/loss": 2.5, "best": True})
    killed.write(11, {"event": "stopped"})
    killed.close()
    resumed = journal(tmp_path / "killed", 10, at_10)
    resumed.write(10, {"validation/loss": 2.5, "best": True})
    steps(resumed, 11, 13)
    at_13 = json.loads(json.dumps(resumed.kept()))
    steps(resumed, 14, 17)
    resumed.close()
    resumed = journal(tmp_path / "killed", 13, at_13)
    steps(resumed, 14, 20)
    resumed.close()
    logs = [(tmp_path / name / "log.jsonl").read_bytes() for name in ("whole", "killed")]
    assert logs[0] == logs[1] and logs[0].count(b"\n") == 5
    journal(tmp_path / "killed", 0).close()
    assert (tmp_path / "killed" / "log.jsonl").read_bytes() == b"", "a new run begins a new log"


def test_names_are_checked_before_anything_is_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert trackers.chosen("none") == []
    assert trackers.chosen("tensorboard, wandb,tensorboard") == ["tensorboard", "wandb"]
    with pytest.raises(ValueError, match="no tracker 'wadnb'; perhaps you meant 'wandb'"):
        trackers.chosen("tensorboard,wadnb")
    with pytest.raises(ValueError, match="none stands alone"):
        trackers.chosen("none,wandb")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    with pytest.raises(ValueError, match="wandb is not installed: pip install wandb"):
        trackers.chosen("wandb")
