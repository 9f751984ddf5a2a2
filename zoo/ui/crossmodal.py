"""The Cross-modal tab: a number in every form; an assistant; emoji drawn and found by words; pictures in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from zoo.data.media import read_audio
from zoo.entry import ANY_TO_ANY, AUDIO_CLASSIFICATION, AUDIO_GENERATION, IMAGE_CLASSIFICATION, IMAGE_GENERATION
from zoo.generate import crossmodal as generate
from zoo.generate import library
from zoo.generate.library import InputError
from zoo.generate.provenance import Record
from zoo.ui import assistant, describing, files, matching, prompting
from zoo.ui.audio import speaker_picker
from zoo.ui.controls import (
    PROGRESS,
    alone,
    examples,
    intro,
    result_picture,
    run_and_stop,
    seed_and_dice,
    source_line,
    wire,
)
from zoo.ui.guard import compute, in_turn, integral
from zoo.ui.joint import joining, plane
from zoo.ui.pad import TAKE, drawn, pad, take_brush
from zoo.ui.player import player
from zoo.ui.strings import say, text

NUMBERS = ("seven", "七", "42", "四十二")
Forms = tuple[Any, Any, Any, Any, Any]
"""Probabilities, words, picture, sound and source line: the outputs of every endpoint here."""


@in_turn
def from_text(number: str, speaker: str, seed: int, progress: gr.Progress = PROGRESS) -> Iterator[Forms]:
    """Turn a written number into a picture and a sound; the image judge says what it reads in that picture.

    Parameters:
        number: a number in digits or words, English or Chinese, such as seven, 七, 42, 四十二
        speaker: one of the speakers of the audio model
        seed: whole number from 0; the same seed gives the same picture and sound
    """
    digits = generate.read_number(number)
    yield from _realise(digits, None, generate.number_given(number), speaker, seed, progress)


@in_turn
def from_drawing(picture: str, speaker: str, seed: int, progress: gr.Progress = PROGRESS) -> Iterator[Forms]:
    """Let the image judge read a drawn digit, and turn what it saw into words, a picture and a sound.

    Parameters:
        picture: a digit, dark on white (PNG, JPEG or WEBP, at most 4 megapixels)
        speaker: one of the speakers of the audio model
        seed: whole number from 0; the same seed gives the same picture and sound
    """
    (seen,) = compute(generate.recognise_drawing, drawn(picture))
    yield from _realise(seen.digits, seen, seen.source.record, speaker, seed, progress)


@in_turn
def from_speech(recording: str, speaker: str, seed: int, progress: gr.Progress = PROGRESS) -> Iterator[Forms]:
    """Let the audio judge hear a spoken digit, and turn what it heard into words, a picture and a sound.

    Parameters:
        recording: a WAV or FLAC file, at most 30 seconds, of one digit said in English
        speaker: one of the speakers of the audio model
        seed: whole number from 0; the same seed gives the same picture and sound
    """
    if not recording:
        raise InputError(say("nothing_heard"))
    waveform, sample_rate = read_audio(recording)
    (heard,) = compute(generate.recognise_speech, waveform, sample_rate)
    yield from _realise(heard.digits, heard, heard.source.record, speaker, seed, progress)


def _realise(
    digits: str,
    recognised: generate.Recognition | None,
    given: Record,
    speaker: str,
    seed: int,
    progress: gr.Progress,
) -> Iterator[Forms]:
    if recognised:
        yield recognised.probabilities, gr.skip(), gr.skip(), gr.skip(), recognised.source.line()
    for step in compute(generate.realise, digits, seed=integral(seed), speaker=speaker, parents=(given,)):
        if isinstance(step, float):
            progress(step, desc=say("sampling"))
            yield (gr.skip(),) * 5
            continue
        if recognised:
            judged, judge = recognised.probabilities, recognised.source
        else:
            readings = [next(compute(generate.recognise_drawing, image)) for image in step.picture.images]
            judged, judge = together([reading.probabilities for reading in readings]), readings[0].source
        lines = (source.line() for source in (judge, step.picture.source, step.sound.source))
        said = f"{step.words} · {step.characters}"
        picture = files.picture(step.picture.sheet, step.picture.source.record)
        yield judged, said, picture, files.sound(step.sound), "\n".join(lines)


def together(readings: list[dict[str, float]], keep: int = 4) -> dict[str, float]:
    """Probabilities of single digits -> those of the likeliest numbers they make together, digit by digit."""
    numbers = {"": 1.0}
    for reading in readings:
        longer = {number + digit: p * q for number, p in numbers.items() for digit, q in reading.items()}
        numbers = dict(sorted(longer.items(), key=lambda item: -item[1])[:keep])
    return numbers


def _numbers(tab: gr.Tab | None) -> None:
    """The page of a number."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("cross_intro")
            with gr.Tabs(overflow_behavior="wrap", elem_classes="zoo-ways"):
                with gr.Tab(text("type"), elem_id="tab_type"):
                    number = gr.Textbox(
                        "42", label=text("number"), placeholder=text("number_placeholder"), elem_id="type_number"
                    )
                    chips = examples("type", NUMBERS)
                    type_run, type_stop = run_and_stop("translate", "type")
                with gr.Tab(text("sketch"), elem_id="tab_sketch") as sketch:
                    canvas, drawing = pad("sketch_pad", "drawing")
                    sketch_run, sketch_stop = run_and_stop("translate", "sketch")
                take_brush(sketch, "sketch_pad")
                with gr.Tab(text("voice"), elem_id="tab_voice"):
                    recording = gr.Audio(
                        sources=["microphone", "upload"], type="filepath", label=text("recording"), editable=False,
                        buttons=[], elem_id="voice_recording",
                        elem_classes="zoo-recorder",
                    )  # fmt: skip
                    voice_run, voice_stop = run_and_stop("translate", "voice")
            speaker = speaker_picker(generate.VOICE, "cross_speaker")
            seed, dice = seed_and_dice("cross")
        with gr.Column(elem_classes="zoo-results"):
            with gr.Row(elem_classes="zoo-forms"):
                said = gr.Textbox(
                    label=text("in_words"), show_label=False, interactive=False, lines=3, max_lines=3,
                    placeholder=text("words_empty"),
                    elem_id="cross_words", elem_classes="zoo-words",
                )  # fmt: skip
                judged = gr.Label(
                    num_top_classes=4, label=text("recognised"), elem_id="cross_judged", elem_classes="zoo-judged"
                )
            picture = result_picture("cross", "as_picture", name="picture", classes="zoo-cross-picture")
            sound = player("cross_sound", autoplay=True)
            source = source_line("cross")
    outputs = [judged, said, picture, sound, source]
    wire(
        from_text, [number, speaker, seed], outputs, api_name="from_text", run=type_run, stop=type_stop,
        dice=(seed, dice), enter=[number], progress=[picture],
        fills=[(chip, number, json.dumps(n)) for chip, n in zip(chips, NUMBERS, strict=True)],
    )  # fmt: skip
    wire(
        from_drawing, [drawing, speaker, seed], outputs, api_name="from_drawing", run=sketch_run, stop=sketch_stop,
        progress=[picture], first=(canvas, [drawing], TAKE),
    )  # fmt: skip
    wire(
        from_speech, [recording, speaker, seed], outputs, api_name="from_speech", run=voice_run, stop=voice_stop,
        progress=[picture],
    )  # fmt: skip


def fill(page: gr.Blocks) -> None:
    """Put the tab's content into the page that is open."""
    needed = (IMAGE_CLASSIFICATION, AUDIO_CLASSIFICATION, IMAGE_GENERATION, AUDIO_GENERATION)
    ways: dict[str, Callable[[Any], None]] = {}
    if all(library.choices(task) for task in needed):
        ways["numbers"] = _numbers
        if library.choices(ANY_TO_ANY):
            ways |= {"by_joint": joining, "by_map": plane}
    if assistant.offered():
        ways["assistant"] = assistant.asking
    if prompting.offered():
        ways["prompting"] = prompting.prompting
    if matching.offered():
        ways |= {"finding": matching.finding, "describing": matching.describing}
    if describing.offered():
        ways["captioning"] = describing.captioning
    if not ways:
        intro("no_model")
    elif len(ways) == 1:
        next(iter(ways.values()))(None)
    else:
        with gr.Tabs(overflow_behavior="wrap", elem_classes="zoo-kinds"):
            for name, build_way in ways.items():
                with gr.Tab(text(name), elem_id=f"tab_{name}") as tab:
                    build_way(tab)


def build() -> gr.Blocks:
    """The tab on its own."""
    return alone(fill)
