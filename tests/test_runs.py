"""Uploaded runs: laid into a folder that the doctor reads, or refused with the line that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zoo import doctor
from zoo.generate.inputs import InputError
from zoo.generate.runs import MAX_LINES, MAX_LOG_BYTES, uploaded_run

GOOD = "".join(json.dumps({"step": step, "loss": 2.0 - step / 2000, "gradient_norm": 1.0}) + "\n"
               for step in range(50, 1050, 50))  # fmt: skip


def run(folder: Path, log: str | bytes = GOOD, settings: str | None = None) -> list[str]:
    (folder / "log.jsonl").write_bytes(log if isinstance(log, bytes) else log.encode())
    if settings is None:
        return [str(folder / "log.jsonl")]
    (folder / "run.json").write_text(settings)
    return [str(folder / "run.json"), str(folder / "log.jsonl")]


@pytest.mark.parametrize("settings", [None, '{"samples": 60000, "settings": {"dropout": 0.1, "config": {"width": 8}}}'])
def test_a_good_run_is_read_by_the_doctor_and_gone_afterwards(tmp_path: Path, settings: str | None) -> None:
    with uploaded_run(run(tmp_path, GOOD, settings)) as folder:
        assert doctor.diagnose(folder).healthy
        kept = folder
    assert not kept.exists()


def test_broken_numbers_reach_the_doctor(tmp_path: Path) -> None:
    log = GOOD + '{"step": 1050, "loss": NaN}\n{"step": 1050, "event": "nonfinite", "where": "loss", "batch": [3]}\n'
    with uploaded_run(run(tmp_path, log)) as folder:
        assert "non-finite" in [finding.fault for finding in doctor.examine(folder)]


def test_a_last_line_that_was_cut_short_counts_as_never_written(tmp_path: Path) -> None:
    with uploaded_run(run(tmp_path, GOOD + '{"step": 1050, "lo')) as folder:
        assert len((folder / "log.jsonl").read_text().splitlines()) == len(GOOD.splitlines())


BAD_LOGS = {
    "empty": b"",
    "blank": b"  \n\n",
    "words": b"what a loss\n",
    "a list": b"[1, 2]\n",
    "no step": b'{"loss": 1}\n',
    "a step that is no number": b'{"step": "5"}\n',
    "a step that is negative": b'{"step": -5}\n',
    "a step that is true": b'{"step": true}\n',
    "deep": b'{"step": 1, "x": ' + b"[" * 5_000 + b"\n",
    "an object": b'{"step": 1, "x": {"y": 1}}\n',
    "a list of words": b'{"step": 1, "x": ["y"]}\n',
    "a long word": b'{"step": 1, "x": "' + b"y" * 1_000 + b'"}\n',
    "a huge number": b'{"step": 1, "x": 1' + b"0" * 400 + b"}\n",
    "many figures": json.dumps({"step": 1} | {str(i): i for i in range(200)}).encode(),
    "not UTF-8": b'{"step": 1, "x": "\xff"}\n',
    "bytes": bytes(range(256)),
    "many lines": b'{"step": 1}\n' * (MAX_LINES + 1),
    "too large": b'{"step": 1}\n' + b" " * MAX_LOG_BYTES,
}


@pytest.mark.parametrize("kind", BAD_LOGS)
def test_a_log_that_is_none_is_refused_in_words(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError, match=r"log\.jsonl") as refused, uploaded_run(run(tmp_path, BAD_LOGS[kind])):
        pass
    assert len(str(refused.value)) < 300 and str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize(
    "settings", ["", "[]", "nothing", '{"a": {"b": {"c": {"d": 1}}}}', '{"a": [[1]]}', "{" * 5_000]
)
def test_a_run_json_that_is_none_is_refused_in_words(tmp_path: Path, settings: str) -> None:
    with pytest.raises(InputError, match=r"run\.json"), uploaded_run(run(tmp_path, GOOD, settings)):
        pass


def test_exactly_one_log_and_at_most_one_run_json_are_wanted(tmp_path: Path) -> None:
    log, other = run(tmp_path)[0], tmp_path / "notes.txt"
    other.write_text("x")
    for files in (None, [], [str(other)], [log, log], [log, str(other)], [str(tmp_path / "run.json")]):
        with pytest.raises(InputError, match=r"one log\.jsonl"), uploaded_run(files):
            pass
