"""Pages that set models side by side: two write on from one beginning, and all say how many bytes a text is to them."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from zoo.entry import TEXT_GENERATION
from zoo.generate import compression, library
from zoo.generate import text as generate
from zoo.generate.chat import is_chat
from zoo.ui.controls import examples, intro, live_picker, run_and_stop, seed_and_dice, source_line, wire
from zoo.ui.guard import compute, in_turn, integral
from zoo.ui.strings import both, say, text

TEXTS = (
    "To be, or not to be, that is the question.",
    "Once upon a time there was a king who had three daughters.",
    "def __init__(self, name):\n        self.name = name",
)


@in_turn
def compare_texts(
    first: str, second: str, prompt: str, length: int, temperature: float, seed: int
) -> Iterator[tuple[str, str, str, str]]:
    """Let two models go on from one beginning; returns what each wrote, streamed, and where it came from.

    Parameters:
        first: name of a text checkpoint, as the Models tab lists it
        second: name of another one
        prompt: how both begin; at most 2,000 characters, may be empty
        length: how many tokens each writes, 1 to 1,000
        temperature: 0 takes the likeliest token, 1 samples as trained, up to 2
        seed: whole number from 0; the same seed gives the same texts
    """
    shown = ["", "", "", ""]
    for place, model in ((0, first), (2, second)):
        for writing in compute(
            generate.write, model, prompt, max_new_tokens=integral(length), temperature=temperature,
            seed=integral(seed),
        ):  # fmt: skip
            shown[place : place + 2] = [writing.text, line_of(writing)]
            yield shown[0], shown[1], shown[2], shown[3]


def line_of(writing: generate.Writing) -> str:
    """Where a text came from, and how fast."""
    rate = round(writing.tokens / writing.seconds) if writing.seconds > 0 else 0
    return f"{writing.source.line()} · {say('speed', tokens=writing.tokens, rate=rate)}"


@in_turn
def weigh_text(given: str) -> Iterator[tuple[list[list[Any]], str, str]]:
    """Say how many bytes a text takes as it is, to gzip and xz, and to each text model; returns a table, row by row,
    the same as HTML, and where each model came from.

    Parameters:
        given: a text of 1 to 2,000 characters
    """
    rows: list[list[Any]] = []
    sources: list[str] = []
    about = {row["name"]: (row["name"], row["figure"], row["licence"]) for row in library.table()}
    for one in compute(compression.sizes, given):
        bits = None if one.bits_a_character is None else round(one.bits_a_character, 2)
        rows.append([one.name, one.size, bits, one.why])
        if one.kind == "model":
            sources.append(" · ".join(filter(None, about.get(one.name, (one.name,)))))
        yield rows, _bars(rows), "\n".join(sources)


def _bars(rows: list[list[Any]]) -> str:
    """HTML of a bar a row, as long as the text is to it."""
    most = max(size for _, size, _, _ in rows if size is not None)
    lines = "".join(
        f'<li style="--share:{size / most:.4f}"><b>{html.escape(name)}</b><span>{say("bytes", count=size)}</span></li>'
        for name, size, _, _ in rows
        if size is not None
    )
    return f'<div class="zoo-blanks zoo-bytes"><ol>{lines}</ol></div>'


def writers() -> list[str]:
    """Checkpoints that write running text."""
    return [name for name in library.choices(TEXT_GENERATION) if not generate.is_verse(name) and not is_chat(name)]


def comparing(tab: gr.Tab) -> None:
    """The page of two models."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("compare_intro")
            first = live_picker(writers, "model", "compare_first")
            second = live_picker(lambda: [*writers()[1:], *writers()[:1]], "other_model", "compare_second")
            prompt = gr.Textbox(
                TEXTS[1][:16], label=text("prompt"), placeholder=text("prompt_placeholder"), lines=2, max_lines=6,
                elem_id="compare_prompt",
            )  # fmt: skip
            length = gr.Slider(1, 1000, 120, step=1, label=text("length"), elem_id="compare_length")
            seed, dice = seed_and_dice("compare")
            run, stop = run_and_stop("write", "compare")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                temperature = gr.Slider(0, 2, 0.7, step=0.05, label=text("temperature"), elem_id="compare_temperature")
        with gr.Column(elem_classes="zoo-results"):
            outputs: list[gr.components.Component] = []
            with gr.Row(elem_classes="zoo-pair"):
                for side in ("compare", "compare_other"):
                    with gr.Column(min_width=0):
                        outputs.append(
                            gr.Textbox(
                                label=text("text_result"), show_label=False, lines=16, max_lines=16, interactive=False,
                                buttons=["copy"], placeholder=text("text_empty"), elem_id=f"{side}_result",
                                elem_classes="zoo-result zoo-prose",
                            )
                        )  # fmt: skip
                        outputs.append(source_line(side))
    wire(
        compare_texts, [first, second, prompt, length, temperature, seed], outputs, api_name="compare_texts", run=run,
        stop=stop, dice=(seed, dice),
    )  # fmt: skip


def weighing(tab: gr.Tab) -> None:
    """The page of bytes."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("weigh_intro")
            given = gr.Textbox(TEXTS[0], label=text("text_result"), lines=4, max_lines=10, elem_id="weigh_text")
            chips = examples("weigh", [one.replace("\n", " ")[:34] for one in TEXTS])
            run, stop = run_and_stop("weigh", "weigh")
        with gr.Column(elem_classes="zoo-results"):
            bars = gr.HTML(label=text("weigh"), elem_id="weigh_result", padding=False)
            table = gr.Dataframe(
                headers=[both("col_name"), both("col_bytes"), both("col_bits"), ""], interactive=False, wrap=True,
                datatype=["str", "number", "number", "str"], elem_id="weigh_table", elem_classes="zoo-table",
            )  # fmt: skip
            source = source_line("weigh")
    wire(
        weigh_text, [given], [table, bars, source], api_name="weigh_text", run=run, stop=stop,
        fills=[(chip, given, json.dumps(one)) for chip, one in zip(chips, TEXTS, strict=True)],
    )  # fmt: skip
