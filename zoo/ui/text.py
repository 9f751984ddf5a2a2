"""The Text tab: a beginning that is continued a token at a time, and Chinese poems whose form always holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from zoo.entry import FILL_MASK, TEXT_CLASSIFICATION, TEXT_GENERATION
from zoo.generate import chat as talk
from zoo.generate import library
from zoo.generate import text as generate
from zoo.ui import conversation, files, language, likelihood
from zoo.ui.api_schema import Completion, bounds
from zoo.ui.controls import (
    alone,
    example_row,
    examples,
    intro,
    live_picker,
    model_picker,
    picker_of,
    run_and_stop,
    seed_and_dice,
    source_line,
    wire,
)
from zoo.ui.guard import compute, in_turn, integral
from zoo.ui.strings import text
from zoo.ui.tint import tinted

PROMPTS = {
    "tiny_shakespeare": ("ROMEO:", "To be, or not to be", "KING RICHARD III:\nNow", "First Witch:"),
    "fairy_tales": ("The Fox and the ", "Once upon a time", "There was once a king", "A Lion"),
    "python_stdlib": ("class Queue:\n", "def __init__(self, ", "import os\n", "    for line in "),
}
"""Beginnings that fit what a model has read, by its data set; the page's introduction goes by the same names."""
_TITLES = {"write": "continue"}
ACROSTICS = ("春夏秋冬", "万事如意", "风花雪月", "山高水长")


@in_turn
def write_text(
    model: str,
    prompt: str,
    length: int,
    temperature: float,
    top_k: int,
    top_p: float,
    repetition_penalty: float,
    seed: int,
) -> Iterator[tuple[str, Any, str, str | None]]:
    """Continue a beginning; returns the text so far, streamed, at last its tokens as HTML with their probabilities, its
    source, and the text as a TXT file.

    Parameters:
        model: name of a text checkpoint, as the Models tab lists it
        prompt: how the text begins; at most 2,000 characters, may be empty
        length: how many tokens to write, 1 to 1,000
        temperature: 0 takes the likeliest token, 1 samples as trained, up to 2
        top_k: keep only this many likeliest tokens; 0 keeps all
        top_p: keep the likeliest tokens that together have this probability, above 0 to 1
        repetition_penalty: above 1 discourages tokens that were already used, 1 to 2
        seed: whole number from 0; the same seed gives the same text
    """
    for writing in compute(
        generate.write_with_odds, model, prompt, max_new_tokens=integral(length), temperature=temperature,
        top_k=integral(top_k), top_p=top_p, repetition_penalty=repetition_penalty, seed=integral(seed), bits=None,
    ):  # fmt: skip
        tokens = tinted([writing.odds]) if writing.done else gr.skip()
        yield writing.text, tokens, likelihood.line_of(writing), files.text(writing)


@in_turn
def compose_poem(
    model: str,
    form: str,
    title: str,
    acrostic: str,
    author: str,
    temperature: float,
    top_k: int,
    top_p: float,
    seed: int,
) -> Iterator[tuple[str, str, str | None]]:
    """Compose a classical Chinese poem in a fixed form; returns the poem so far, streamed, and at last a TXT file.

    Parameters:
        model: name of a poem checkpoint, as the Models tab lists it
        form: one of 五言绝句, 七言绝句, 五言律诗, 七言律诗
        title: title of the poem; may be empty
        acrostic: first characters of the lines (藏头诗), at most one a line; may be empty
        author: poet whose manner is wanted; may be empty
        temperature: 0 takes the likeliest character, 1 samples as trained, up to 2
        top_k: keep only this many likeliest characters; 0 keeps all
        top_p: keep the likeliest characters that together have this probability, above 0 to 1
        seed: whole number from 0; the same seed gives the same poem
    """
    for writing in compute(
        generate.compose, model, form, title=title, author=author, acrostic=acrostic, temperature=temperature,
        top_k=integral(top_k), top_p=top_p, seed=integral(seed),
    ):  # fmt: skip
        yield writing.text, likelihood.line_of(writing), files.text(writing) if writing.done else None


def _read_by(model: str) -> str:
    """The data set that a model has learnt from, if there is an introduction to it here, else ""."""
    dataset = library.recipe_of(model).get("dataset")
    return dataset if dataset in PROMPTS else ""


def _introduction(dataset: str) -> str:
    """The key of the words that say what has been read."""
    return f"write_intro_{dataset}" if dataset else "write_intro"


def _introduced(model: str, prompt: str) -> list[Any]:
    """The introduction and the beginnings that fit the model, and one of them where another model's stood."""
    dataset = _read_by(model)
    known = PROMPTS.get(dataset, ("",))
    strange = any(prompt in prompts for prompts in PROMPTS.values()) and prompt not in known
    rows = [gr.update(visible=name == dataset) for name in PROMPTS]
    return [text(_introduction(dataset)), known[0] if strange else gr.skip(), *rows]


def _continue(tab: gr.Tab) -> None:
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            dataset = _read_by(likelihood.writers()[0])
            introduction = intro(_introduction(dataset))
            model = live_picker(likelihood.writers, "model", "write_model")
            prompt = gr.Textbox(
                PROMPTS.get(dataset, ("",))[0], label=text("prompt"), placeholder=text("prompt_placeholder"), lines=2,
                max_lines=6, elem_id="write_prompt",
            )  # fmt: skip
            chips, rows = [], []
            for name, prompts in PROMPTS.items():
                labels = [one.strip().replace("\n", " ") for one in prompts]
                row, buttons = example_row(f"write_{name}", labels, visible=name == dataset)
                rows.append(row)
                chips += buttons
            length = gr.Slider(
                *bounds(Completion, "max_tokens"), 300, step=1, label=text("length"), elem_id="write_length"
            )
            temperature = gr.Slider(
                *bounds(Completion, "temperature"),
                0.6,
                step=0.05,
                label=text("temperature"),
                info=text("temperature_info"),
                elem_id="write_temperature",
            )
            seed, dice = seed_and_dice("write", 3)
            run, stop = run_and_stop("write", "write")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                top_k = gr.Slider(0, 100, 0, step=1, label=text("top_k"), elem_id="write_top_k")
                top_p = gr.Slider(0.05, 1, 0.95, step=0.01, label=text("top_p"), elem_id="write_top_p")
                ends = bounds(Completion, "repetition_penalty")
                penalty = gr.Slider(*ends, 1, step=0.05, label=text("repetition_penalty"), elem_id="write_penalty")
        with gr.Column(elem_classes="zoo-results"):
            written = gr.Textbox(
                label=text("text_result"), show_label=False, lines=18, max_lines=18, interactive=False,
                buttons=["copy"], placeholder=text("text_empty"), elem_id="write_result",
                elem_classes="zoo-result zoo-prose",
            )  # fmt: skip
            source = source_line("write")
            with gr.Accordion(text("how_sure"), open=False, elem_id="write_sure", elem_classes="zoo-advanced"):
                tokens = gr.HTML(label=text("tokens"), elem_id="write_tokens", padding=False)
            save = files.save_button("write")
    model.change(
        _introduced, [model, prompt], [introduction, prompt, *rows], api_visibility="private", queue=False,
        show_progress="hidden",
    )  # fmt: skip
    beginnings = [prompt for prompts in PROMPTS.values() for prompt in prompts]
    wire(
        write_text, [model, prompt, length, temperature, top_k, top_p, penalty, seed], [written, tokens, source, save],
        api_name="write_text", run=run, stop=stop, dice=(seed, dice),
        fills=[(chip, prompt, json.dumps(p)) for chip, p in zip(chips, beginnings, strict=True)],
    )  # fmt: skip


def _poem(tab: gr.Tab) -> None:
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("poem_intro")
            model = model_picker(TEXT_GENERATION, "poem_model", leave_out=lambda name: not generate.is_verse(name))
            form = picker_of(generate.FORMS, "form", "poem_form")
            title = gr.Textbox("", label=text("title"), placeholder=text("title_placeholder"), elem_id="poem_title")
            acrostic = gr.Textbox(
                "", label=text("acrostic"), placeholder=text("acrostic_placeholder"), elem_id="poem_acrostic"
            )
            chips = examples("poem", ACROSTICS)
            seed, dice = seed_and_dice("poem", 1)
            run, stop = run_and_stop("compose", "poem")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                author = gr.Textbox(
                    "", label=text("author"), placeholder=text("author_placeholder"), elem_id="poem_author"
                )
                ends = bounds(Completion, "temperature")
                temperature = gr.Slider(*ends, 0.6, step=0.05, label=text("temperature"), elem_id="poem_temperature")
                top_k = gr.Slider(0, 100, 0, step=1, label=text("top_k"), elem_id="poem_top_k")
                top_p = gr.Slider(0.05, 1, 0.9, step=0.01, label=text("top_p"), elem_id="poem_top_p")
        with gr.Column(elem_classes="zoo-results"):
            poem = gr.Textbox(
                label=text("poem_result"), show_label=False, lines=8, max_lines=12, interactive=False, buttons=["copy"],
                placeholder=text("poem_empty"), elem_id="poem_result", elem_classes="zoo-result zoo-poem",
            )  # fmt: skip
            source = source_line("poem")
            save = files.save_button("poem")
    wire(
        compose_poem, [model, form, title, acrostic, author, temperature, top_k, top_p, seed], [poem, source, save],
        api_name="compose_poem", run=run, stop=stop, dice=(seed, dice), enter=[title, acrostic, author],
        fills=[(chip, acrostic, json.dumps(a)) for chip, a in zip(chips, ACROSTICS, strict=True)],
    )  # fmt: skip


def fill(page: gr.Blocks) -> None:
    """Put the tab's content into the page that is open."""
    names = library.choices(TEXT_GENERATION)
    ways: dict[str, Callable[[gr.Tab], None] | None] = {
        "write": _continue if likelihood.writers() else None,
        "chat": conversation.chat if talk.choices() else None,
        "translating": language.translating if language.translators() else None,
        "pronouncing": language.pronouncing if language.speakers() else None,
        "filling": conversation.filling if library.choices(FILL_MASK) else None,
        "topic": conversation.topic if library.choices(TEXT_CLASSIFICATION) else None,
        "poem": _poem if any(generate.is_verse(name) for name in names) else None,
        "comparing": likelihood.comparing if len(likelihood.writers()) > 1 else None,
        "weighing": likelihood.weighing if likelihood.writers() else None,
    }
    with gr.Tabs(overflow_behavior="wrap", elem_classes="zoo-kinds"):
        for name, build_way in ways.items():
            if build_way:
                with gr.Tab(text(_TITLES.get(name, name)), elem_id=f"tab_{name}") as tab:
                    build_way(tab)
    if not any(ways.values()):
        intro("no_model")


def build() -> gr.Blocks:
    """The tab on its own."""
    return alone(fill)
