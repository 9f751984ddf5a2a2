"""Pads to draw on, and pictures to paint over: what a click takes from them goes to a handler unseen."""

from __future__ import annotations

from typing import Any

import gradio as gr

from zoo.data.media import read_picture
from zoo.generate.library import InputError
from zoo.ui.strings import say, text


def drawn(path: str | None) -> Any:
    """The picture at `path`. Raises InputError when nothing was drawn."""
    if not path:
        raise InputError(say("nothing_drawn"))
    return read_picture(path)


def pad(elem_id: str, label: str, *, brush: int = 20) -> tuple[gr.Sketchpad, gr.Image]:
    """A square white pad with one round brush, and the unseen picture that a click takes from it (`TAKE`).

    The pad itself is no input of a handler: gradio would send it again with every step of every generator.
    """
    picture = _unseen(f"{elem_id}_taken")
    sketch = gr.Sketchpad(
        label=text(label), show_label=False, type="filepath", image_mode="RGBA", format="png", canvas_size=(320, 320),
        fixed_canvas=True, layers=False, transforms=(), buttons=[], height=340, elem_id=elem_id, elem_classes="zoo-pad",
        brush=gr.Brush(default_size=brush, colors=["#1b1a17"], color_mode="fixed"), eraser=gr.Eraser(default_size=24),
    )  # fmt: skip
    return sketch, picture


def editor(elem_id: str, label: str) -> tuple[gr.ImageEditor, gr.Image, gr.Image]:
    """A picture that is uploaded and painted over, and what a click takes from it unseen (`TAKE_PARTS`): the picture,
    and the marks alone."""
    canvas = gr.ImageEditor(
        label=text(label), show_label=False, type="filepath", image_mode="RGBA", format="png", canvas_size=(320, 320),
        sources=["upload", "clipboard"], layers=False, transforms=(), buttons=[], height=340, elem_id=elem_id,
        elem_classes="zoo-pad", eraser=gr.Eraser(default_size=24),
        brush=gr.Brush(default_size=24, colors=["#b0402d"], color_mode="fixed"),
    )  # fmt: skip
    return canvas, _unseen(f"{elem_id}_taken"), _unseen(f"{elem_id}_marks")


def _unseen(elem_id: str) -> gr.Image:
    return gr.Image(type="filepath", image_mode=None, format="png", visible="hidden", elem_id=elem_id)


TAKE = "(value) => value?.composite ?? null"
"""JavaScript: the pad's value -> its picture."""
TAKE_PARTS = "(value) => [value?.background ?? null, value?.layers?.[0] ?? null]"
"""JavaScript: the editor's value -> the picture under the marks, and the marks."""

# gradio's pad opens with no tool in hand; whoever opens it wants to draw.
_TAKE_BRUSH = """() => {
  let tries = 0;
  const timer = setInterval(() => {
    const brush = document.querySelector('#%s:not([data-ready]) button[aria-label="Brush"]');
    if (brush) { brush.closest(".zoo-pad").dataset.ready = "yes"; brush.click(); }
    if (brush || ++tries > 40) clearInterval(timer);
  }, 100);
}"""


def take_brush(tab: gr.Tab, pad_id: str) -> None:
    """Put the brush into the visitor's hand when `tab` is opened."""
    tab.select(None, js=_TAKE_BRUSH % pad_id)
