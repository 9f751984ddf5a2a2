"""The Notes page: one note of an instrument, made sample by sample and heard meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from zoo.entry import NOTE_GENERATION
from zoo.generate import notes as generate
from zoo.generate.audio import MIN_TEMPERATURE
from zoo.ui.controls import (
    PROGRESS,
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

NOTE, INSTRUMENT = "C4", "acoustic_grand_piano"
CHIPS = (("A4", "violin"), ("C3", "cello"), ("E4", "nylon_guitar"), ("G5", "flute"), ("E2", "acoustic_bass"))
"""Notes to begin with, on instruments that suit them."""


@in_turn
def play_note(
    model: str, note: str, instrument: str, temperature: float, seed: int, progress: gr.Progress = PROGRESS
) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Play one note; returns the sound as a WAV file, its spectrogram, and where it came from.

    Parameters:
        model: name of a checkpoint of notes, as the Models tab lists it
        note: its name, such as C4, F#3 or Bb5
        instrument: one of the model's instruments, such as violin
        temperature: 1 samples as trained; lower is steadier, up to 2
        seed: whole number from 0; the same seed gives the same sound
    """
    yield from heard(
        compute(generate.playing, model, note, instrument, temperature=temperature, seed=integral(seed)), progress
    )


def _offered(model: str) -> Any:
    """The notes and the instruments of a model."""
    notes, instruments = generate.notes(model), generate.instruments(model)
    note = NOTE if NOTE in notes else next(iter(notes), None)
    instrument = INSTRUMENT if INSTRUMENT in instruments else next(iter(instruments), None)
    return gr.update(choices=notes, value=note), gr.update(choices=instruments, value=instrument)


def playing(tab: gr.Blocks | gr.Tab) -> None:
    """Put the page into the tab that is open."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("notes_intro")
            model = model_picker(NOTE_GENERATION, "note_model")
            known = generate.notes(str(model.value)), generate.instruments(str(model.value))
            note = picker_of(known[0], "note", "note_note", prefer=NOTE)
            instrument = picker_of(known[1], "instrument", "note_instrument", prefer=INSTRUMENT)
            shown = [(name, by) for name, by in CHIPS if name in known[0] and by in known[1]]
            chips = examples("note", [f"{name} · {by.replace('_', ' ')}" for name, by in shown])
            temperature = gr.Slider(
                MIN_TEMPERATURE, 1.5, 1, step=0.05, label=text("temperature"), elem_id="note_temperature"
            )
            seed, dice = seed_and_dice("note")
            run, stop = run_and_stop("play", "note")
        with gr.Column(elem_classes="zoo-results"):
            picture = result_picture("note", "spectrogram", name="spectrogram", classes="zoo-spectrogram")
            sound = player("note_result")
            source = source_line("note")
            live = live_player("note_live")
    model.change(_offered, [model], [note, instrument], api_visibility="private", queue=False, show_progress="hidden")
    wire(
        play_note, [model, note, instrument, temperature, seed], [sound, picture, source, live], api_name="play_note",
        run=run, stop=stop, dice=(seed, dice), progress=[picture],
        fills=[(chip, [note, instrument], json.dumps(one)) for chip, one in zip(chips, shown, strict=True)],
    )  # fmt: skip
