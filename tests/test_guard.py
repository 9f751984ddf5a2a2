"""The guard's turn: what a computation says on the way, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from zoo.ui import guard
from zoo.ui.guard import in_turn


def test_steps_that_bring_nothing_new_are_passed_on_only_as_often_as_somebody_may_have_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(guard.time, "monotonic", lambda: now)

    @in_turn
    def work() -> Iterator[tuple[Any, Any]]:
        nonlocal now
        for _ in range(50):
            now += guard.BREATH / 10
            yield gr.skip(), gr.skip()
        yield "half", gr.skip()
        yield "whole", {"not": "an update"}

    said = list(work())
    assert said[-2:] == [("half", gr.skip()), ("whole", {"not": "an update"})]
    assert said[:-2] == [(gr.skip(), gr.skip())] * 5


def test_a_computation_that_is_left_ends_at_the_next_breath(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BREATH", 0.0)
    closed = []

    @in_turn
    def work() -> Iterator[Any]:
        try:
            while True:
                yield gr.skip()
        finally:
            closed.append(True)

    results: Any = work()
    next(results)
    results.close()
    assert closed and guard._turn.acquire(blocking=False)
    guard._turn.release()
