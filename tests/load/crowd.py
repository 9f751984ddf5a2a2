"""Rows R15 and R17: a flood of sessions while ten wait, and as many visitors at once as a small machine can serve."""

from __future__ import annotations

import asyncio
import os
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.rows import Found
from tests.load.mix import LIGHT, MIX, wish
from tests.load.server import usage
from tests.load.visitor import Answer, App, Refused, Visitor, app_at
from tests.serving import Served, served
from zoo.ui.guard import SLOTS

_SOON = 2.0
"""Seconds within which a newcomer is served, and anyone is told how long it will take."""
_SHARE = 1.25
"""How much longer than users times mean service time the 95th percentile may be."""
_THINKS = (0.5, 2.0)
"""Seconds between a result and the next wish."""
_LANGUAGES = ("en", "zh-CN")
_WHEN = {"en": re.compile(r"\d+ (seconds?|minutes?)"), "zh-CN": re.compile(r"\d+ ?(秒|分钟)")}
_CHINESE = re.compile(r"[一-鿿]")


def flood(folder: Path, rng: random.Random, *, sessions: int, waiting: int) -> Found:
    """Sessions that open, join and vanish in every way, while `waiting` visitors wait for their results."""
    with served(folder) as server:
        return asyncio.run(_flood(server, rng, sessions, waiting))


async def _flood(server: Served, rng: random.Random, sessions: int, waiting: int) -> Found:
    app, failures = app_at(server.url), []
    for name in ("write_text", LIGHT):
        failures += [f"before the flood, {name}: {one.error}" for one in [await Visitor(app).call(name)] if one.error]
    long = [{"_length": 400, "_seed": rng.randrange(1000)} for _ in range(waiting)]
    kept = [asyncio.create_task(Visitor(app).call("write_text", given, 300)) for given in long]
    await asyncio.sleep(0.5)  # they stand in line
    pages: list[float] = []
    over = asyncio.Event()
    newcomers = asyncio.create_task(_newcomers(app, over, pages))
    begun = time.monotonic()
    how: Counter[str] = Counter()
    gate = asyncio.Semaphore(40)
    await asyncio.gather(*(_passer_by(app, number, gate, how) for number in range(sessions)))
    flooded = time.monotonic() - begun
    page = await _timed_page(app)
    light = await Visitor(app).call(LIGHT, within=60)
    late = asyncio.create_task(Visitor(app).call("write_text", {"_length": 50}, 300))
    over.set()
    await newcomers
    answers = await asyncio.gather(*kept)
    done = [answer for answer in answers if not answer.error and answer.output and answer.output[0]]
    failures += [
        f"one of the {waiting} who waited, after {one.seconds:.1f} s: {one.error or one.output}"
        for one in answers if one not in done
    ]  # fmt: skip
    slowest = max([*pages, page])
    if slowest > _SOON:
        failures.append(f"a newcomer's page took {slowest:.2f} s")
    if light.error or light.seconds > _SOON:
        failures.append(f"a newcomer's light call took {light.seconds:.2f} s: {light.error}")
    heavy = await late
    if heavy.error:
        failures.append(f"a newcomer's text after {heavy.seconds:.2f} s: {heavy.error}")
    if server.process.poll() is not None:
        failures.append(f"the server ended with {server.process.poll()}")
    figure = (
        f"{len(done)} of {waiting} finish beside {sessions} sessions; a newcomer's page in {slowest:.2f} s at most,"
        f" a light call in {light.seconds:.2f} s"
    )
    details = {
        "sessions": dict(how), "flood, seconds": round(flooded, 1), "pages asked for meanwhile": len(pages),
        "waited, seconds": sorted(round(one.seconds, 1) for one in answers),
        "a newcomer's text, seconds": round(heavy.seconds, 1), "load average": os.getloadavg()[0],
    }  # fmt: skip
    return Found(figure, failures, details)


async def _newcomers(app: App, over: asyncio.Event, pages: list[float]) -> None:
    while not over.is_set():
        pages.append(await _timed_page(app))
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), 1.0)


async def _timed_page(app: App) -> float:
    begun = time.monotonic()
    try:
        return await asyncio.wait_for(Visitor(app).page(), 60)
    except (TimeoutError, OSError, Refused, asyncio.IncompleteReadError):
        return max(60.0, time.monotonic() - begun)


async def _passer_by(app: App, number: int, gate: asyncio.Semaphore, how: Counter[str]) -> None:
    """One session of the flood. It leaves in one of four ways, in turn."""
    way = ("without listening", "after a word", "before the answer", "after the page")[number % 4]
    async with gate:
        visitor = Visitor(app, _LANGUAGES[number % 2])
        try:
            if way == "after the page":
                await visitor.page()
            elif way == "before the answer":
                joining = asyncio.create_task(visitor.join("write_text"))
                await asyncio.sleep(0.02)
                visitor.vanish()
                with suppress(OSError, asyncio.IncompleteReadError, Refused):
                    await joining
            else:
                await visitor.join("write_text")
                if way == "after a word":
                    async with aclosing(visitor.listen()) as messages:
                        await anext(messages)
            how[way] += 1
        except Refused as refused:
            how[f"refused with {refused.status}"] += 1
        except (OSError, asyncio.IncompleteReadError) as error:
            how[f"cut: {type(error).__name__}"] += 1
        finally:
            visitor.vanish()


def users(
    folder: Path, rng: random.Random, *, users: int, seconds: int, crowd: int, kinds: int = len(MIX)
) -> Found:
    """`users` visitors with mixed wishes for `seconds`; then `crowd` visitors in the same moment."""
    with served(folder) as server:
        return asyncio.run(_users(server, rng, users, seconds, crowd, kinds))


async def _users(server: Served, rng: random.Random, users: int, seconds: int, crowd: int, kinds: int) -> Found:
    app = app_at(server.url)
    alone = [await Visitor(app).call(one.endpoint, one.inputs(app, rng)) for one in 2 * MIX[:kinds]]
    failures = [f"alone, {one.endpoint}: {one.error}" for one in alone if one.error]
    before, begun = usage(server.process.pid), time.monotonic()
    ends = begun + seconds
    tasks = [one_user(app, random.Random(rng.random()), ends, kinds, number) for number in range(users)]
    answers = [answer for found in await asyncio.gather(*tasks) for answer in found]
    lasted, after = time.monotonic() - begun, usage(server.process.pid)
    good = [one for one in answers if not one.error]
    failures += [f"{one.endpoint} after {one.seconds:.1f} s: {one.error}" for one in answers if one.error][:50]
    service = float(np.mean([one.served for one in good])) if good else float("nan")
    p50, p95 = np.percentile([one.seconds for one in good], (50, 95)) if good else (float("nan"),) * 2
    allowed = _SHARE * users * service / SLOTS
    if not p95 <= allowed:
        failures.append(
            f"p95 is {p95:.1f} s; allowed are {_SHARE} x {users} x {service:.2f} s / {SLOTS} = {allowed:.1f} s"
        )
    told = await _crowd(app, crowd) if crowd else {}
    failures += told.pop("failures", [])
    errors = sum(bool(one.error) for one in answers)
    figure = f"{len(good)} calls, {errors} errors; p95 {p95:.1f} s, allowed {allowed:.1f} s (service {service:.2f} s)"
    if crowd:
        figure += f"; of {crowd} at once each was told in {told['slowest, seconds']} s, {told['refused']} to come back"
    details = {
        "tabs": _by_tab(good), "p50, seconds": round(float(p50), 2), "refused": sum(one.refused for one in answers),
        "errors": dict(Counter(one.error for one in answers if one.error).most_common(10)),
        "served a minute": round(60 * len(good) / lasted, 1),
        "mean service alone, seconds": _expected(alone[kinds:], good),
        "told while waiting": _told(good), "crowd": told,
        "cores busy": round((after.cpu_seconds - before.cpu_seconds) / lasted, 2),
        "megabytes": [round(before.megabytes), round(after.megabytes)], "load average": os.getloadavg()[0],
    }  # fmt: skip
    return Found(figure, failures, details)


async def one_user(
    app: App, rng: random.Random, ends: float, kinds: int, number: int, *, page: bool = False, within: float = 600.0
) -> list[Answer]:
    """A visitor who asks (for the `page` first), waits for the result `within` seconds, thinks, and asks again."""
    visitor, answers = Visitor(app, _LANGUAGES[number % 2]), []
    await asyncio.sleep(rng.uniform(0, 1))
    if page:
        try:
            await visitor.page()
        except Refused as refused:
            answers.append(Answer("the page", error=f"{refused.status}: {refused.words}", refused=True))
    while time.monotonic() < ends:
        one = wish(rng, kinds)
        answers.append(await visitor.call(one.endpoint, one.inputs(app, rng), within))
        await asyncio.sleep(rng.uniform(*_THINKS))
    return answers


def _by_tab(answers: Sequence[Answer]) -> dict[str, Any]:
    tabs = {one.endpoint: one.tab for one in MIX}
    table = {}
    for tab in dict.fromkeys(tabs.values()):
        found = [one for one in answers if tabs[one.endpoint] == tab]
        if found:
            p50, p95 = np.percentile([one.seconds for one in found], (50, 95))
            own = float(np.mean([one.served for one in found]))
            table[tab] = {
                "calls": len(found), "p50": round(float(p50), 1), "p95": round(float(p95), 1), "service": round(own, 2)
            }  # fmt: skip
    return table


def _expected(alone: Sequence[Answer], answers: Sequence[Answer]) -> float:
    """The mean of what each call would have taken with nobody else there."""
    own = {one.endpoint: one.seconds for one in alone}
    return round(float(np.mean([own[one.endpoint] for one in answers])), 2) if answers else 0.0


def _told(answers: Sequence[Answer]) -> dict[str, Any]:
    """How far the waiting visitors were told where they stand, and how far what they were told came true."""
    waited = [one for one in answers if one.begun and one.begun > _SOON]
    first = [(one, one.told[0]) for one in waited if one.told]
    wrong = [told[3] / (one.seconds - told[0]) for one, told in first if told[3] and one.seconds > told[0]]
    return {
        "waited 2 s and more": len(waited), "told a position": len(first),
        "told an expected wait": sum(told[3] is not None for _, told in first),
        "median of expected to true wait": round(float(np.median(wrong)), 2) if wrong else None,
    }  # fmt: skip


async def _crowd(app: App, crowd: int) -> dict[str, Any]:
    """Everyone joins in the same moment; each must be told at once, in words or by a place in the line, when."""
    found = await asyncio.gather(*(_joiner(app, number) for number in range(crowd)))
    failures = [failure for _, _, failure in found if failure]
    refusals = Counter(words for words, _, _ in found if words)
    return {
        "refused": refusals.total(), "given a place": crowd - refusals.total(),
        "refused in the words": dict(refusals.most_common(4)),
        "slowest, seconds": round(max(seconds for _, seconds, _ in found), 2), "failures": failures[:20],
    }  # fmt: skip


async def _joiner(app: App, number: int) -> tuple[str, float, str]:
    """The words of a refusal, if it was one; the seconds until it was said; and what was wrong."""
    language = _LANGUAGES[number % 2]
    visitor, begun = Visitor(app, language), time.monotonic()
    words, wrong = "", ""
    try:
        async with asyncio.timeout(60):
            await visitor.join("write_text")
            async with aclosing(visitor.listen()) as messages:
                async for message in messages:
                    if message["msg"] == "process_starts":
                        break
                    if message["msg"] == "estimation":
                        if message["rank_eta"] is None:
                            wrong = f"place {message['rank'] + 1}, but no expected wait"
                        break
    except Refused as refused:
        words = refused.words
        if not _WHEN[language].search(words) or bool(_CHINESE.search(words)) != (language == "zh-CN"):
            wrong = f"refused with {refused.status} in {language}, and not when to come back: {words}"
    except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
        wrong = f"told nothing: {error!r}"
    seconds = time.monotonic() - begun
    await asyncio.sleep(2)  # nobody makes room before all are told
    visitor.vanish()
    if seconds > _SOON and not wrong:
        wrong = f"visitor {number} was told after {seconds:.2f} s"
    return words, seconds, wrong
