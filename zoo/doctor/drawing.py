"""A finding's evidence as a picture: up to three curves side by side, with the step and the thresholds marked."""

from __future__ import annotations

import io
from functools import cache
from threading import Lock
from typing import Any

from PIL import Image

from zoo.doctor.log import Curve, Log

PANELS = 3
"""Curves in a picture, at most."""
_WIDTH, _HEIGHT, _DPI = 9.0, 3.6, 100
_INK, _ACCENT, _LIMIT = "#334155", "#2563eb", "#dc2626"
_CHINESE = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Noto Sans CJK JP", "PingFang SC", "Hiragino Sans GB",
    "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
)  # fmt: skip
_STEP = {"en": "step", "zh": "步"}
_DIMENSION = {"en": "dimension of the code", "zh": "编码的维度"}
_EMPTY = {"en": "the log has no curve that shows it", "zh": "日志中没有相应曲线"}
_LOCK = Lock()
"""matplotlib's caches of fonts and text layouts are shared between threads."""


@cache
def _chinese_font() -> str | None:
    """A family of this machine that has Chinese characters, or None."""
    from matplotlib import font_manager

    present = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in _CHINESE if name in present), None)


def draw_log(
    log: Log, curves: tuple[str, ...], step: int | None, limits: dict[str, float], title: dict[str, str], language: str
) -> Image.Image:
    """RGB, 900 x 360 pixels. Words are English where no Chinese font is installed; curves that are missing are left
    out, and without any the picture says so.
    """
    with _LOCK:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        family = _chinese_font() if language == "zh" else None
        language = language if family else "en"
        text: dict[str, Any] = {"fontfamily": family} if family else {}
        shown = [name for name in curves if name in log.curves or name in log.lists][:PANELS]
        figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=_DPI, layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        figure.suptitle(title[language], color=_INK, fontsize=12, **text)
        if not shown:
            figure.text(0.5, 0.45, _EMPTY[language], ha="center", color=_INK, fontsize=10, **text)
        for place, name in enumerate(shown, 1):
            axes = figure.add_subplot(1, len(shown), place)
            axes.set_title(name, fontsize=9, color=_INK)
            axes.tick_params(labelsize=8, colors=_INK)
            axes.grid(alpha=0.25)
            if name in log.lists:
                _bars(axes, log.lists[name][1])
                axes.set_xlabel(_DIMENSION[language], fontsize=9, color=_INK, **text)
                continue
            _line(axes, log.curves[name], limits.get(name))
            axes.set_xlabel(_STEP[language], fontsize=9, color=_INK, **text)
            axes.set_xlim(0, 1.02 * max(1, log.step))
            if step is not None:
                axes.axvline(step, color=_LIMIT, linewidth=1, linestyle=":")
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=_DPI)
    return Image.open(stream).convert("RGB")


def _bars(axes: Any, values: list[float]) -> None:
    axes.bar(range(1, len(values) + 1), values, color=_ACCENT)
    axes.set_ylim(0, max(0.1, 1.05 * max(values, default=0.0)))  # a tenth of a nat is little: no zoom into nothing
    axes.xaxis.get_major_locator().set_params(integer=True)


def _line(axes: Any, curve: Curve, limit: float | None) -> None:
    """One curve and its threshold; over more than two decades the axis is logarithmic."""
    axes.plot(curve.steps, curve.values, color=_ACCENT, linewidth=1.4, marker="." if len(curve.steps) < 40 else None)
    positive = [value for value in (*curve.values, *([limit] if limit is not None else [])) if value > 0]
    if limit is not None:
        axes.axhline(limit, color=_LIMIT, linewidth=1, linestyle="--")
    if positive and max(positive) > 100 * min(positive):
        axes.set_yscale(
            "log" if min(curve.values) > 0 else "symlog",
            **({} if min(curve.values) > 0 else {"linthresh": min(positive)}),
        )
