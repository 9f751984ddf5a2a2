"""Row R18: the same calls over and over; memory, open files and threads of the server stay where they are."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.rows import Found
from tests.load.server import Usage, usage
from tests.load.visitor import App, Visitor, app_at
from tests.serving import ROOT, served

SMALL: Mapping[str, Mapping[str, Any]] = {
    "list_models": {}, "show_card": {}, "timeline": {}, "diagnose": {},
    "tell_topic": {}, "fill_blanks": {}, "find_emoji": {}, "latent_map": {"_size": 2},
    "draw_images": {"_side": 1}, "write_text": {"_length": 10}, "weigh_text": {}, "pronounce_words": {},
    "slide_code": {}, "mix_styles": {}, "styles_by_class": {}, "interpolate_images": {"_frames": 8},
    "compose_poem": {}, "translate_text": {}, "chat_reply": {}, "hit_drum": {"_instrument": "kick"},
}  # fmt: skip
"""Endpoints with inputs that ask for little; the lightest first."""
_SHARE = 0.05
"""How much the memory may grow after the warm-up."""
_FILES = _THREADS = 8
"""Open files and threads that may be more at the end: connections that are being closed, a pool that was not full."""
_VISITORS = 4
PICTURE = ROOT / "docs" / "memory.svg"


def flat(
    folder: Path, rng: random.Random, *, calls: int, warm: int, endpoints: int, every: int, picture: int = 0
) -> Found:
    """`calls` calls of each of the first `endpoints` after `warm` of each; a sample after every so many calls of all.

    With `picture` the curve is drawn into docs/memory.svg.
    """
    with served(folder) as server:
        return asyncio.run(_flat(server.url, server.process.pid, rng, calls, warm, endpoints, every, picture))


async def _flat(
    url: str, pid: int, rng: random.Random, calls: int, warm: int, endpoints: int, every: int, picture: int
) -> Found:
    app, names = app_at(url), list(SMALL)[:endpoints]
    failures: list[str] = []
    seconds = dict.fromkeys(names, 0.0)
    visitors = [Visitor(app) for _ in range(_VISITORS)]

    async def some(visitor: Visitor, asked: list[str]) -> None:
        while asked:
            name = asked.pop()
            answer = await visitor.call(name, _inputs(app, name, rng), 120)
            seconds[name] += answer.served
            if answer.error:
                failures.append(f"{name}: {answer.error}")

    async def ask(count: int) -> None:
        """`count` calls of each, in a mixed order, by a few visitors at once."""
        asked = names * count
        rng.shuffle(asked)
        await asyncio.gather(*(some(visitor, asked) for visitor in visitors))

    await ask(warm)
    samples = [usage(pid)]
    begun = time.monotonic()
    for _ in range(calls // every):
        await ask(every)
        samples.append(usage(pid))
    lasted = time.monotonic() - begun
    made = calls // every * every * len(names)
    growth, slope = _growth([one.megabytes for one in samples])
    failures = failures[:20] + _moved(samples, growth, slope)
    if picture:
        PICTURE.write_text(curve(samples, made), encoding="utf-8")
    figure = (
        f"{calls} calls of each of {len(names)} endpoints: memory {growth:+.1%} (by its slope {slope:+.1%}),"
        f" files {samples[-1].files - samples[0].files:+d}, threads {samples[-1].threads - samples[0].threads:+d}"
    )
    details = {
        "endpoints": {name: round(1000 * seconds[name] / (calls + warm), 1) for name in names},
        "calls": made, "calls a second": round(made / lasted, 1), "warm-up, calls": warm * len(names),
        "megabytes": [round(one.megabytes, 1) for one in samples], "files": [one.files for one in samples],
        "threads": [one.threads for one in samples], "load average": os.getloadavg()[0],
    }  # fmt: skip
    return Found(figure, failures, details)


def _inputs(app: App, name: str, rng: random.Random) -> dict[str, Any]:
    seeds = {one: rng.randrange(1_000_000) for one in app.endpoints[name].elements if one.endswith("_seed")}
    return {**SMALL[name], **seeds}


def _growth(megabytes: Sequence[float]) -> tuple[float, float]:
    """How much more at the end than at the beginning, as shares: by the medians of the first and the last quarter, and
    by a straight line through all."""
    quarter = max(1, len(megabytes) // 4)
    first, last = float(np.median(megabytes[:quarter])), float(np.median(megabytes[-quarter:]))
    slope, start = np.polyfit(np.arange(len(megabytes)), megabytes, 1)
    return last / first - 1, float(slope) * (len(megabytes) - 1) / float(start)


def _moved(samples: Sequence[Usage], growth: float, slope: float) -> list[str]:
    found = [
        f"memory grew by {share:.1%} {how}: {[round(one.megabytes, 1) for one in samples]}"
        for share, how in ((growth, "from the first quarter to the last"), (slope, "along its slope"))
        if share > _SHARE
    ]
    for kind, allowed in (("files", _FILES), ("threads", _THREADS)):
        counts = [getattr(one, kind) for one in samples]
        if counts[-1] > counts[0] + allowed:
            found.append(f"{kind} grew from {counts[0]} to {counts[-1]}: {counts}")
    return found


def curve(samples: Sequence[Usage], calls: int) -> str:
    """The memory over the calls as an SVG picture, from nought, with what is allowed; its numbers within."""
    megabytes = [one.megabytes for one in samples]
    width, height, left, top, bottom = 720, 300, 60, 24, 40
    highest = 1.15 * max(megabytes)
    across, down = (width - left - 16) / (len(megabytes) - 1), (height - top - bottom) / highest

    def at(number: float, value: float) -> str:
        return f"{left + number * across:.1f},{height - bottom - value * down:.1f}"

    points = " ".join(at(number, value) for number, value in enumerate(megabytes))
    allowed = (1 + _SHARE) * megabytes[0]
    limit = f"{at(0, allowed)} {at(len(megabytes) - 1, allowed)}"
    lines = "".join(
        f'<text x="{left - 6}" y="{height - bottom - value * down + 4:.1f}" text-anchor="end">{value:.0f}</text>'
        f'<path d="M{at(0, value)} L{at(len(megabytes) - 1, value)}" stroke="#ddd"/>'
        for value in np.linspace(0, highest // 100 * 100, 5)
    )
    data = json.dumps({"calls": calls, "megabytes": [round(value, 1) for value in megabytes]})
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"
 font-size="12" fill="#333">
<desc>{data}</desc>
<rect width="{width}" height="{height}" fill="#fff"/>
{lines}
<polyline points="{limit}" fill="none" stroke="#b33" stroke-dasharray="5 4"/>
<polyline points="{points}" fill="none" stroke="#1f6f8b" stroke-width="2"/>
<text x="{left}" y="14">resident memory of the server, MB; dashed: {_SHARE:.0%} above the end of the warm-up</text>
<text x="{width - 16}" y="{height - 12}" text-anchor="end">after {calls:,} calls</text>
<text x="{left}" y="{height - 12}">0</text>
</svg>
"""
