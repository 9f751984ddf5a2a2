"""Pages of the joint model of digits: any form in and every form out, beside the steps; and its plane to click."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from zoo.data.media import read_audio, read_picture
from zoo.entry import ANY_TO_ANY
from zoo.generate import joint as generate
from zoo.generate import library
from zoo.generate.library import InputError
from zoo.ui import files
from zoo.ui.controls import (
    COMPUTE,
    LIGHT,
    PROGRESS,
    REVEAL,
    examples,
    intro,
    model_picker,
    result_picture,
    run_and_stop,
    seed_and_dice,
    source_line,
    wire,
)
from zoo.ui.guard import compute, in_turn, integral
from zoo.ui.pad import TAKE, pad, take_brush
from zoo.ui.player import player
from zoo.ui.strings import say, text

DIGITS = ("seven", "三")
Side = tuple[Any, Any, Any]
"""Words, picture and sound."""


@in_turn
def join_digits(
    model: str, word: str, picture: str | None, recording: str | None, seed: int, progress: gr.Progress = PROGRESS
) -> Iterator[tuple[Any, ...]]:
    """Turn a digit in any form, or several, or none, into all three, by one joint model and by steps.

    Returns words, picture and sound by the model, the same by steps, and where they came from.

    Parameters:
        model: name of a joint checkpoint, as the Models tab lists it
        word: a digit or its word, such as 7, seven or 七; may be empty
        picture: a drawn digit, dark on white (PNG, JPEG or WEBP, at most 4 megapixels), or none
        recording: a WAV or FLAC file, at most 30 seconds, of one digit said in English, or none
        seed: whole number from 0; the same seed gives the same results
    """
    drawn = read_picture(picture) if picture else None
    said = read_audio(recording) if recording else None
    (what,) = compute(generate.given, word or "", drawn, said)
    (made,) = compute(generate.give, model, what, seed=integral(seed))
    ours, line = _shown(made), made.source.line()
    yield *ours, None, None, None, line
    for step in compute(generate.chain, what, seed=integral(seed)):
        if isinstance(step, float):
            progress(step, desc=say("sampling"))
            yield (gr.skip(),) * 7
            continue
        sheet = files.picture(step.picture.sheet, step.picture.source.record)
        theirs: Side = (f"{step.words} · {step.characters}", sheet, files.sound(step.sound))
        lines = "\n".join((line, step.picture.source.line(), step.sound.source.line()))
        yield *ours, *theirs, lines


@in_turn
def join_at(model: str, x: float, y: float, seed: int) -> Iterator[tuple[Any, Any, Any, str]]:
    """Say what is at a place of a joint model's plane; returns words, picture, sound, and where they came from.

    Parameters:
        model: name of a joint checkpoint, as the Models tab lists it
        x: place from left to right, -4 to 4
        y: place from bottom to top, -4 to 4
        seed: whole number from 0; the same seed gives the same handwriting and voice
    """
    (made,) = compute(generate.at, model, x, y, seed=integral(seed))
    yield *_shown(made), made.source.line()


def _shown(made: generate.Joint) -> Side:
    share = 100 * made.probabilities[made.word]
    words = f"{generate.in_words(made.word)}\n{share:.1f} %"
    return words, files.picture(made.picture, made.source.record), files.sound(made.sound)


def _clicked(path: str | None, event: gr.SelectData) -> tuple[float, float]:
    """Pixels of the map at `path` -> the place that is shown there."""
    if not path or not isinstance(event.index, list | tuple) or len(event.index) != 2:
        raise InputError(say("no_picture"))
    width, height = read_picture(path).size
    across, down = (float(one) for one in event.index)
    return generate.place_on_map(across / width, down / height)


@in_turn
def _map_of(model: str) -> Iterator[str]:
    for made in compute(generate.map_picture, model):
        yield files.picture(made.sheet, made.source.record)


def _matrix(model: str) -> str | None:
    """The coherence that the card of a checkpoint states, as a picture."""
    found = generate.coherence_matrix(library.figures_of(model)) if model else None
    return None if found is None else files.plain(found, 1)


def _side(prefix: str, label: str) -> list[gr.components.Component]:
    """One way's results: words, picture, sound."""
    with gr.Column(min_width=0):
        gr.Markdown(text(label), elem_classes="zoo-intro")
        words = gr.Textbox(
            label=text("in_words"), show_label=False, interactive=False, lines=2, max_lines=2,
            placeholder=text("words_empty"), elem_id=f"{prefix}_words", elem_classes="zoo-words",
        )  # fmt: skip
        picture = result_picture(prefix, "as_picture", name="picture", classes="zoo-cross-picture")
        sound = player(f"{prefix}_sound")
    return [words, picture, sound]


def joining(tab: gr.Tab) -> None:
    """The page of any form in and every form out."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("joint_intro")
            word = gr.Textbox(
                label=text("digit"), placeholder=text("digit_placeholder"), max_lines=1, elem_id="joint_word"
            )
            chips = examples("joint", DIGITS)
            canvas, drawing = pad("joint_pad", "drawing_optional")
            recording = gr.Audio(
                sources=["microphone", "upload"], type="filepath", label=text("recording_optional"), editable=False,
                buttons=[], elem_id="joint_recording", elem_classes="zoo-recorder",
            )  # fmt: skip
            seed, dice = seed_and_dice("joint")
            run, stop = run_and_stop("join", "joint")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                model = model_picker(ANY_TO_ANY, "joint_model")
        with gr.Column(elem_classes="zoo-results"):
            with gr.Row(elem_classes="zoo-pair"):
                ours, theirs = _side("joint", "one_model"), _side("joint_steps", "step_by_step")
            source = source_line("joint")
            with gr.Accordion(text("coherence"), open=False, elem_classes="zoo-advanced"):
                gr.Markdown(text("coherence_intro"), elem_classes="zoo-intro")
                matrix = gr.Image(
                    label=text("coherence"), show_label=False, interactive=False, type="filepath",
                    format="png", buttons=["fullscreen"], elem_id="joint_matrix", elem_classes="zoo-result",
                )  # fmt: skip
    take_brush(tab, "joint_pad")
    for event in (tab.select, model.change):
        event(_matrix, [model], [matrix], api_visibility="private", **LIGHT)
    inputs, outputs = [model, word, drawing, recording, seed], [*ours, *theirs, source]
    wire(
        join_digits, inputs, outputs, api_name="join_digits", run=run, stop=stop, dice=(seed, dice), enter=[word],
        fills=[(chip, word, json.dumps(one)) for chip, one in zip(chips, DIGITS, strict=True)],
        progress=[outputs[4]], first=(canvas, [drawing], TAKE),
    )  # fmt: skip


def plane(tab: gr.Tab) -> None:
    """The page of the shared space."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("plane_intro")
            shown = gr.Image(
                label=text("plane"), show_label=False, interactive=False, type="filepath", format="png", buttons=[],
                elem_id="plane_map", elem_classes="zoo-result",
            )  # fmt: skip
            seed, dice = seed_and_dice("plane")
            run, stop = run_and_stop("show_place", "plane")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                reach = generate.REACH
                x = gr.Slider(-reach, reach, 0, step=0.0001, label=text("place_across"), elem_id="plane_x")
                y = gr.Slider(-reach, reach, 0, step=0.0001, label=text("place_up"), elem_id="plane_y")
                model = model_picker(ANY_TO_ANY, "plane_model")
        with gr.Column(elem_classes="zoo-results"):
            outputs = [*_side("plane", "one_model"), source_line("plane")]
    working: dict[str, Any] = {"api_visibility": "private", **COMPUTE}
    for event in (tab.select, model.change):
        event(_map_of, [model], [shown], **working)
    inputs = [model, x, y, seed]
    wire(join_at, inputs, outputs, api_name="join_at", run=run, stop=stop, dice=(seed, dice))
    clicked = shown.select(_clicked, [shown], [x, y], api_visibility="private", **LIGHT)
    clicked.then(join_at, inputs, outputs, **working)
    shown.select(None, js=REVEAL % "#plane_words")
