"""Pages between languages and alphabets: a text is translated, words are pronounced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from zoo.data.sequences import PRONOUNCING
from zoo.entry import TRANSLATION
from zoo.generate import library
from zoo.generate import translation as generate
from zoo.ui import files
from zoo.ui.controls import examples, intro, live_picker, run_and_stop, source_line, wire
from zoo.ui.guard import compute, in_turn, integral
from zoo.ui.strings import say, text
from zoo.ui.tint import tinted

SENTENCES = ("Where is the station?", "I would like a cup of tea.", "我昨天买了一本书。", "你为什么没来？")
SHOWN = 40
"""Characters of a sentence that a warning repeats."""
WORDS = ("algorithm", "through though thought", "zoo", "unbelievable")


@in_turn
def translate_text(model: str, given: str, direction: str, beams: int) -> Iterator[tuple[str, str, str, str]]:
    """Translate English and Chinese; returns the text, its tokens with their probabilities as HTML, its source with
    what is to be doubted, and a TXT file.

    Parameters:
        model: name of a translation checkpoint, as the Models tab lists it
        given: the text; at most 1,000 characters and 20 sentences
        direction: "auto", or one that the model knows, such as "en-zh"
        beams: translations followed side by side, 1 to 8
    """
    for made in compute(generate.translate, model, given, direction, beams=integral(beams)):
        line = " · ".join((made.source.line(), *_doubts(made)))
        yield made.text, tinted(sentence.tokens for sentence in made.sentences), line, files.text(made)


def _doubts(made: generate.Translation) -> Iterator[str]:
    """What is to be known before a translation is relied on: what is no more than a best effort, and why."""
    for sentence in made.sentences:
        if sentence.strange:
            shown = sentence.read if len(sentence.read) <= SHOWN else f"{sentence.read[: SHOWN - 1]}…"
            yield say("best_effort_strange", sentence=shown)
    if any(sentence.long for sentence in made.sentences):
        yield say("best_effort")


@in_turn
def pronounce_words(model: str, given: str, beams: int) -> Iterator[tuple[str, str, str, str]]:
    """Say how English words sound; returns a line a word, the phonemes as HTML with their probabilities, a TXT file.

    Parameters:
        model: name of a checkpoint that pronounces, as the Models tab lists it
        given: English words; at most 40
        beams: pronunciations followed side by side, 1 to 8
    """
    for made in compute(generate.pronounce, model, given, beams=integral(beams)):
        tints = tinted((one.tokens for one in made.words), gap=" ")
        yield made.text, tints, made.source.line(), files.text(made)


def translators() -> list[str]:
    """Checkpoints that go from one language to another."""
    return [name for name in library.choices(TRANSLATION) if PRONOUNCING not in library.labels_of(name)]


def speakers() -> list[str]:
    """Checkpoints that say how words sound."""
    return [name for name in library.choices(TRANSLATION) if PRONOUNCING in library.labels_of(name)]


def _result(prefix: str) -> list[gr.components.Component]:
    result = gr.Textbox(
        label=text("text_result"), show_label=False, lines=5, max_lines=12, interactive=False, buttons=["copy"],
        placeholder=text("translation_empty"), elem_id=f"{prefix}_result", elem_classes="zoo-result zoo-lines",
    )  # fmt: skip
    tokens = gr.HTML(label=text("tokens"), elem_id=f"{prefix}_tokens", padding=False)
    source = source_line(prefix)
    return [result, tokens, source, files.save_button(prefix)]


def translating(tab: gr.Tab) -> None:
    """The page that translates."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("translate_intro")
            model = live_picker(translators, "model", "translate_model")
            given = gr.Textbox(
                SENTENCES[0], label=text("to_translate"), placeholder=text("to_translate_empty"), lines=3, max_lines=8,
                elem_id="translate_text",
            )  # fmt: skip
            chips = examples("translate", SENTENCES)
            ways: list[tuple[Any, str]] = [(text("auto"), generate.AUTO), ("English → 中文", "en-zh"),
                                           ("中文 → English", "zh-en")]  # fmt: skip
            direction = gr.Radio(ways, value=generate.AUTO, label=text("direction"), elem_id="translate_direction")
            run, stop = run_and_stop("translate_it", "translate")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                beams = gr.Slider(1, generate.MAX_BEAMS, 4, step=1, label=text("beams"), elem_id="translate_beams")
        with gr.Column(elem_classes="zoo-results"):
            outputs = _result("translate")
    wire(
        translate_text, [model, given, direction, beams], outputs, api_name="translate_text", run=run, stop=stop,
        fills=[(chip, given, json.dumps(one)) for chip, one in zip(chips, SENTENCES, strict=True)],
    )  # fmt: skip


def pronouncing(tab: gr.Tab) -> None:
    """The page that pronounces."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("pronounce_intro")
            model = live_picker(speakers, "model", "pronounce_model")
            given = gr.Textbox(
                WORDS[0], label=text("words"), placeholder=text("words_placeholder"), elem_id="pronounce_text"
            )
            chips = examples("pronounce", WORDS)
            run, stop = run_and_stop("pronounce", "pronounce")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                beams = gr.Slider(1, generate.MAX_BEAMS, 4, step=1, label=text("beams"), elem_id="pronounce_beams")
        with gr.Column(elem_classes="zoo-results"):
            outputs = _result("pronounce")
    wire(
        pronounce_words, [model, given, beams], outputs, api_name="pronounce_words", run=run, stop=stop, enter=[given],
        fills=[(chip, given, json.dumps(one)) for chip, one in zip(chips, WORDS, strict=True)],
    )  # fmt: skip
