"""The Models tab: what is in the zoo, its figures and cards, and a door for any other zoo checkpoint."""

from __future__ import annotations

import html
import re
from typing import Any

import gradio as gr

from zoo.generate import library
from zoo.ui import replay
from zoo.ui.controls import COMPUTE, alone, describe, intro, live_picker, offer_new_models
from zoo.ui.strings import english, say, text

WIDTHS = (196, 222, 256, 98, 50, 112, 230)
"""Pixels that the columns have; a narrow screen scrolls."""
COLUMNS = ("name", "task", "figure", "parameters", "size", "licence", "data")
MAX_CARD = 20_000


def list_models() -> list[list[str]]:
    """List the checkpoints: name, task, headline figure, parameters, megabytes, licence, data."""
    return [_row(row) for row in library.table()]


def show_card(name: str) -> str:
    """Return the model card of a checkpoint, as Markdown without images and links.

    Parameters:
        name: name of a checkpoint, as the table lists it
    """
    for row in library.table():
        if row["name"] == name:
            return plain_card(row["card"])
    library.config_of(name)  # says what exists
    return ""


def add_model(source: str) -> tuple[Any, Any, str]:
    """Load any zoo checkpoint; returns the table, its name and its card.

    Parameters:
        source: a Hub id (user/name or user/name@revision), or a local folder
    """
    name = library.add(source)
    offer_new_models()
    gr.Success(say("added", name=html.escape(name)))  # shown as HTML
    return _table(), gr.update(choices=_names(), value=name), show_card(name)


def plain_card(card: str) -> str:
    """A card as Markdown that can fetch nothing and lead nowhere: no front matter, images, links or HTML.

    Cards come from strangers. Addresses stay readable, as code.
    """
    body = re.sub(r"\A---\n.*?\n---\n", "", card[:MAX_CARD], flags=re.DOTALL)
    body = re.sub(r"!\[[^\]]*\](\([^)]*\)|\[[^\]]*\])", "", body)
    body = re.sub(r"\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])", r"\1", body)
    body = re.sub(r"^\s*\[[^\]]+\]:.*$", "", body, flags=re.MULTILINE)
    body = re.sub(r"<(/?[A-Za-z!?])", r"&lt;\1", body)
    return re.sub(r"(?<!`)\b(?:https?://|www\.)[^\s)`>]+", lambda found: f"`{found[0]}`", body)


def _names() -> list[str]:
    return [row["name"] for row in library.table()]


def _row(row: dict[str, Any]) -> list[str]:
    return [
        str(row["name"]), str(row["task"]), str(row["figure"] or "–"), f"{row['parameters']:,}",
        f"{row['megabytes']:.1f}", str(row["licence"]), str(row["data"]),
    ]  # fmt: skip


def _table() -> dict[str, Any]:
    """The table as it is now, its headers in the visitor's language (the browser does not translate headers)."""
    return {"headers": [say(f"col_{name}") for name in COLUMNS], "data": list_models()}


def fill(page: gr.Blocks) -> None:
    """Put the tab's content into the page that is open."""
    with gr.Tabs(overflow_behavior="wrap", elem_classes="zoo-kinds"):
        with gr.Tab(text("catalogue"), elem_id="tab_catalogue"):
            _catalogue(page)
        with gr.Tab(text("replay"), elem_id="tab_replay"):
            replay.page()


def build() -> gr.Blocks:
    """The tab on its own."""
    return alone(fill)


def _catalogue(tab: gr.Blocks) -> None:
    rows = library.table()
    with gr.Column(elem_classes="zoo-page"):
        intro("models_intro")
        table = gr.Dataframe(
            [_row(row) for row in rows], headers=[english(f"col_{name}") for name in COLUMNS], datatype="str",
            interactive=False, wrap=True, column_widths=list(WIDTHS), label=text("table"), show_label=False,
            buttons=[], max_height=720, elem_id="models_table", elem_classes="zoo-table",
        )  # fmt: skip
        with gr.Row(elem_classes="zoo-doors"):
            with gr.Column(min_width=300):
                picker = live_picker(_names, "show_card", "models_name")
            with gr.Column(min_width=300), gr.Row(elem_classes="zoo-add"):
                source = gr.Textbox(
                    label=text("add_label"), placeholder=text("add_placeholder"), elem_id="models_source", scale=4
                )
                load = gr.Button(text("add_button"), elem_id="models_add", scale=1, min_width=80)
        card = gr.Markdown(
            plain_card(rows[0]["card"]) if rows else "", label=text("card"), elem_id="models_card",
            elem_classes="zoo-card", latex_delimiters=[], sanitize_html=True,
        )  # fmt: skip
        tab.load(_table, None, [table], api_visibility="private", queue=False, show_progress="hidden")
        describe(show_card, [picker])
        describe(add_model, [source])
        picker.change(show_card, [picker], [card], api_name="show_card", show_progress="hidden")
        added = {"inputs": [source], "outputs": [table, picker, card], "show_progress_on": [card], **COMPUTE}
        load.click(add_model, api_name="add_model", **added)
        source.submit(add_model, api_visibility="private", **added)
        gr.api(list_models, api_name="list_models")
