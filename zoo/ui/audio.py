"""The Audio tab: spoken digits, English read aloud, notes of instruments, drums, music made note by note, and voices
taken apart and put together."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from zoo.entry import (
    AUDIO_GENERATION,
    MUSIC_GENERATION,
    NOTE_GENERATION,
    SOUND_GENERATION,
    TEXT_TO_SPEECH,
    VOCODING,
)
from zoo.generate import audio as generate
from zoo.generate import library
from zoo.ui import drums, music, notes, reading, resynthesis
from zoo.ui.api_schema import Speech, bounds
from zoo.ui.controls import (
    PROGRESS,
    alone,
    examples,
    intro,
    model_picker,
    picker_of,
    result_picture,
    run_and_stop,
    seed_and_dice,
    source_line,
    wire,
)
from zoo.ui.guard import compute, in_turn, integral
from zoo.ui.live import heard, live_player
from zoo.ui.player import player
from zoo.ui.strings import text

SPEAKER = "jackson"
NUMBERS = ("7", "42", "2026", "314159")


@in_turn
def speak_digits(
    model: str, digits: str, speaker: str, temperature: float, seed: int, progress: gr.Progress = PROGRESS
) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Speak digits; returns the sound as a WAV file and its spectrogram.

    Parameters:
        model: name of an audio checkpoint, as the Models tab lists it
        digits: the digits to say, one or several
        speaker: one of the model's speakers
        temperature: 1 samples as trained; lower is steadier, up to 2
        seed: whole number from 0; the same seed gives the same sound
    """
    yield from heard(
        compute(generate.speaking, model, digits, speaker=speaker, temperature=temperature, seed=integral(seed)),
        progress,
    )


def speaker_picker(model: str, elem_id: str) -> gr.Dropdown:
    """A picker of the model's speakers."""
    return picker_of(generate.speakers(model), "speaker", elem_id, prefer=SPEAKER)


def _speakers(model: str) -> Any:
    names = generate.speakers(model)
    return gr.update(choices=names, value=SPEAKER if SPEAKER in names else next(iter(names), None))


def _speak(tab: gr.Blocks | gr.Tab) -> None:
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("audio_intro")
            model = model_picker(AUDIO_GENERATION, "speak_model")
            digits = gr.Textbox(
                "7", label=text("digits"), placeholder=text("digits_placeholder"), elem_id="speak_digits"
            )
            chips = examples("speak", NUMBERS)
            speaker = speaker_picker(str(model.value), "speak_speaker")
            lowest, _ = bounds(Speech, "temperature")
            temperature = gr.Slider(lowest, 1.5, 1, step=0.05, label=text("temperature"), elem_id="speak_temperature")
            seed, dice = seed_and_dice("speak")
            run, stop = run_and_stop("speak", "speak")
        with gr.Column(elem_classes="zoo-results"):
            picture = result_picture("speak", "spectrogram", name="spectrogram", classes="zoo-spectrogram")
            sound = player("speak_result")
            source = source_line("speak")
            live = live_player("speak_live")
    model.change(_speakers, [model], [speaker], api_visibility="private", queue=False, show_progress="hidden")
    wire(
        speak_digits, [model, digits, speaker, temperature, seed], [sound, picture, source, live],
        api_name="speak_digits", run=run, stop=stop, dice=(seed, dice), enter=[digits], progress=[picture],
        fills=[(chip, digits, json.dumps(n)) for chip, n in zip(chips, NUMBERS, strict=True)],
    )  # fmt: skip


def fill(page: gr.Blocks) -> None:
    """Put the tab's content into the page that is open."""
    plays = bool(library.choices(MUSIC_GENERATION))
    ways: dict[str, Callable[[gr.Blocks | gr.Tab], None] | None] = {
        "digits": _speak if library.choices(AUDIO_GENERATION) else None,
        "read_aloud": reading.reading if library.choices(TEXT_TO_SPEECH) else None,
        "notes": notes.playing if library.choices(NOTE_GENERATION) else None,
        "drums": drums.machine if library.choices(SOUND_GENERATION) else None,
        "harmonise": music.harmonising if plays else None,
        "compose_music": music.composing if plays else None,
        "resynthesise": resynthesis.resynthesising if library.choices(VOCODING) else None,
    }
    there = {name: way for name, way in ways.items() if way}
    if len(there) > 1:
        with gr.Tabs(overflow_behavior="wrap", elem_classes="zoo-kinds"):
            for name, build_way in there.items():
                with gr.Tab(text(name), elem_id=f"tab_{name}") as tab:
                    build_way(tab)
    for build_way in there.values() if len(there) == 1 else ():
        build_way(page)
    if not there:
        intro("no_model")


def build() -> gr.Blocks:
    """The tab on its own."""
    return alone(fill)
