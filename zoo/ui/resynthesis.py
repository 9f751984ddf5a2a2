"""The page of a vocoder: a recording, its spectrogram, and what two ways make of that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
from PIL import Image

from zoo.data.media import read_audio
from zoo.entry import VOCODING
from zoo.generate import vocoder as generate
from zoo.generate.library import InputError
from zoo.ui import files
from zoo.ui.controls import (
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

PARTS = ("recording", "", "griffin-lim")
"""What the three sounds are to the record of the result."""
Sounds = tuple[Any, Any, Any, Any, str]


@in_turn
def resynthesise_speech(model: str, recording: str, temperature: float, seed: int) -> Iterator[Sounds]:
    """Reduce a recording to its mel spectrogram and make sound of that again; returns it, what the model and what
    Griffin-Lim make of it, and their spectrograms one below the other.

    Parameters:
        model: name of a vocoder, as the Models tab lists it
        recording: a WAV, FLAC or OGG file of 0.1 to 10 seconds
        temperature: 0 to 1, how much noise the flow begins with; less is duller and steadier
        seed: whole number from 0; the same seed gives the same sound
    """
    if not recording:
        raise InputError(say("nothing_heard"))
    waveform, rate = read_audio(recording)
    (found,) = compute(generate.resynthesise, model, waveform, rate, temperature=temperature, seed=integral(seed))
    sounds = (found.original, found.vocoded, found.griffin_lim)
    source = found.vocoded.source
    near, far = (f"{distance:.2f}" for distance in found.distances)
    distances = say("distances", vocoded=near, plain=far)
    picture = files.picture(_stacked([sound.spectrogram for sound in sounds]), source.record, "spectrogram")
    recorded, made, plain = (files.sound(sound, part) for sound, part in zip(sounds, PARTS, strict=True))
    yield recorded, made, plain, picture, f"{source.line()}\n{distances}"


def _stacked(pictures: list[Image.Image], gap: int = 8) -> Image.Image:
    width = pictures[0].width
    page = Image.new("RGB", (width, sum(one.height + gap for one in pictures) - gap), "white")
    for i, one in enumerate(pictures):
        page.paste(one, (0, i * (one.height + gap)))
    return page


def resynthesising(_: gr.Tab) -> None:
    """Put the page into the tab that is open."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("resynthesis_intro")
            model = model_picker(VOCODING, "resynthesis_model")
            recording = gr.Audio(
                sources=["microphone", "upload"], type="filepath", label=text("voice_recording"), editable=False,
                buttons=[], elem_id="resynthesis_recording", elem_classes="zoo-recorder",
            )  # fmt: skip
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                temperature = gr.Slider(
                    0, 1, 0.6, step=0.05, label=text("temperature"), elem_id="resynthesis_temperature"
                )
                seed, dice = seed_and_dice("resynthesis")
            run, stop = run_and_stop("resynthesise", "resynthesis")
        with gr.Column(elem_classes="zoo-results"):
            picture = result_picture("resynthesis", "spectrograms", name="spectrograms")
            sounds = []
            for name in ("as_recorded", "by_the_flow", "by_griffin_lim"):
                gr.Markdown(text(name), elem_classes="zoo-caption")
                sounds.append(player(f"resynthesis_{name}"))
            source = source_line("resynthesis")
    wire(
        resynthesise_speech, [model, recording, temperature, seed], [*sounds, picture, source],
        api_name="resynthesise_speech", run=run, stop=stop, dice=(seed, dice), progress=[picture],
    )  # fmt: skip
