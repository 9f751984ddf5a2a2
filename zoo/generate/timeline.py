"""How a model was trained: the snapshots and the curves of a checkpoint's `timeline/`, read and drawn.

`timeline/` holds snapshots named by their step, all of one kind (`00000000.webp`, `.txt` or `.flac`), and
`curves.json`: {"steps", "metric", "better", "curves": {name: [[step, value], ...]}}, names as in a run's log. It may
come from a stranger, so sizes are capped, and what is drawn holds escaped names and numbers only.
"""

from __future__ import annotations

import hashlib
import html
import math
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image

from zoo.checkpoint import CheckpointError, read_json
from zoo.data.media import read_audio, read_picture
from zoo.generate import library
from zoo.generate.audio import spectrogram
from zoo.generate.inputs import InputError, clean, whole

SUFFIXES = (".webp", ".txt", ".flac")
"""Kinds of snapshots: pictures, texts and sounds."""
MAX_SNAPSHOTS = 32
MAX_CURVES, MAX_POINTS = 64, 2_000
MAX_TEXT_BYTES = 100_000
MAX_KEPT = 1_000
"""Pictures and sounds that stay on disk; the oldest goes first."""
PICTURE_SIZE = (560, 700)
"""Pixels that a picture is enlarged towards: every pixel of it becomes a square of whole pixels."""
LOG_FROM = 8.0
"""Curves whose largest value is so many times their smallest are drawn on a logarithmic scale."""
SHARES = frozenset(("accuracy", "judge agreement"))
"""Figures that are shares of 1."""

MAX_DRAWN = 400
"""Points of a curve that are drawn."""
SPARSE = 30
"""Curves of fewer points show each of them."""

_TINY = 1e-30
"""What is smaller is 0 to a drawing."""
_writing = threading.Lock()
Curve = tuple[tuple[int, float], ...]
"""Points (step, value) by ascending step, finite."""


@dataclass(frozen=True)
class Timeline:
    """The course of one training. `snapshots` are (step, file) in order; `size` is the folder's bytes."""

    name: str
    steps: int
    metric: str
    better: str
    snapshots: tuple[tuple[int, Path], ...]
    curves: dict[str, Curve]
    size: int


@dataclass(frozen=True)
class Moment:
    """One snapshot: a text, a picture (PNG), or a sound (WAV) and its spectrogram (PNG), as files in `folder()`."""

    step: int
    text: str = ""
    picture: Path | None = None
    sound: Path | None = None
    spectrogram: Path | None = None


@dataclass(frozen=True)
class Panel:
    """Curves that share an axis: their labels and points, the point that is marked as the best, and the unit."""

    caption: str
    lines: tuple[tuple[str, Curve], ...]
    best: tuple[int, float] | None = None
    share: bool = False
    """Whether the values are shares of 1, shown in per cent."""
    limit: float | None = None
    """A threshold, drawn across."""

    @property
    def values(self) -> list[float]:
        """All that the axis must reach."""
        return [value for _, curve in self.lines for _, value in curve] + ([] if self.limit is None else [self.limit])

    @property
    def logarithmic(self) -> bool:
        """Whether the values are positive and so far apart that a linear axis would hide the smaller ones."""
        return bool(self.values) and min(self.values) > _TINY and max(self.values) > LOG_FROM * min(self.values)


def choices() -> list[str]:
    """Names of the checkpoints that have a timeline. Nothing is loaded but names."""
    by_task = library.choices_by_task()
    tasks = sorted(by_task, key=lambda task: "classification" in task)  # judges come last
    names = dict.fromkeys(name for task in tasks for name in by_task[task])
    return [name for name in names if (library.folder_of(name) / "timeline" / "curves.json").is_file()]


def read(model: str) -> Timeline:
    """The timeline of a choice. Raises InputError when it has none, or one that is damaged."""
    folder = library.folder_of(model) / "timeline"
    name = model.strip()
    if not (folder / "curves.json").is_file():
        known = ", ".join(choices()) or "none yet"
        raise InputError(f"{name} has no timeline of its training; those that have one: {known}")
    try:
        values = read_json(folder / "curves.json")
        files = sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES and p.stem.isdecimal() and len(p.stem) < 16)
        sizes = sum(path.stat().st_size for path in (*files, folder / "curves.json"))
    except (CheckpointError, OSError) as error:
        raise InputError(f"the timeline of {name} is damaged: {error}") from error
    if not 1 <= len(files) <= MAX_SNAPSHOTS or len({path.suffix for path in files}) > 1:
        raise InputError(
            f"the timeline of {name} is damaged: it has {len(files)} snapshots; "
            f"1 to {MAX_SNAPSHOTS} of one kind ({', '.join(SUFFIXES)}) are allowed"
        )
    snapshots = tuple((int(path.stem), path) for path in files)
    curves = curves_of(values.get("curves"))
    steps = values.get("steps")
    last = max([snapshots[-1][0], *(curve[-1][0] for curve in curves.values())])
    return Timeline(
        name, steps if type(steps) is int and last < steps < 10**12 else last, str(values.get("metric"))[:60],
        "higher" if values.get("better") == "higher" else "lower", snapshots, curves, sizes,
    )  # fmt: skip


def curves_of(values: Any) -> dict[str, Curve]:
    """Curves from parsed JSON: those points that are a step and a finite number, and no others."""
    found = {}
    for name, points in list(values.items())[:MAX_CURVES] if isinstance(values, dict) else ():
        kept = sorted(_points(points))
        if kept:
            found[clean(str(name))[:60]] = tuple(kept)
    return found


def _points(points: Any) -> Iterable[tuple[int, float]]:
    for point in points[:MAX_POINTS] if isinstance(points, list) else ():
        if not (isinstance(point, list) and len(point) == 2):
            continue
        step, value = point
        finite = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30  # NaN is not
        if finite and type(step) is int and 0 <= step < 10**12:
            yield step, float(value)


@cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="zoo-timelines-")  # removed when the process ends


def folder() -> Path:
    """Where the pictures and sounds of moments lie, each made when it is first asked for."""
    return Path(_temporary().name)


def moment(found: Timeline, number: int) -> Moment:
    """Snapshot `number` of a timeline, 1 for the first. Raises InputError for one that is not there or is damaged."""
    number = whole(f"the moment of {found.name}", number, 1, len(found.snapshots))
    step, path = found.snapshots[number - 1]
    try:
        if path.suffix == ".txt":
            with open(path, "rb") as file:
                return Moment(step, clean(file.read(MAX_TEXT_BYTES).decode("utf-8", errors="replace")))
        state = path.stat()
        key = hashlib.sha256(f"{path} {state.st_mtime_ns} {state.st_size}".encode()).hexdigest()[:24]
        stem = folder() / f"{key}-{step:08d}"
        if path.suffix == ".webp":
            picture = stem.with_suffix(".png")
            if not picture.exists():
                _write(picture, lambda partial: _enlarged(read_picture(path)).save(partial, "PNG"))
            return Moment(step, picture=picture)
        return _heard(step, path, stem)
    except (InputError, OSError) as error:
        raise InputError(f"the snapshot of step {step:,} of {found.name} is damaged: {error}") from error


def _heard(step: int, path: Path, stem: Path) -> Moment:
    sound, picture = stem.with_suffix(".wav"), stem.with_suffix(".png")
    if not picture.exists() or not sound.exists():
        import soundfile

        waveform, rate = read_audio(path)
        _write(sound, lambda partial: soundfile.write(partial, waveform, rate, subtype="PCM_16", format="WAV"))
        _write(picture, lambda partial: spectrogram(waveform, rate).save(partial, "PNG"))
    return Moment(step, sound=sound, spectrogram=picture)


def _write(path: Path, save: Callable[[Path], object]) -> None:
    """Let `save` write the file, whole or not at all; the oldest files make room for the newest."""
    with _writing:
        partial = path.with_suffix(".partial")
        save(partial)
        os.replace(partial, path)
        old = sorted(path.parent.iterdir(), key=lambda file: file.stat().st_mtime)
        for file in old[:-MAX_KEPT]:
            file.unlink()


def _enlarged(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    scale = max(1, min(PICTURE_SIZE[0] // width, PICTURE_SIZE[1] // height))
    return picture.resize((width * scale, height * scale), Image.Resampling.NEAREST)


def best_of(curve: Curve, better: str) -> tuple[int, float]:
    """The first of a curve's best points; `better` is "higher" or "lower"."""
    sign = -1 if better == "higher" else 1
    return min(curve, key=lambda point: (sign * point[1], point[0]))


def thinned(curve: Curve) -> Curve:
    """About `MAX_DRAWN` points at most, that look the same: of each stretch the lowest and highest, and both ends."""
    if len(curve) <= MAX_DRAWN:
        return curve
    long = -(-2 * len(curve) // MAX_DRAWN)
    kept = {curve[0], curve[-1]}
    for start in range(0, len(curve), long):
        part = curve[start : start + long]
        kept |= {min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])}
    return tuple(sorted(kept))


def value_at(curve: Curve, step: int) -> float | None:
    """The curve's last value at or before `step`; None before its first point."""
    earlier = [value for at, value in curve if at <= step]
    return earlier[-1] if earlier else None


# The drawing: an SVG whose colours and fonts are the page's (style.css), so that it follows light and dark.
_WIDTH, _HEIGHT = 380, 154
_LEFT, _TOP, _BOTTOM = 46, 8, 24
_LABELS = 88
"""Pixels to the right of the plot for the names of several lines."""


def draw_curves(panels: Sequence[Panel], *, step: int | None, last: int) -> str:
    """Panels -> HTML, one figure each, over the same axis of steps: 0 to `last` by square root, as snapshots lie.

    `step` is marked by an upright line, with a dot on each curve; None marks nothing.
    """
    right = _LABELS if any(len(panel.lines) > 1 for panel in panels) else 16
    return "".join(_figure(panel, step, max(1, last), right) for panel in panels if panel.lines)


def _figure(panel: Panel, step: int | None, last: int, right: int) -> str:
    log = panel.logarithmic
    low, high = _span(min(panel.values), max(panel.values), log)
    across, down = _WIDTH - _LEFT - right, _HEIGHT - _TOP - _BOTTOM

    def x(at: float) -> float:
        return _LEFT + across * math.sqrt(min(max(at, 0) / last, 1))

    def y(value: float) -> float:
        share = math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low)
        return _TOP + down * (1 - share)

    parts = []
    for value in _log_ticks(low, high) if log else _ticks(low, high):
        parts.append(f'<path class="grid" d="M{_LEFT} {y(value):.1f}h{across}"/>')
        words = f"{_exact(100 * value)} %" if panel.share else _exact(value)
        parts.append(f'<text class="tick" x="{_LEFT - 7}" y="{y(value) + 4:.1f}" text-anchor="end">{words}</text>')
    for at in _step_ticks(last):
        parts.append(f'<text class="tick" x="{x(at):.1f}" y="{_HEIGHT - 7}" text-anchor="middle">{short(at)}</text>')
    if panel.limit is not None:
        parts.append(f'<path class="limit" d="M{_LEFT} {y(panel.limit):.1f}h{across}"/>')
    if step is not None:
        parts.append(f'<path class="mark" d="M{x(step):.1f} {_TOP - 4}V{_HEIGHT - _BOTTOM}"/>')
    for i, (_, curve) in enumerate(panel.lines):
        path = "L".join(f"{x(at):.1f} {y(value):.1f}" for at, value in thinned(curve))
        parts.append(f'<path class="line line-{i % 4}" d="M{path}"/>')
        if len(curve) < SPARSE:
            dots = (f'<circle class="dot-{i % 4}" cx="{x(at):.1f}" cy="{y(v):.1f}" r="2"/>' for at, v in curve)
            parts.extend(dots)
    if panel.best:
        parts.append(f'<circle class="best" cx="{x(panel.best[0]):.1f}" cy="{y(panel.best[1]):.1f}" r="5.5"/>')
    for i, (_, curve) in enumerate(panel.lines):
        now = None if step is None else value_at(curve, step)
        if now is not None and step is not None:
            parts.append(f'<circle class="dot dot-{i % 4}" cx="{x(step):.1f}" cy="{y(now):.1f}" r="3.2"/>')
    if len(panel.lines) > 1:
        ends = _apart([y(curve[-1][1]) for _, curve in panel.lines], 14, _TOP + down)
        for i, ((label, _), end) in enumerate(zip(panel.lines, ends, strict=True)):
            name = html.escape(label[:16])
            parts.append(f'<text class="name name-{i % 4}" x="{_WIDTH - right + 8}" y="{end + 4:.1f}">{name}</text>')
    return _drawing(panel.caption, parts)


def framed(figures: str, axis: str) -> str:
    """Figures that share an axis, over the words that say what it is."""
    return f'<div class="zoo-curves">{figures}<p>{html.escape(axis)}</p></div>'


def draw_bars(caption: str, values: Sequence[float]) -> str:
    """Values from 0 up -> HTML: a figure of bars, numbered from 1."""
    across, down = _WIDTH - _LEFT - 16, _HEIGHT - _TOP - _BOTTOM
    high = 1.06 * max(values) if max(values) > _TINY else 1.0
    wide = across / len(values)
    parts = []
    for value in _ticks(0.0, high):
        y = _TOP + down * (1 - value / high)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}h{across}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{_exact(value)}</text>')
    for i, value in enumerate(values):
        tall = max(0.7, down * max(0.0, value) / high)
        place = f'x="{_LEFT + i * wide:.1f}" y="{_TOP + down - tall:.1f}"'
        parts.append(f'<rect class="dot-0" {place} width="{0.8 * wide:.1f}" height="{tall:.1f}"/>')
    for i in sorted({0, len(values) // 2, len(values) - 1}):
        at = _LEFT + (i + 0.4) * wide
        parts.append(f'<text class="tick" x="{at:.1f}" y="{_HEIGHT - 7}" text-anchor="middle">{i + 1}</text>')
    return _drawing(caption, parts)


def _drawing(caption: str, parts: Sequence[str]) -> str:
    words = html.escape(caption)
    return (
        f'<figure><figcaption>{words}</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{words}">{"".join(parts)}</svg></figure>'
    )


def _span(low: float, high: float, log: bool) -> tuple[float, float]:
    """The ends of an axis, a little beyond the values."""
    if log:
        room = (high / low) ** 0.06
        return low / room, high * room
    room = max(0.06 * (high - low), 1e-9 * abs(high))
    return (low - room, high + room) if room > _TINY else (low - 1.0, high + 1.0)


def _ticks(low: float, high: float) -> list[float]:
    """Two to five round values in a linear span."""
    rough = (high - low) / 4
    unit = 10.0 ** math.floor(math.log10(rough))
    apart = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough)
    return [n * apart for n in range(math.ceil(low / apart), math.floor(high / apart) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Up to six round values in a logarithmic span: powers of ten where there are enough, else 1, 2 and 5 of each."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5)):
        found = [digit * 10.0**power for power in powers for digit in digits if low <= digit * 10.0**power <= high]
        if len(found) >= 3:
            break
    return found[:: -(-len(found) // 6)]


def _step_ticks(last: int) -> list[int]:
    """Steps at about even distances on an axis by square root: rounded to one digit, but for the last."""
    found = [0, last]
    for share in (0.25, 0.5, 0.75):
        at = share * share * last
        unit = 10 ** max(0, math.floor(math.log10(at))) if at >= 1 else 1
        found.append(round(at / unit) * unit)
    ticks = sorted(set(found))
    return [at for at, after in pairwise(ticks) if math.sqrt(after / last) - math.sqrt(at / last) > 0.1] + [last]


def _apart(places: Sequence[float], gap: float, high: float) -> list[float]:
    """The places, in their order, moved so that neighbours are `gap` apart and none lies beyond `high`."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + gap)
    for i in reversed(order):
        moved[i] = min(moved[i], high)
        high = moved[i] - gap
    return moved


def _exact(tick: float) -> str:
    """A tick, which is round: to four digits, so that 237.5 is not 238."""
    return f"{tick:.4g}" if 0.001 <= abs(tick) < 1000 else short(tick)


def amount(name: str, value: float) -> str:
    """The value of figure `name` as people read it: shares in per cent, the others in few characters."""
    return f"{100 * value:.1f} %" if name in SHARES else short(value)


def short(value: float) -> str:
    """A number in few characters: 0.038, 1.52, 85.1, 7,000, 120k."""
    if value == 0:
        return "0"
    if abs(value) >= 100_000:
        return f"{value / 1000:,.0f}k" if abs(value) < 1e9 else f"{value:.2g}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.1g}"
