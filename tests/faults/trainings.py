"""Trainings of a second or more, started as forks of this process, and what has to be equal at their ends.

A fork costs milliseconds where `python -m train` spends seconds importing. The parent imports and computes nothing, so
a child starts from the same state as a new process; the run that all are compared with is a new process. Both look at
fewer pictures and make shorter samples than a training would, which is all that is changed of it.

    python -m tests.faults.trainings ARGUMENTS          is `python -m train ARGUMENTS` with those short looks
"""

from __future__ import annotations

import ctypes
import faulthandler
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.faults import syscalls
from tests.faults.syscalls import Operation
from zoo import registry

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "ACCELERATE_USE_CPU": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pyarrow's allocator would start a thread
}
FIRST = ("dcgan", "vae", "gpt", "wavenet")
"""One adversarial training, and three of a loss of their own."""
NAMES = (*FIRST, *(name for name in registry.names() if name not in FIRST))
"""All trainings."""
OPTIONS = ("--log-every", "5", "--save-every", "7", "--evaluate-every", "12", "--snapshots", "3", "--batch-size", "2")
"""Periods that fall on different steps, so that a state is rarely saved where a line of the log ends."""
PHASES = ("start", "steps", "log", "state", "evaluation", "best", "timeline", "publishing")
_FILES = {"state": "state", "best": "best", "timeline": "timeline", "checkpoint": "publishing", "run.json": "start"}
_FUNCTIONS = (  # innermost first: (file, function) -> phase
    ("state.py", "", "state"),
    ("timeline.py", "", "timeline"),
    ("publish.py", "", "publishing"),
    ("tracking.py", "", "log"),
    ("loop.py", "_keep", "best"),
    ("loop.py", "evaluate", "evaluation"),
    ("loop.py", "step", "steps"),
    ("loop.py", "__init__", "start"),
    ("loop.py", "_begin", "start"),
    ("loop.py", "train", "steps"),
)


def prepare(names: Sequence[str]) -> None:
    """Import all that these trainings import, so that their forks need not."""
    os.environ.update(ENVIRONMENT)
    for module in (
        "pyarrow.dataset", "pyarrow.parquet", "soundfile", "torch._dynamo", "torch.distributed.fsdp",
        "torch.utils.tensorboard", "tyro", "train.__main__", "train.loop", "train.publish",
    ):  # fmt: skip
        importlib.import_module(module)
    from train.recipe import course

    for name in names:
        course(name)
    look_briefly()
    _alone()


def look_briefly() -> None:
    """Let evaluations look at a part of what they look at in a training, and samples be a tenth as long."""
    from zoo import evidence, verify
    from zoo.generate import prose, sheet

    verify.TRAINING = replace(verify.TRAINING, rows=20, likelihoods=20, pictures=100)
    evidence.PICTURES = 100
    whole, sound = prose.continue_text, sheet._sound
    prose.continue_text = lambda *given, count, **settings: whole(*given, count=count // 10, **settings)
    sheet._sound = lambda model, count: sound(model, 1)


def _alone() -> None:
    """Raise RuntimeError when this process has other threads, whose locks a fork would keep for ever."""
    if (threads := len(os.listdir("/proc/self/task"))) != 1:
        raise RuntimeError(f"{threads} threads run; only a process with one can be forked safely")


def arguments(name: str, folder: Path, *options: str) -> list[str]:
    """The command line of a training in `folder`."""
    return [name, "--preset", "tiny", "--cpu", "--no-measure", "--out", str(folder), *OPTIONS, *options]


def phase_of(operation: Operation) -> str:
    """What a training does when it asks for this change of a file."""
    first = operation.path.split("/")[0]
    return _FILES.get(first) or next((phase for name, phase in _FILES.items() if first.startswith(f".{name}.")), "log")


@dataclass
class Ended:
    """How a process ended: its exit code (negative: the signal), what it said, the operations that it asked for."""

    code: int
    said: str
    seconds: float
    operations: list[Operation] = field(default_factory=list)
    where: str = ""
    """The phase in which a signal met it."""
    waited: float = 0.0
    """Seconds from the signal to the end."""


class Training:
    """A forked child that trains in `folder`; killed with its parent. `spoil` is called in it before it begins."""

    def __init__(
        self, name: str, folder: Path, *options: str, watched: bool = False, spoil: Callable[[], None] | None = None,
        said: str = ".said",
    ) -> None:  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.told = folder.with_name(folder.name + said)
        self.stack = folder.with_name(folder.name + ".stack")
        mine, theirs = socket.socketpair()
        _alone()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            mine.close()
            self._child(arguments(name, folder, *options), theirs, watched, spoil)
        theirs.close()
        mine.recv(1)  # it has begun: a signal meets the training, not a process that is not one yet
        self.channel, self.begun = mine, time.monotonic()
        self.descriptor = os.pidfd_open(self.pid)

    def _child(
        self, given: list[str], channel: socket.socket, watched: bool, spoil: Callable[[], None] | None
    ) -> None:
        """Train, and never return."""
        code = 1
        try:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            os.setpgid(0, 0)  # the terminal's Ctrl-C is the driver's
            said = os.open(self.told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1)
            os.dup2(said, 2)
            stack = open(self.stack, "w")  # noqa: SIM115  closed by the end of the process
            faulthandler.register(signal.SIGUSR1, file=stack, all_threads=False)
            from train.__main__ import main

            if spoil is not None:
                spoil()
            channel.send(b"!")
            if watched:
                syscalls.send_listener(channel)
            code = main(given)
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        except KeyboardInterrupt:
            traceback.print_exc()
            code = 130
        except BaseException:  # noqa: BLE001  printed as the interpreter would print it
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def ended(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds; whether the child has ended."""
        return bool(select.select([self.descriptor], [], [], timeout)[0])

    def where(self) -> str:
        """The phase that the child is in, by its Python stack."""
        signal.pidfd_send_signal(self.descriptor, signal.SIGUSR1)
        deadline = time.monotonic() + 0.05
        while time.monotonic() < deadline and not self.stack.stat().st_size:
            time.sleep(0.0001)
        for line in self.stack.read_text().splitlines():
            for file, function, phase in _FUNCTIONS:
                if f"train/{file}" in line and line.endswith(f" in {function}" if function else ""):
                    return phase
        return "start"

    def finish(self, operations: list[Operation], where: str = "", since: float | None = None) -> Ended:
        """Wait for the end."""
        self.ended(600)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.descriptor)
        self.channel.close()
        now = time.monotonic()
        said = self.told.read_text(errors="replace")
        code = os.waitstatus_to_exitcode(status)
        return Ended(code, said, now - self.begun, operations, where, 0.0 if since is None else now - since)


def undisturbed(name: str, folder: Path, *options: str, spoil: Callable[[], None] | None = None) -> Ended:
    """Train to the end; `spoil` may change what this process trains with."""
    return Training(name, folder, *options, spoil=spoil).finish([])


def watched(name: str, folder: Path, decide: Callable[[Operation], int]) -> Ended:
    """Train with each operation put before `decide` (0, or the errno to answer with)."""
    training, operations = Training(name, folder, watched=True), []

    def ask(operation: Operation) -> int:
        operations.append(operation)
        return decide(operation)

    syscalls.watch(training.channel, folder, ask)
    return training.finish(operations)


def signalled_at(name: str, folder: Path, number: signal.Signals, moment: float) -> Ended:
    """Train and send a signal after `moment` seconds, if it has not ended by then."""
    training = Training(name, folder)
    if training.ended(moment):
        return training.finish([])
    where = training.where()
    signal.pidfd_send_signal(training.descriptor, number)
    return training.finish([], where, time.monotonic())


def signalled_before(name: str, folder: Path, number: signal.Signals, operation: int, delay: float = 0.0) -> Ended:
    """Train and send a signal when the operation of this number (from 0) is asked for, or `delay` seconds later.

    Under a SIGKILL without delay the operation does not happen.
    """
    training, operations, sent = Training(name, folder, watched=True), [], []

    def send(*_: object) -> None:
        signal.pidfd_send_signal(training.descriptor, number)
        sent.append(time.monotonic())

    def decide(found: Operation) -> int:
        operations.append(found)
        if len(operations) == operation + 1:
            if delay:
                signal.setitimer(signal.ITIMER_REAL, delay)
            else:
                send()
        return 0

    before = signal.signal(signal.SIGALRM, send)
    try:
        syscalls.watch(training.channel, folder, decide)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    where = phase_of(operations[operation]) if sent else ""
    return training.finish(operations, where, sent[0] if sent else None)


def fresh(module: str, name: str, folder: Path, *options: str) -> subprocess.Popen[str]:
    """A new process of a training: `module` is "train", or this one for short looks."""
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments(name, folder, *options)],
        cwd=ROOT, env={**os.environ, **ENVIRONMENT}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def reference(name: str, folder: Path, module: str = "tests.faults.trainings") -> dict[str, Any]:
    """What a run that nothing happened to leaves, from a new process. Raises RuntimeError when it fails."""
    process = fresh(module, name, folder)
    said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{name}: exit code {process.returncode}\n{said}")
    return left_by(folder)


def progress_of(folder: Path) -> dict[str, Any]:
    """What the last state says of a run. Raises ValueError where there is none."""
    from train import state as states

    newest = states.load(folder / "state")
    if newest is None:
        raise ValueError(f"{folder} has no whole state")
    progress: dict[str, Any] = newest[1]["progress"]
    return progress


def left_by(folder: Path) -> dict[str, Any]:
    """All that must be equal at the end of two runs: name -> value or sha256."""
    from train import state as states
    from zoo.checkpoint import sha256_of

    newest = states.load(folder / "state")
    if newest is None:
        return {"state": None}
    step, state = newest
    tensors: dict[str, Any] = {}
    states.flatten({part: value for part, value in state.items() if part != "progress"}, "", tensors)
    progress = _timeless(state["progress"])
    del progress["journal"]["size"]  # of the log, in which speeds are written
    found: dict[str, Any] = {"state/step": step, "state/progress": progress}
    for name, tensor in tensors.items():
        found[f"state{name}"] = (str(tensor.dtype), tuple(tensor.shape), tensor.numpy().tobytes())
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if not path.is_file() or name.startswith(("state/", "tensorboard/")):
            continue
        if path.suffix in (".json", ".jsonl"):
            lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
            found[name] = [_timeless(line) for line in map(json.loads, lines) if _lasting(line)]
        else:
            found[name] = sha256_of(path)
    return found


_TIMED = {"seconds", "cpu_seconds", "samples_per_second", "wall_seconds", "finished", "git_commit", "command"}


def _timeless(value: Any) -> Any:
    """JSON without what depends on the clock, on the run's folder or on the commit."""
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in _TIMED}
    if isinstance(value, list):
        return [_timeless(item) for item in value]
    return value


def _lasting(line: dict[str, Any]) -> bool:
    """Whether a line of the log says something of the training, not of its interruptions."""
    return line.get("event") not in ("stopped", "resumed")


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Names that differ or that only one has."""
    return sorted(k for k in expected.keys() | found.keys() if expected.get(k, ...) != found.get(k, ...))


def discard(folder: Path) -> None:
    """Remove a run and what it said."""
    shutil.rmtree(folder, ignore_errors=True)
    for suffix in (".said", ".stack"):
        folder.with_name(folder.name + suffix).unlink(missing_ok=True)


if __name__ == "__main__":
    from train.__main__ import main

    look_briefly()
    sys.exit(main())
