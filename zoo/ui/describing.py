"""The page that says what a picture shows, or which digit is drawn, word by word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from zoo.data.media import read_picture
from zoo.entry import CAPTIONING
from zoo.generate import describing as generate
from zoo.generate import library
from zoo.generate.library import InputError
from zoo.ui import files
from zoo.ui.controls import intro, model_picker, run_and_stop, source_line, wire
from zoo.ui.guard import compute, in_turn, integral
from zoo.ui.pad import TAKE, drawn, pad, take_brush
from zoo.ui.strings import say, text
from zoo.ui.tint import tinted

Told = tuple[str, str, str, str]
"""What a handler gives: the words, their tokens as HTML, the source line, and a TXT file."""


@in_turn
def describe_picture(model: str, picture: str | None, language: str, beams: int) -> Iterator[Told]:
    """Say what a picture shows; returns the words, their tokens with their probabilities as HTML, the source with other
    words that were weighed, and a TXT file.

    Parameters:
        model: name of a checkpoint that says what pictures show, as the Models tab lists it
        picture: a picture of any size (PNG, JPEG or WEBP), best of one thing on white
        language: of the words, "en" or "zh"
        beams: captions followed side by side, 1 to 8
    """
    if not picture:
        raise InputError(say("no_picture"))
    seen = read_picture(picture, opaque=False)
    for made in compute(generate.describe_picture, model, seen, language=language, beams=integral(beams)):
        yield _shown(made)


@in_turn
def describe_digit(model: str, picture: str | None, language: str, beams: int) -> Iterator[Told]:
    """Say which digit is drawn; returns the word, its tokens with their probabilities as HTML, the source with other
    words that were weighed, and a TXT file.

    Parameters:
        model: name of a checkpoint that says what pictures show, as the Models tab lists it
        picture: a digit, dark on white (PNG, JPEG or WEBP, at most 4 megapixels)
        language: of the word, "en" or "zh"
        beams: captions followed side by side, 1 to 8
    """
    for made in compute(generate.describe_digit, model, drawn(picture), language=language, beams=integral(beams)):
        yield _shown(made)


def _shown(made: generate.Description) -> Told:
    lines = [made.source.line()]
    if made.others:
        lines.append(say("weighed", others=" · ".join(made.others)))
    return made.text, tinted([made.tokens]), "\n".join(lines), files.text(made)


def captioning(tab: gr.Tab | None) -> None:
    """Put the page into the tab that is open."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("captioning_intro")
            model = model_picker(CAPTIONING, "caption_model")
            languages: list[tuple[Any, str]] = [("English", "en"), ("中文", "zh")]
            language = gr.Radio(languages, value="en", label=text("words_in"), elem_id="caption_language")
            with gr.Tabs(overflow_behavior="wrap", elem_classes="zoo-ways"):
                with gr.Tab(text("upload"), elem_id="tab_caption_upload"):
                    picture = gr.Image(
                        label=text("picture"), type="filepath", image_mode=None, format="png",
                        sources=["upload", "clipboard"], height=260, buttons=[], elem_id="caption_picture",
                        elem_classes="zoo-upload",
                    )  # fmt: skip
                    run, stop = run_and_stop("caption_it", "caption")
                with gr.Tab(text("sketch"), elem_id="tab_caption_sketch") as sketch:
                    canvas, drawing = pad("caption_pad", "drawing")
                    sketch_run, sketch_stop = run_and_stop("caption_it", "caption_digit")
                take_brush(sketch, "caption_pad")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                beams = gr.Slider(1, generate.MAX_BEAMS, 4, step=1, label=text("beams"), elem_id="caption_beams")
        with gr.Column(elem_classes="zoo-results"):
            said = gr.Textbox(
                label=text("text_result"), show_label=False, lines=3, max_lines=6, interactive=False, buttons=["copy"],
                placeholder=text("caption_empty"), elem_id="caption_result", elem_classes="zoo-result zoo-lines",
            )  # fmt: skip
            tokens = gr.HTML(label=text("tokens"), elem_id="caption_tokens", padding=False)
            source = source_line("caption")
            outputs = [said, tokens, source, files.save_button("caption")]
    wire(describe_picture, [model, picture, language, beams], outputs, api_name="describe_picture", run=run, stop=stop)
    wire(
        describe_digit, [model, drawing, language, beams], outputs, api_name="describe_digit", run=sketch_run,
        stop=sketch_stop, first=(canvas, [drawing], TAKE),
    )  # fmt: skip


def offered() -> bool:
    """Whether a checkpoint can fill the page."""
    return bool(library.choices(CAPTIONING))
