"""Pages that answer: a chat that remembers, blanks that are filled, and what a text is about."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from zoo.entry import FILL_MASK, TEXT_CLASSIFICATION
from zoo.generate import chat as talk
from zoo.generate import library, masked
from zoo.generate.library import InputError
from zoo.ui import files
from zoo.ui.controls import ROLL, examples, intro, live_picker, run_and_stop, seed_and_dice, source_line, wire
from zoo.ui.guard import compute, in_turn, integral
from zoo.ui.strings import both, say, text

Messages = list[dict[str, str]]
GREETINGS = ("Have you seen a good movie lately?", "What music do you like?", "你喜欢看什么电影？", "故宫在哪里？")
BLANKS = (
    "i really like the ___ of that movie .",
    "the ___ is my favorite band",
    "这部电影的___是谁？",
    "我想去___旅游",
)
ABOUT = ("did you see the goal in the last minute?", "his new album is great", "门票多少钱？", "这部电影的导演是谁？")
ROLE_OF = {"user": "user", "assistant": "bot"}


@in_turn
def chat_reply(
    model: str, history: Any, message: str, temperature: float, seed: int
) -> Iterator[tuple[Messages, str, str, str | None]]:
    """Answer a message, given what was said before; returns the whole chat, streamed, and the reply as a TXT file.

    Parameters:
        model: name of a checkpoint that replies, as the Models tab lists it
        history: what was said before, as messages with a role ("user" or "assistant") and content
        message: what is said now; at most 1,000 characters
        temperature: 0 takes the likeliest token, 1 samples as trained, up to 2
        seed: whole number from 0; the same seed gives the same reply
    """
    before = messages_of(history)
    turns = [(ROLE_OF[one["role"]], one["content"]) for one in before]
    said = {"role": "user", "content": message}
    for made in compute(talk.reply, model, turns, message, temperature=temperature, seed=integral(seed)):
        line = made.source.line()
        if made.score is not None:
            line += f" · {say('found_at', score=made.score)}"
        if made.forgotten:
            line += f" · {say('forgotten', count=made.forgotten)}"
        answer = {"role": "assistant", "content": made.text}
        yield [*before, said, answer], "" if made.done else message, line, files.text(made) if made.done else None


def messages_of(history: Any) -> Messages:
    """What a chat shows, as plain texts. Raises InputError for anything else."""
    if not isinstance(history, list | tuple):
        raise InputError(say("bad_value"))
    found = []
    for one in history:
        role, content = (one.get("role"), one.get("content")) if isinstance(one, dict) else (None, None)
        if isinstance(content, list):
            content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
        if role not in ROLE_OF or not isinstance(content, str):
            raise InputError(say("bad_value"))
        found.append({"role": role, "content": content})
    return found


@in_turn
def fill_blanks(model: str, given: str, top: int) -> Iterator[tuple[str, str, str, str]]:
    """Fill the blanks of a text; returns it filled, the candidates of each blank as HTML, and a TXT file.

    Parameters:
        model: name of a checkpoint that fills blanks, as the Models tab lists it
        given: a text with 1 to 8 blanks, each written ___ or [MASK]
        top: candidates for each blank, 1 to 50
    """
    for made in compute(masked.fill, model, given, top=integral(top)):
        yield made.text, _candidates(made.blanks), made.source.line(), files.text(made)


def _candidates(blanks: Sequence[Sequence[masked.Candidate]]) -> str:
    """HTML of a list a blank, each candidate with a bar as long as it is likely."""
    lists = []
    for blank in blanks:
        most = max(one.probability for one in blank)
        rows = "".join(
            f'<li style="--share:{one.probability / most:.3f}"><b>{html.escape(one.token)}</b>'
            f"<span>{100 * one.probability:.1f} %</span></li>"
            for one in blank
        )
        lists.append(f"<ol>{rows}</ol>")
    return f'<div class="zoo-blanks">{"".join(lists)}</div>'


@in_turn
def tell_topic(model: str, given: str) -> Iterator[tuple[dict[str, float], str]]:
    """Say what a text is about; returns the topics with their probabilities.

    Parameters:
        model: name of a checkpoint that sorts texts, as the Models tab lists it
        given: a text of at most 600 characters
    """
    for made in compute(masked.classify, model, given):
        yield dict(made.classes), made.source.line()


def chat(tab: gr.Tab) -> None:
    """The page of the chat."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("chat_intro")
            model = live_picker(talk.choices, "model", "chat_model")
            message = gr.Textbox(
                GREETINGS[0], label=text("message"), placeholder=text("message_placeholder"), lines=2, max_lines=6,
                elem_id="chat_message",
            )  # fmt: skip
            chips = examples("chat", GREETINGS)
            seed, dice = seed_and_dice("chat")
            run, stop = run_and_stop("say_it", "chat")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                temperature = gr.Slider(
                    0, 2, 0.7, step=0.05, label=text("temperature"), info=text("temperature_info"),
                    elem_id="chat_temperature",
                )  # fmt: skip
        with gr.Column(elem_classes="zoo-results"):
            history = gr.Chatbot(
                label=text("chat"), show_label=False, height=520, render_markdown=False, sanitize_html=True, buttons=[],
                feedback_options=None, placeholder=both("chat_empty"), elem_id="chat_result",
                elem_classes="zoo-chat",
            )  # fmt: skip
            source = source_line("chat")
            with gr.Row(elem_classes="zoo-run"):
                save = files.save_button("chat")
                reset = gr.Button(text("forget"), size="sm", elem_id="chat_reset", elem_classes="zoo-save", scale=0)
    reset.click(None, outputs=[history, source], js="() => [[], '']")
    dice.click(None, outputs=[seed], js=ROLL)  # for what is said next
    wire(
        chat_reply, [model, history, message, temperature, seed], [history, message, source, save],
        api_name="chat_reply", run=run, stop=stop, enter=[message],
        fills=[(chip, message, json.dumps(one)) for chip, one in zip(chips, GREETINGS, strict=True)],
    )  # fmt: skip


def filling(tab: gr.Tab) -> None:
    """The page of blanks."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("fill_intro")
            model = live_picker(lambda: library.choices(FILL_MASK), "model", "fill_model")
            given = gr.Textbox(
                BLANKS[0], label=text("with_blanks"), placeholder=text("with_blanks_empty"), lines=2, max_lines=6,
                elem_id="fill_text",
            )  # fmt: skip
            chips = examples("fill", BLANKS)
            top = gr.Slider(1, 10, 5, step=1, label=text("candidates"), elem_id="fill_top")
            run, stop = run_and_stop("fill_it", "fill")
        with gr.Column(elem_classes="zoo-results"):
            filled = gr.Textbox(
                label=text("text_result"), show_label=False, lines=3, max_lines=8, interactive=False, buttons=["copy"],
                placeholder=text("translation_empty"), elem_id="fill_result", elem_classes="zoo-result zoo-lines",
            )  # fmt: skip
            lists = gr.HTML(label=text("candidates"), elem_id="fill_candidates", padding=False)
            source = source_line("fill")
            save = files.save_button("fill")
    wire(
        fill_blanks, [model, given, top], [filled, lists, source, save], api_name="fill_blanks", run=run, stop=stop,
        fills=[(chip, given, json.dumps(one)) for chip, one in zip(chips, BLANKS, strict=True)],
    )  # fmt: skip


def topic(tab: gr.Tab) -> None:
    """The page that says what a text is about."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("topic_intro")
            model = live_picker(lambda: library.choices(TEXT_CLASSIFICATION), "model", "topic_model")
            given = gr.Textbox(ABOUT[0], label=text("text_result"), lines=2, max_lines=6, elem_id="topic_text")
            chips = examples("topic", ABOUT)
            run, stop = run_and_stop("tell_it", "topic")
        with gr.Column(elem_classes="zoo-results"):
            classes = gr.Label(
                num_top_classes=6, label=text("topic"), elem_id="topic_result", elem_classes="zoo-judged"
            )
            source = source_line("topic")
    wire(
        tell_topic, [model, given], [classes, source], api_name="tell_topic", run=run, stop=stop, enter=[given],
        fills=[(chip, given, json.dumps(one)) for chip, one in zip(chips, ABOUT, strict=True)],
    )  # fmt: skip
