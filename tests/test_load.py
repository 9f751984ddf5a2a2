"""What visitors are told who wait, for whom there is no room, who ask too often, or who have left."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
from load.visitor import Answer, App, Refused, Visitor, app_at
from playwright.async_api import async_playwright, expect
from serving import ROOT, served
from test_browser import FLAGS, WAIT, chromium

LONG = {"_length": 1000, "_seed": 1}
WHEN = {
    "en": r"others are waiting.* about \d+ (seconds|minutes)",
    "zh-CN": r"前面还有 \d+ 人在等，大约要 \d+ (秒|分钟)",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app whose line is short, on a machine where a token takes a hundredth of a second."""
    first = """import time
from zoo.engine.graphs import Graphs
from zoo.ui import guard, line
guard.SLOTS = 1
step = Graphs.step
Graphs.step = lambda self, ids, state: (time.sleep(0.01), step(self, ids, state))[1]
line.MAX_LINE = 3"""
    with served(tmp_path_factory.mktemp("app"), first=first) as running:
        yield app_at(running.url)


async def _line(app: App, others: int) -> tuple[list[Visitor], list[asyncio.Task[None]]]:
    """As many visitors as were asked for, the first of them served, with what listens for them."""
    visitors, listening = [Visitor(app) for _ in range(others)], []
    for number, visitor in enumerate(visitors):
        await visitor.join("write_text", LONG)
        begun = asyncio.Event()
        listening.append(asyncio.create_task(_listen(visitor, begun)))
        if number == 0:
            await begun.wait()
    return visitors, listening


async def _listen(visitor: Visitor, begun: asyncio.Event) -> None:
    with suppress(OSError, asyncio.IncompleteReadError):
        async with aclosing(visitor.listen()) as messages:
            async for message in messages:
                if message["msg"] == "process_generating":
                    begun.set()


async def _leave(visitors: list[Visitor], listening: list[asyncio.Task[None]]) -> None:
    for visitor in visitors:
        visitor.vanish()
    await asyncio.gather(*listening)


@pytest.mark.parametrize("language", WHEN)
def test_a_visitor_for_whom_there_is_no_room_is_told_when_to_come_back(app: App, language: str) -> None:
    async def full() -> tuple[Refused, Answer]:
        visitors, listening = await _line(app, 4)
        with pytest.raises(Refused) as refused:
            await Visitor(app, language).join("write_text")
        light = await Visitor(app, language).call("list_models", within=20)
        await _leave(visitors, listening)
        return refused.value, light

    refused, light = asyncio.run(full())
    assert re.search(WHEN[language], refused.words), refused.words
    assert int(refused.retry_after) > 0
    assert light.output and not light.error, "what only reads is not refused because others compute"


def test_the_page_shows_to_whom_there_is_no_room_when_to_come_back(app: App) -> None:
    async def shown() -> None:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
            page = await browser.new_page(locale="zh-CN")
            await page.goto(app.url)
            write = page.get_by_role("button", name="写", exact=True)
            await expect(write).to_be_visible(timeout=WAIT)
            visitors, listening = await _line(app, 4)
            await write.click()
            toast = page.get_by_test_id("toast-body")
            await expect(toast).to_contain_text(re.compile(WHEN["zh-CN"]), timeout=WAIT)
            await _leave(visitors, listening)
            await expect(write).to_be_enabled(timeout=WAIT)
            await browser.close()

    asyncio.run(shown())


def test_a_visitor_is_told_the_place_and_the_wait_behind_a_button_that_was_never_pressed(app: App) -> None:
    async def waiting() -> dict[str, Any]:
        visitors, listening = await _line(app, 2)
        last = Visitor(app)
        await last.join("compose_poem")
        async with aclosing(last.listen()) as messages:
            said = await anext(messages)
        await _leave(visitors, listening)
        return said

    said = asyncio.run(waiting())
    assert said["msg"] == "estimation" and said["rank"] == 1 and said["queue_size"] == 2 and said["rank_eta"] > 0


def test_nothing_is_computed_for_those_who_left_without_a_word(app: App) -> None:
    async def after() -> Answer:
        visitors, listening = await _line(app, 1)
        for _ in range(2):
            await Visitor(app).join("write_text", LONG)
        last = asyncio.create_task(Visitor(app).call("write_text", {"_length": 2}, 60))
        await asyncio.sleep(7)
        await _leave(visitors, listening)
        return await last

    answer = asyncio.run(after())
    assert answer.output and answer.seconds < 11, answer.seconds


def test_those_who_never_listened_make_room_when_the_line_is_full(app: App) -> None:
    async def after() -> tuple[str, Answer]:
        visitors, listening = await _line(app, 2)  # one is served, one waits and listens
        for _ in range(2):
            await Visitor(app).join("write_text", LONG)
        with pytest.raises(Refused) as refused:
            await Visitor(app).join("write_text")
        await asyncio.sleep(2.2)
        last = asyncio.create_task(Visitor(app).call("write_text", {"_length": 2}, 60))
        await asyncio.sleep(0.5)
        await _leave(visitors[:1], listening[:1])
        await asyncio.sleep(0.5)
        assert not listening[1].done(), "who listens stays"
        await _leave(visitors[1:], listening[1:])
        return refused.value.words, await last

    words, answer = asyncio.run(after())
    assert "others are waiting" in words
    assert answer.output and not answer.error and not answer.refused


def test_who_asks_too_often_is_told_so_on_the_page() -> None:
    from zoo.ui.gate import BURST, WAIT, Gate

    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def last(query: bytes) -> str:
        gate, body = Gate(nothing), b""

        async def send(message: Any) -> None:
            nonlocal body
            body = message.get("body", b"")

        path = "/gradio_api/queue/join"
        scope = {"type": "http", "method": "POST", "path": path, "headers": [], "client": ("a", 1)}
        for _ in range(int(BURST) + 1):
            await gate({**scope, "query_string": query}, None, send)  # type: ignore[arg-type]
        return str(json.loads(body)["detail"])

    assert f"wait {WAIT} seconds" in asyncio.run(last(b""))
    assert f"请等 {WAIT} 秒" in asyncio.run(last(b"lang=zh-CN"))


def test_a_new_session_copies_nothing_of_the_page() -> None:
    code = """
from zoo.ui.shell import build
from gradio import state_holder
page = build()
session = state_holder.SessionState(page)
assert len(page.blocks) > 500 and not session.config_values
number = next(iter(page.blocks))
session._update_value_in_config(number, 7)
assert session[number] is page.blocks[number] and session.config_values.keys() == {number}
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


def test_a_flood_of_visitors_shares_one_page_and_each_address_has_its_own() -> None:
    from zoo.ui.gate import KEEP, Gate

    written: list[bytes] = []

    async def writes(scope: Any, receive: Any, send: Any) -> None:
        host = dict(scope["headers"])[b"host"]
        written.append(host)
        await asyncio.sleep(0.05)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<head>" + host + scope["query_string"]})

    async def ask(gate: Gate, host: bytes, query: bytes = b"") -> bytes:
        bodies: list[bytes] = []

        async def send(message: Any) -> None:
            bodies.append(message.get("body", b""))

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", host)], "query_string": query}
        await gate(scope, None, send)  # type: ignore[arg-type]
        return bodies[-1]

    async def flood() -> None:
        gate = Gate(writes)
        pages = await asyncio.gather(*(ask(gate, b"a.example", b"deep_link=%d" % one) for one in range(50)))
        assert written == [b"a.example"] and len(set(pages)) == 1 and pages[0].endswith(b"</script>a.example")
        assert (await ask(gate, b"b.example")).endswith(b"b.example")
        await asyncio.sleep(KEEP + 0.1)
        await ask(gate, b"a.example")
        assert written == [b"a.example", b"b.example", b"a.example"]

    asyncio.run(flood())


def test_the_row_of_memory_sees_a_leak_of_a_tenth_and_a_file_left_open() -> None:
    from load.memory import _growth, _moved
    from load.server import Usage

    for leak, files, words in (
        (0.0, 0, []),
        (0.1, 0, ["from the first quarter", "along its slope"]),
        (0.0, 1, ["files grew from 20 to 60"]),
    ):
        samples = [Usage(500 * (1 + leak * one / 40) + one % 3, 20 + files * one, 30, 0.0) for one in range(41)]
        found = _moved(samples, *_growth([one.megabytes for one in samples]))
        assert len(found) == len(words) and all(word in said for word, said in zip(words, found, strict=True)), found


def test_the_row_of_leaving_sees_two_at_once(tmp_path: Path) -> None:
    from load.server import Turns

    turns = Turns(tmp_path / "turns")
    turns.path.write_text('[1.0, 1, "a"]\n[2.0, -1, "a"]\n[3.0, 1, "b"]\n[3.5, 1, "c"]\n[4.0, -1, "b"]\n')
    assert turns.most() == 2 and turns.computing() == 1


def test_the_expected_wait_forgets_a_first_run_that_opened_the_model() -> None:
    from types import SimpleNamespace

    from zoo.ui.line import _Times

    times, function = _Times(), SimpleNamespace(fn=len)
    assert function in times and times[function].avg_time == 1.0
    for seconds in (30.0, *[0.5] * 16):
        times[function].add(seconds)
    assert 0.5 < times[SimpleNamespace(fn=len)].avg_time < 1.0
