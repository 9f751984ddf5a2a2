"""The page that reads English aloud: how each word is pronounced, the spectrogram made of that, and its sound."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from zoo.data.spoken_text import PAUSES
from zoo.entry import TEXT_TO_SPEECH
from zoo.generate import speech as generate
from zoo.generate.translation import ipa
from zoo.ui import files
from zoo.ui.controls import (
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
from zoo.ui.player import player
from zoo.ui.strings import say, text

SENTENCES = ("Please enter your password.", "There are 7 people in this conference.", "Welcome to the zoo of models!")


@in_turn
def read_aloud(
    model: str, given: str, speed: float, seed: int, temperature: float
) -> Iterator[tuple[Any, Any, str, str]]:
    """Read English aloud; returns the sound as a WAV file, its spectrogram, how each word was pronounced as HTML, and
    the models that it came from.

    Parameters:
        model: name of a voice, as the Models tab lists it
        given: English; at most 300 characters
        speed: 0.5 to 2 times as fast as the recordings
        seed: whole number from 0; the same seed gives the same sound
        temperature: 0 to 1, how much noise the spectrogram begins with; less is duller and steadier
    """
    for made in compute(generate.saying, model, given, speed=speed, temperature=temperature, seed=integral(seed)):
        if isinstance(made, float):
            yield (gr.skip(),) * 4
            continue
        picture = files.picture(made.sound.spectrogram, made.sound.source.record, "spectrogram")
        lines = [source.line() for source in made.sources]
        if made.guessed:
            lines.append(say("spelt_out", model=made.sources[0].name))
        yield files.sound(made.sound), picture, pronounced(made), "\n".join(lines)


def pronounced(made: generate.Speech) -> str:
    """HTML: each word with its phonemes in the letters of the IPA above it; those that were guessed are marked."""
    shown = []
    for item, phonemes in made.items:
        if item in PAUSES:
            shown.append(f"<span>{item}</span>")
        else:
            guessed = ' class="zoo-guessed"' if item in made.guessed else ""
            shown.append(f"<ruby{guessed}>{html.escape(item)}<rt>{html.escape(ipa(phonemes))}</rt></ruby>")
    return f'<div class="zoo-said" lang="en">{" ".join(shown)}</div>'


def reading(tab: gr.Blocks | gr.Tab) -> None:
    """Put the page into the tab that is open."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("read_aloud_intro")
            model = model_picker(TEXT_TO_SPEECH, "reading_model")
            given = gr.Textbox(
                SENTENCES[0], label=text("to_say"), placeholder=text("to_say_empty"), lines=2, max_lines=6,
                elem_id="reading_text",
            )  # fmt: skip
            chips = examples("reading", SENTENCES)
            ends = generate.MIN_SPEED, generate.MAX_SPEED
            speed = gr.Slider(*ends, 1, step=0.05, label=text("speech_speed"), elem_id="reading_speed")
            seed, dice = seed_and_dice("reading")
            run, stop = run_and_stop("read_aloud", "reading")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                temperature = gr.Slider(0, 1, 0.6, step=0.05, label=text("temperature"), elem_id="reading_temperature")
        with gr.Column(elem_classes="zoo-results"):
            picture = result_picture("reading", "spectrogram", name="spectrogram", classes="zoo-spectrogram")
            sound = player("reading_result", autoplay=True)
            said = gr.HTML(label=text("said"), elem_id="reading_said", padding=False)
            source = source_line("reading")
    wire(
        read_aloud, [model, given, speed, seed, temperature], [sound, picture, said, source], api_name="read_aloud",
        run=run, stop=stop, dice=(seed, dice), enter=[given], progress=[picture],
        fills=[(chip, given, json.dumps(one)) for chip, one in zip(chips, SENTENCES, strict=True)],
    )  # fmt: skip
