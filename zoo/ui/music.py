"""Pages of music: a melody is set for four voices, a chorale is composed; shown as a piano roll, heard, and kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from zoo.entry import MUSIC_GENERATION
from zoo.generate import chorale as generate
from zoo.generate.melody import melody_of_midi
from zoo.ui import files
from zoo.ui.controls import (
    PROGRESS,
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

MELODIES = {
    "Ode an die Freude": (
        "F#4 F#4 G4 A4 | A4 G4 F#4 E4 | D4 D4 E4 F#4 | F#4:1.5 E4:0.5 E4:2 | "
        "F#4 F#4 G4 A4 | A4 G4 F#4 E4 | D4 D4 E4 F#4 | E4:1.5 D4:0.5 D4:2"
    ),
    "Nun danket": (
        "D5 | D5 D5 E5 E5 | D5:3 B4 | C5 B4 A4 B4 | A4:2 G4 D5 | D5 D5 E5 E5 | D5:3 B4 | C5 B4 A4 B4 | A4:2 G4"
    ),
    "茉莉花": (
        "A4 A4:0.5 C5:0.5 D5:0.5 F5:0.5 F5:0.5 D5:0.5 | C5 C5:0.5 D5:0.5 C5:2 | C5 C5 C5 A4:0.5 C5:0.5 | D5 D5 C5:2 | "
        "A4 G4:0.5 A4:0.5 C5 A4:0.5 G4:0.5 | F4 F4:0.5 G4:0.5 F4:2"
    ),
}
"""Melodies in the public domain, to begin with: a symphony's, a hymn's and a folk song's."""
Played = tuple[Any, Any, str, Any]
"""What a handler gives: the piano roll, the sound, the source line and the MIDI file."""


@in_turn
def harmonise_melody(
    model: str, melody: str, midi: str | None, temperature: float, seed: int, tempo: float, top_p: float,
    progress: gr.Progress = PROGRESS,
) -> Iterator[Played]:  # fmt: skip
    """Set alto, tenor and bass under a melody; returns the piano roll, the sound as a WAV, its source and a MIDI file.

    Parameters:
        model: name of a music checkpoint, as the Models tab lists it
        melody: notes such as "G4 | C5 D5 E5:2", each with its quarters after a colon; r is a rest, | a bar line
        midi: a MIDI file that holds one melody, in place of the notes; may be empty
        temperature: 1 draws as trained; lower is safer, 0.1 to 2
        seed: whole number from 0; the same seed gives the same harmony
        tempo: quarters a minute, 30 to 200
        top_p: keep the likeliest notes that together have this probability, above 0 to 1
    """
    given = melody_of_midi(midi) if midi else melody
    yield from _played(
        progress, generate.harmonise, model, given, temperature=temperature, seed=integral(seed), tempo=tempo,
        top_p=top_p,
    )  # fmt: skip


@in_turn
def compose_chorale(
    model: str, bars: int, temperature: float, seed: int, tempo: float, top_p: float, progress: gr.Progress = PROGRESS
) -> Iterator[Played]:
    """Compose a chorale; returns its piano roll, the sound as a WAV, its source and a MIDI file.

    Parameters:
        model: name of a music checkpoint, as the Models tab lists it
        bars: how long it is, 2 to 32 bars of four quarters
        temperature: 1 draws as trained; lower is safer, 0.1 to 2
        seed: whole number from 0; the same seed gives the same chorale
        tempo: quarters a minute, 30 to 200
        top_p: keep the likeliest notes that together have this probability, above 0 to 1
    """
    yield from _played(
        progress, generate.compose, model, integral(bars), temperature=temperature, seed=integral(seed), tempo=tempo,
        top_p=top_p,
    )  # fmt: skip


def _played(progress: gr.Progress, function: Callable[..., Any], *arguments: Any, **options: Any) -> Iterator[Played]:
    for step in compute(function, *arguments, **options):
        if isinstance(step, float):
            progress(step, desc=say("writing_music"))
            yield (gr.skip(),) * 4
        else:
            line = " · ".join((step.source.line(), *([_moved(step.moved)] if step.moved else [])))
            yield files.picture(step.roll, step.source.record, "roll"), files.sound(step), line, files.midi(step)


def _moved(semitones: int) -> str:
    octaves, rest = divmod(abs(semitones), 12)
    key = f"moved_{'up' if semitones > 0 else 'down'}{'' if rest else '_octaves'}"
    return say(key, count=abs(semitones) if rest else octaves)


def _read(midi: str | None) -> Any:
    """The notes of an uploaded file, to be seen and changed; the file has then done its work."""
    return (melody_of_midi(midi), None) if midi else (gr.skip(), gr.skip())


def _details(prefix: str) -> tuple[gr.Slider, gr.Slider]:
    with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
        ends = generate.MIN_TEMPO, generate.MAX_TEMPO
        tempo = gr.Slider(*ends, 80, step=1, label=text("tempo"), elem_id=f"{prefix}_tempo")
        top_p = gr.Slider(0.05, 1, 0.95, step=0.01, label=text("top_p"), elem_id=f"{prefix}_top_p")
    return tempo, top_p


def _temperature(prefix: str) -> gr.Slider:
    return gr.Slider(
        generate.MIN_TEMPERATURE, 1.5, 1, step=0.05, label=text("temperature"), info=text("temperature_info"),
        elem_id=f"{prefix}_temperature",
    )  # fmt: skip


def _result(prefix: str) -> list[gr.components.Component]:
    with gr.Column(elem_classes="zoo-results"):
        roll = result_picture(prefix, "piano_roll", name="roll", classes="zoo-roll")
        sound = player(f"{prefix}_sound")
        source = source_line(prefix)
        save = gr.DownloadButton(text("save_midi"), size="sm", elem_id=f"{prefix}_save", elem_classes="zoo-save")
    return [roll, sound, source, save]


def harmonising(tab: gr.Tab) -> None:
    """The page that sets a melody for four voices."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("harmonise_intro")
            model = model_picker(MUSIC_GENERATION, "harmonise_model")
            melody = gr.Textbox(
                next(iter(MELODIES.values())), label=text("melody"), placeholder=text("melody_placeholder"), lines=3,
                max_lines=8, elem_id="harmonise_melody",
            )  # fmt: skip
            chips = examples("harmonise", tuple(MELODIES))
            temperature = _temperature("harmonise")
            seed, dice = seed_and_dice("harmonise")
            run, stop = run_and_stop("harmonise", "harmonise")
            with gr.Accordion(text("melody_file"), open=False, elem_classes="zoo-advanced"):
                midi = gr.File(
                    file_types=[".mid", ".midi"], label=text("melody_file"), height=120, elem_id="harmonise_midi",
                    elem_classes="zoo-drop",
                )  # fmt: skip
            tempo, top_p = _details("harmonise")
        outputs = _result("harmonise")
    midi.upload(_read, [midi], [melody, midi], api_visibility="private", show_progress="hidden")
    wire(
        harmonise_melody, [model, melody, midi, temperature, seed, tempo, top_p], outputs, api_name="harmonise_melody",
        run=run, stop=stop, dice=(seed, dice),
        fills=[(chip, melody, json.dumps(one)) for chip, one in zip(chips, MELODIES.values(), strict=True)],
    )  # fmt: skip


def composing(tab: gr.Tab) -> None:
    """The page that composes."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("compose_intro")
            model = model_picker(MUSIC_GENERATION, "chorale_model")
            bars = gr.Slider(
                generate.MIN_BARS, generate.MAX_BARS, 8, step=1, label=text("bars"), elem_id="chorale_bars"
            )
            temperature = _temperature("chorale")
            seed, dice = seed_and_dice("chorale")
            run, stop = run_and_stop("compose_music", "chorale")
            tempo, top_p = _details("chorale")
        outputs = _result("chorale")
    wire(
        compose_chorale, [model, bars, temperature, seed, tempo, top_p], outputs, api_name="compose_chorale", run=run,
        stop=stop, dice=(seed, dice),
    )  # fmt: skip
