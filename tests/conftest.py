"""Fixtures that several files of tests ask for."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_dialogues
import tiny_zoo
import torch
from accelerate.state import AcceleratorState

from zoo.generate import library

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so a shell starts what it runs behind, and children inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
if "PYTEST_XDIST_WORKER" in os.environ:  # beside another: a thread each, for what they start too
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def one_seed() -> None:
    """Each test draws the same numbers whichever ran before it, in whichever process."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def nothing_added() -> Iterator[None]:
    """What a test adds to the bundled checkpoints is not there for the next."""
    yield
    library._added.clear()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Networks this small lose by a second thread, and by much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def alone(one_thread: None) -> Iterator[None]:
    """Seeded, on one thread, with an Accelerate of its own."""
    torch.manual_seed(0)
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="session")
def dialogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tiny checkpoints that read and write dialogue."""
    return tiny_dialogues.make(tmp_path_factory.mktemp("dialogues"))


@pytest.fixture
def dialogue_zoo(dialogues: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Those checkpoints in place of the bundled ones."""
    tiny_zoo.put_in_place(dialogues, monkeypatch)
    return dialogues
