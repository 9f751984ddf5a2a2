"""The page that draws emoji from a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from zoo.entry import TEXT_TO_IMAGE
from zoo.generate import library
from zoo.generate import prompting as generate
from zoo.generate.image import MAX_GUIDANCE, MAX_STEPS
from zoo.ui import files
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
from zoo.ui.strings import say, text


@in_turn
def draw_emoji(
    model: str, prompt: str, style: str, count: int, seed: int, steps: int, guidance: float,
    progress: gr.Progress = PROGRESS,
) -> Iterator[tuple[Any, Any]]:  # fmt: skip
    """Draw emoji of a text; returns a sheet of pictures and its source.

    Parameters:
        model: name of a checkpoint that draws from words, as the Models tab lists it
        prompt: what to draw, in English or Chinese; at most 300 characters
        style: google, twitter, openmoji or fluent
        count: how many pictures, 1 to 16
        seed: whole number from 0; the same seed gives the same pictures
        steps: steps from noise to picture, 1 to 100
        guidance: how far the text is followed, 0 to 10; 1 is as learnt
    """
    for step in compute(
        generate.draw, model, prompt, style=style, count=integral(count), seed=integral(seed), steps=integral(steps),
        guidance=guidance,
    ):  # fmt: skip
        if isinstance(step, float):
            progress(step, desc=say("drawing_steps"))
            yield gr.skip(), gr.skip()
        else:
            line = step.source.line()
            yield files.picture(step.sheet, step.source.record), "\n".join(filter(None, (line, _known(model, prompt))))


def _known(model: str, prompt: str) -> str:
    """Whether a prompt names an emoji that was learnt from, and else the nearest that does; "" where none can say."""
    known = generate.nearest_learnt(model, prompt)
    return "" if known is None else say("known_emoji" if known.is_its_name else "unknown_emoji", emoji=known.title)


def offered() -> bool:
    """Whether a checkpoint can fill the page."""
    return bool(library.choices(TEXT_TO_IMAGE))


def prompting(tab: gr.Tab) -> None:
    """The page that draws from words."""
    own = library.config_of(library.choices(TEXT_TO_IMAGE)[0]).get("config", {})
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("prompting_intro")
            model = model_picker(TEXT_TO_IMAGE, "prompt_model")
            prompt = gr.Textbox(
                generate.EXAMPLES[0], label=text("prompt_to_draw"), placeholder=text("description_empty"),
                elem_id="prompt_text",
            )  # fmt: skip
            chips = examples("prompt", generate.EXAMPLES)
            style = picker_of(generate.STYLES, "style", "prompt_style")
            seed, dice = seed_and_dice("prompt")
            run, stop = run_and_stop("draw", "prompt")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                count = gr.Slider(1, generate.MAX_COUNT, 4, step=1, label=text("how_many"), elem_id="prompt_count")
                steps = gr.Slider(
                    1, MAX_STEPS, own.get("sampling_steps", 20), step=1, label=text("steps"), elem_id="prompt_steps"
                )
                guidance = gr.Slider(
                    0, MAX_GUIDANCE, own.get("guidance", 3.0), step=0.1, label=text("guidance"),
                    elem_id="prompt_guidance",
                )  # fmt: skip
        with gr.Column(elem_classes="zoo-results"):
            result = result_picture("prompt", "as_picture")
            source = source_line("prompt")
    wire(
        draw_emoji, [model, prompt, style, count, seed, steps, guidance], [result, source], api_name="draw_emoji",
        run=run, stop=stop, dice=(seed, dice), enter=[prompt],
        fills=[(chip, prompt, json.dumps(one)) for chip, one in zip(chips, generate.EXAMPLES, strict=True)],
    )  # fmt: skip
