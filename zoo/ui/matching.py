"""Pages between pictures and words: an emoji found by a description, a picture named."""

from __future__ import annotations

import json
from collections.abc import Iterator

import gradio as gr

from zoo.data.media import read_picture
from zoo.entry import IMAGE_TEXT_MATCHING
from zoo.generate import library
from zoo.generate import matching as generate
from zoo.generate.library import InputError
from zoo.ui import files
from zoo.ui.controls import examples, intro, model_picker, run_and_stop, source_line, wire
from zoo.ui.guard import compute, in_turn, integral
from zoo.ui.strings import say, text

Found = tuple[dict[str, float], str, str]
"""What a handler gives: titles with their shares, the source line, and a TXT file."""


@in_turn
def find_emoji(model: str, description: str, top: int) -> Iterator[Found]:
    """Find the emoji that fit a description; returns them with their shares, and a TXT file.

    Parameters:
        model: name of a checkpoint that matches pictures and words, as the Models tab lists it
        description: what the emoji shows, in English or Chinese; at most 300 characters
        top: how many to find, 1 to 50
    """
    for made in compute(generate.find, model, description, top=integral(top)):
        yield _shown(made)


@in_turn
def name_picture(model: str, picture: str | None, language: str, top: int) -> Iterator[Found]:
    """Find the names that fit a picture; returns them with their shares, and a TXT file.

    Parameters:
        model: name of a checkpoint that matches pictures and words, as the Models tab lists it
        picture: a picture of any size, best of one thing on white
        language: of the names that it is compared with, "en" or "zh"
        top: how many to find, 1 to 50
    """
    if not picture:
        raise InputError(say("no_picture"))
    for made in compute(
        generate.describe, model, read_picture(picture, opaque=False), language=language, top=integral(top)
    ):
        yield _shown(made)


def _shown(made: generate.Matches) -> Found:
    return {one.title: one.share for one in made.matches}, made.source.line(), files.text(made)


def _result(prefix: str) -> list[gr.components.Component]:
    found = gr.Label(
        num_top_classes=generate.MAX_TOP, label=text("found"), elem_id=f"{prefix}_result", elem_classes="zoo-judged"
    )
    source = source_line(prefix)
    return [found, source, files.save_button(prefix)]


def _how_many(prefix: str) -> gr.Slider:
    return gr.Slider(1, 20, 8, step=1, label=text("how_many"), elem_id=f"{prefix}_top")


def finding(tab: gr.Tab) -> None:
    """The page that finds emoji."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("finding_intro")
            model = model_picker(IMAGE_TEXT_MATCHING, "find_model")
            description = gr.Textbox(
                generate.EXAMPLES[0], label=text("description"), placeholder=text("description_empty"),
                elem_id="find_text",
            )  # fmt: skip
            chips = examples("find", generate.EXAMPLES)
            top = _how_many("find")
            run, stop = run_and_stop("find_it", "find")
        with gr.Column(elem_classes="zoo-results"):
            outputs = _result("find")
    wire(
        find_emoji, [model, description, top], outputs, api_name="find_emoji", run=run, stop=stop, enter=[description],
        fills=[(chip, description, json.dumps(one)) for chip, one in zip(chips, generate.EXAMPLES, strict=True)],
    )  # fmt: skip


def describing(tab: gr.Tab) -> None:
    """The page that names pictures."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("describing_intro")
            model = model_picker(IMAGE_TEXT_MATCHING, "describe_model")
            picture = gr.Image(
                label=text("picture"), type="filepath", image_mode=None, format="png", sources=["upload", "clipboard"],
                height=260, buttons=[], elem_id="describe_picture", elem_classes="zoo-upload",
            )  # fmt: skip
            language = gr.Radio([("English", "en"), ("中文", "zh")], value="en", label=text("names_in"),
                                elem_id="describe_language")  # fmt: skip
            top = _how_many("describe")
            run, stop = run_and_stop("describe_it", "describe")
        with gr.Column(elem_classes="zoo-results"):
            outputs = _result("describe")
    wire(
        name_picture, [model, picture, language, top], outputs, api_name="name_picture", run=run, stop=stop
    )  # fmt: skip


def offered() -> bool:
    """Whether a checkpoint can fill the pages."""
    return bool(library.choices(IMAGE_TEXT_MATCHING))
