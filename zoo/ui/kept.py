"""A click on a sheet keeps the picture that was clicked, with its seed, as long as the page is open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from zoo.generate.library import InputError
from zoo.generate.provenance import look
from zoo.generate.replay import pictures_of
from zoo.ui import files
from zoo.ui.controls import COMPUTE
from zoo.ui.guard import compute, in_turn
from zoo.ui.strings import say, text

MAX_KEPT = 24
"""Pictures that a page keeps; the first one goes first."""


def shelf(sheet: gr.Image, prefix: str) -> gr.Gallery:
    """The pictures that were kept of `sheet`."""
    gr.Markdown(text("kept_pictures"), elem_classes="zoo-caption")
    gallery = gr.Gallery(
        label=text("kept_pictures"), show_label=False, columns=8, fit_columns=False, height="auto",
        object_fit="contain", buttons=["download"], format="png", interactive=False, elem_id=f"{prefix}_kept",
        elem_classes="zoo-gallery zoo-kept",
    )  # fmt: skip
    sheet.select(
        keep, [sheet, gallery], [gallery], api_visibility="private", show_progress="hidden", **COMPUTE
    )
    return gallery


@in_turn
def keep(path: str | None, kept: list[Any] | None, event: gr.SelectData) -> Iterator[list[Any]]:
    """Put the picture of the sheet at `path` that was clicked behind those that are kept."""
    if not path or not isinstance(event.index, list | tuple) or len(event.index) != 2:
        raise InputError(say("no_picture"))
    marked = look(path)
    height, width = marked.payload().shape[:2]
    for made in compute(pictures_of, marked):
        columns = columns_of(len(made.images), width, height)
        rows = -(-len(made.images) // columns)
        x, y = (float(at) for at in event.index)
        number = min(int(y * rows / height), rows - 1) * columns + min(int(x * columns / width), columns - 1)
        if not 0 <= number < len(made.images):
            raise InputError(say("no_picture"))
        record = made.source.record
        said = [record.model, made.labels[number], f"{text_of_seed(record.seed)}", f"#{number + 1}"]
        caption = " · ".join(part for part in said if part)
        new = (files.picture(made.images[number], record, f"picture {number}"), caption)
        yield [*(kept or []), new][-MAX_KEPT:]


def text_of_seed(seed: int | None) -> str:
    """The seed in words, "" where there is none."""
    return "" if seed is None else f"{say('seed')} {seed}"


def columns_of(count: int, width: int, height: int) -> int:
    """Columns of a sheet of `count` square pictures that is so wide and so high."""
    return min(range(1, count + 1), key=lambda columns: abs(width / height - columns / -(-count // columns)))
