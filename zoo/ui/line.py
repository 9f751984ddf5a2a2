"""The line in which visitors wait: gradio's queue, minded.

gradio refuses a visitor for whom there is no room with words of its own, knows no expected wait behind a button that
was never pressed, computes for those who have left without a word, stands still for a twentieth of a second at each new
session, tabulates after each call what nobody reads, and under a flood forgets sessions, a message to one of which
would end the queue for all. Each is put right here, where gradio calls its queue.
"""

from __future__ import annotations

import math
import time
from types import SimpleNamespace
from typing import Any

import gradio as gr
from fastapi import HTTPException
from gradio import state_holder
from gradio.context import LocalContext
from gradio.queueing import ProcessTime
from gradio.server_messages import ProcessCompletedMessage

from zoo import runtime
from zoo.ui.strings import say

MAX_LINE = 128
"""Visitors who may wait for the machine, and, apart from them, for what only reads; the next one is told to come back.
With a second each, which is what most pages take on two cores, the last one waits two minutes."""
PATIENCE = 6.0
"""Seconds of waiting after which a visitor who never read where they stand is taken to have left."""
SOON = 2.0
"""Seconds in which a page has begun to read; who has not makes room when the line is full."""
_GUESS = 1.0
"""Seconds that a handler takes, as long as it has not run."""


def mind(blocks: gr.Blocks) -> None:
    """Mind the queue of an app. What waits in one part of it (its compute, its lists) takes no room in another."""
    queue: Any = blocks._queue
    queue.max_size = None
    queue.process_time_per_fn = _Times()
    # for a page that the gate has closed: 4 ms of pandas, which raises where a session's name is no Unicode
    queue.compute_analytics_summary = lambda records: queue.cached_event_analytics_summary
    push, deliver, process = queue.push, queue.send_message, queue.process_events

    async def join(body: Any, request: Any, username: str | None) -> Any:
        line = _line_of(queue, body)
        if line is not None and len(line.queue) >= MAX_LINE:
            for event in [event for event in line.queue if _never_listened(queue, event)]:
                await queue.clean_events(event_id=event._id)
        _refuse_excess(queue, line, request)
        runtime.expect(len(queue))
        return await push(body, request, username)

    def send_message(event: Any, message: Any) -> None:
        try:
            deliver(event, message)
        except KeyError:
            event.alive = False

    async def process_events(events: list[Any], *arguments: Any) -> None:
        runtime.expect(len(queue))
        for event in events:
            if time.monotonic() - event.enqueue_time > PATIENCE and _deaf(queue, event):
                LocalContext.request.set(event.request)
                words = {"error": say("nobody_there"), "title": say("error_input"), "visible": True, "duration": 10}
                send_message(event, ProcessCompletedMessage(output=words, title=words["title"], success=False))
                event.alive = False
        await process(events, *arguments)

    queue.push, queue.send_message, queue.process_events = join, send_message, process_events
    state_holder.SessionState = _Session


def occupied(blocks: gr.Blocks) -> bool:
    """Whether anyone waits or is being served."""
    queue: Any = blocks._queue
    return bool(len(queue)) or any(events is not None for events in queue.active_jobs)


def _line_of(queue: Any, body: Any) -> Any:
    """The part of the queue in which a call waits; None for a function that is not there."""
    function = queue.blocks.fns.get(body.fn_index)
    return queue.event_queue_per_concurrency_id.get(function.concurrency_id) if function else None


def _refuse_excess(queue: Any, line: Any, request: Any) -> None:
    """Raise HTTPException, whose detail the page shows, when a line is full.

    It is a 429, for the page has words of its own for a 503.
    """
    if line is None or len(line.queue) < MAX_LINE:
        return
    seconds = sum(queue.process_time_per_fn[event.fn].avg_time for event in line.queue) / (line.concurrency_limit or 1)
    LocalContext.request.set(request)
    words = say("line_full", waiting=len(line.queue), when=_duration(seconds))
    raise HTTPException(429, detail=words, headers={"retry-after": str(math.ceil(seconds))})


def _duration(seconds: float) -> str:
    """In words: tens of seconds, from 90 on minutes."""
    if seconds <= 90:
        return say("seconds", count=max(10, 10 * math.ceil(seconds / 10)))
    return say("minutes", count=math.ceil(seconds / 60))


def _deaf(queue: Any, event: Any) -> bool:
    """Whether nobody reads what is said to the session: its place in the line, when it came and every five seconds."""
    messages = queue.pending_messages_per_session.get(event.session_hash)
    return messages is None or messages.qsize() > 1


def _never_listened(queue: Any, event: Any) -> bool:
    """Whether not even the first word to a session, its place in the line, was read in SOON seconds."""
    messages = queue.pending_messages_per_session.get(event.session_hash)
    return time.monotonic() - event.enqueue_time > SOON and (messages is None or messages.qsize() > 0)


class _Session(state_holder.SessionState):
    """A session without a copy of every component's configuration, which gradio keeps for links into a session.

    The gate has closed those. For each new visitor the copy held the event loop, and all others, for 50 ms.
    """

    def __init__(self, blocks: gr.Blocks) -> None:
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks={}))


class _Lately(ProcessTime):
    """How long a handler takes, by its last few runs: the first one also opens the model."""

    def __init__(self) -> None:
        super().__init__()
        self.avg_time = _GUESS

    def add(self, time: float) -> None:
        """Take in how long it took once more."""
        self.count += 1
        self.avg_time += (time - self.avg_time) / min(self.count, 4)


class _Times(dict[Any, ProcessTime]):
    """How long handlers take, by function; a button whose handler runs behind others too is known by them."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[Any, ProcessTime] = {}

    def __contains__(self, function: object) -> bool:
        return True

    def __getitem__(self, function: Any) -> ProcessTime:
        if function.fn not in self.known:
            self.known[function.fn] = _Lately()
        return self.known[function.fn]
