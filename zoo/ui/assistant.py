"""The page of the assistant: something typed or said, and an answer in text, in voice and with a picture."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from zoo.data.media import read_audio
from zoo.generate import assistant as generate
from zoo.generate import chat
from zoo.generate.inputs import InputError
from zoo.ui import files
from zoo.ui.controls import (
    PROGRESS,
    ROLL,
    examples,
    intro,
    live_picker,
    result_picture,
    run_and_stop,
    seed_and_dice,
    source_line,
    wire,
)
from zoo.ui.conversation import ROLE_OF, Messages, messages_of
from zoo.ui.guard import compute, in_turn, integral
from zoo.ui.player import player
from zoo.ui.strings import both, say, text

offered = generate.offered
Shown = tuple[Any, Any, Any, Any, Any, Any, Any]
"""The whole chat, the message that is still to be sent, sound, picture, emoji, the lines of the steps and the file: the
outputs of both endpoints."""


@in_turn
def ask_assistant(
    model: str, history: Any, message: str, seed: int, progress: gr.Progress = PROGRESS
) -> Iterator[Shown]:
    """Answer a message in text, in voice and with a picture; returns the whole chat, an empty message, the voice, the
    picture or an emoji as HTML, a line for each step with its model, and all of it as one ZIP.

    Parameters:
        model: name of a checkpoint that replies, as the Models tab lists it
        history: what was said before, as messages with a role ("user" or "assistant") and content
        message: what is said now, in English or Chinese, or a number; at most 1,000 characters
        seed: whole number from 0; the same seed gives the same answer
    """
    yield from _answered(model, history, message, None, seed, progress)


@in_turn
def tell_assistant(
    model: str, history: Any, recording: str, seed: int, progress: gr.Progress = PROGRESS
) -> Iterator[Shown]:
    """Answer a recording of a digit in text, in voice and with a picture; returns what `ask_assistant` does.

    Parameters:
        model: name of a checkpoint that replies, as the Models tab lists it
        history: what was said before, as messages with a role ("user" or "assistant") and content
        recording: a WAV or FLAC file, at most 30 seconds, of one digit said in English
        seed: whole number from 0; the same seed gives the same answer
    """
    if not recording:
        raise InputError(say("nothing_heard"))
    yield from _answered(model, history, "", read_audio(recording), seed, progress)


def _answered(
    model: str, history: Any, message: str, recording: Any, seed: int, progress: gr.Progress
) -> Iterator[Shown]:
    before = messages_of(history)
    turns = [(ROLE_OF[one["role"]], one["content"]) for one in before]
    for made in compute(generate.answer, model, turns, message, recording=recording, seed=integral(seed)):
        if isinstance(made, float):
            progress(made, desc=say("sampling"))
            yield (gr.skip(),) * 7
            continue
        said: Messages = [{"role": "user", "content": made.said}, {"role": "assistant", "content": made.text}]
        sound = None if made.sound is None else files.sound(made.sound)
        picture = None if made.picture is None else files.picture(made.picture, made.seen)
        file = files.answer(made, integral(seed)) if made.done else None
        left = "" if made.done and recording is None else gr.skip()
        yield [*before, *said], left, sound, picture, _emoji(made), lines_of(made), file


def _emoji(made: generate.Answer) -> str:
    """HTML of the emoji that was found, or nothing."""
    if made.emoji is None:
        return ""
    found = made.emoji.matches[0]
    names = html.escape(f"{found.english} · {found.chinese} · {100 * found.share:.1f} %")
    return f'<p class="zoo-emoji"><span>{html.escape(found.emoji)}</span><br>{names}</p>'


def lines_of(made: generate.Answer) -> str:
    """A line for each step: what was done, the model, its figure and its licence; and one for each form that is
    missing, with the reason."""
    lines = []
    for step in made.steps:
        parts = (say(f"step_{step.what}"), step.model or say("by_rule"), step.figure, step.licence)
        lines.append(" · ".join(part for part in parts if part))
    for key, lack in (("no_sound_made", made.no_sound), ("no_picture_made", made.no_picture)):
        if lack is not None:
            lines.append(say(key, why=lack.words(say("doctor_language"))))
    return "\n".join(lines)


def asking(tab: gr.Tab) -> None:
    """The page."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("assistant_intro")
            with gr.Tabs(overflow_behavior="wrap", elem_classes="zoo-ways"):
                with gr.Tab(text("type"), elem_id="tab_assistant_type"):
                    message = gr.Textbox(
                        generate.EXAMPLES[0], label=text("message"), placeholder=text("message_placeholder"), lines=2,
                        max_lines=6, elem_id="assistant_message",
                    )  # fmt: skip
                    chips = examples("assistant", generate.EXAMPLES)
                    ask, ask_stop = run_and_stop("say_it", "assistant")
                with gr.Tab(text("voice"), elem_id="tab_assistant_voice"):
                    intro("assistant_voice_intro")
                    recording = gr.Audio(
                        sources=["microphone", "upload"], type="filepath", label=text("recording"), editable=False,
                        buttons=[], elem_id="assistant_recording", elem_classes="zoo-recorder",
                    )  # fmt: skip
                    tell, tell_stop = run_and_stop("say_it", "assistant_voice")
            model = live_picker(chat.choices, "model", "assistant_model")
            seed, dice = seed_and_dice("assistant")
        with gr.Column(elem_classes="zoo-results"):
            history = gr.Chatbot(
                label=text("assistant"), show_label=False, height=300, render_markdown=False, sanitize_html=True,
                buttons=[], feedback_options=None, placeholder=both("chat_empty"), elem_id="assistant_result",
                elem_classes="zoo-chat",
            )  # fmt: skip
            sound = player("assistant_sound", autoplay=True)
            picture = result_picture("assistant", "as_picture", name="picture", classes="zoo-moment")
            emoji = gr.HTML(label=text("found"), elem_id="assistant_emoji", padding=False)
            steps = source_line("assistant", most=16)
            with gr.Row(elem_classes="zoo-run"):
                save = gr.DownloadButton(
                    text("save_answer"), size="sm", elem_id="assistant_save", elem_classes="zoo-save", scale=0
                )
                reset = gr.Button(
                    text("forget"), size="sm", elem_id="assistant_reset", elem_classes="zoo-save", scale=0
                )
    outputs = [history, message, sound, picture, emoji, steps, save]
    reset.click(None, outputs=[history, sound, picture, emoji, steps], js="() => [[], null, null, '', '']")
    dice.click(None, outputs=[seed], js=ROLL)  # for what is said next
    wire(
        ask_assistant, [model, history, message, seed], outputs, api_name="ask_assistant", run=ask, stop=ask_stop,
        enter=[message],
        fills=[(chip, message, json.dumps(one)) for chip, one in zip(chips, generate.EXAMPLES, strict=True)],
    )  # fmt: skip
    wire(
        tell_assistant, [model, history, recording, seed], outputs, api_name="tell_assistant", run=tell, stop=tell_stop
    )
