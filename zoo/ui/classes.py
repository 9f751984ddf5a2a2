"""The picker of a model's classes, which follows the model that is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from zoo.generate import image as generate
from zoo.ui.strings import chinese, english, text

ALL = "all"
"""The choice that stands for no one class."""


def _classes(*models: str) -> list[tuple[str, str]]:
    """Choices of the class picker; every class of the given models once."""
    names = [name for model in models for name in generate.class_names(model)]
    return [(f"{english('class_all')} · {chinese('class_all')}", ALL), *((name, name) for name in dict.fromkeys(names))]


def class_picker(models: Sequence[str], elem_id: str) -> gr.Dropdown:
    """All classes of all models, for callers without a session; a visitor is offered those of the model chosen."""
    return gr.Dropdown(_classes(*models), value=ALL, label=text("class"), elem_id=elem_id, filterable=False)


def follow(page: gr.Blocks, model: gr.Dropdown, label: gr.Dropdown) -> None:
    """Offer the classes of the model chosen."""
    for event in (model.change, page.load):
        event(_choose_class, [model], [label], api_visibility="private", queue=False, show_progress="hidden")


def _choose_class(model: str) -> Any:
    choices = _classes(model)
    return gr.update(choices=choices, value=ALL, visible=len(choices) > 1)
