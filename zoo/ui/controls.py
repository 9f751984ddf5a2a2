"""The small parts that every tab is made of, and the wiring of an action: button, Enter, dice, examples, Stop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr

from zoo.generate import library
from zoo.ui.guard import SLOTS, GuardedBlocks
from zoo.ui.strings import text

PROGRESS = gr.Progress()
"""As a parameter's default: gradio hands the handler a progress bar of its own."""
ROLL = "() => Math.floor(Math.random() * 1000000)"
COMPUTE: dict[str, Any] = {"concurrency_id": "compute", "concurrency_limit": SLOTS}
"""The queue of what computes."""
LIGHT: dict[str, Any] = {"concurrency_id": "light", "concurrency_limit": 4, "show_progress": "hidden"}
"""A queue of its own: what only reads never waits for those who compute."""
REVEAL = """() => { if (window.innerWidth < 820)
  document.querySelector(%r)?.scrollIntoView({behavior: "smooth", block: "start"}); }"""
"""JavaScript: on a small screen, where results stand below, scroll to the selector that is filled in."""


def alone(fill: Callable[[gr.Blocks], None]) -> gr.Blocks:
    """A page of a tab's content; the app fills one page with all of them, for each page of gradio's is a server."""
    with GuardedBlocks() as page:
        fill(page)
    return page


_pickers: WeakKeyDictionary[gr.Dropdown, Callable[[], list[str]]] = WeakKeyDictionary()


def model_picker(task: str, elem_id: str, *, leave_out: Callable[[str], bool] = lambda name: False) -> gr.Dropdown:
    """A picker of the checkpoints that do `task`, but for those that `leave_out` says."""
    return live_picker(lambda: [name for name in library.choices(task) if not leave_out(name)], "model", elem_id)


def live_picker(names: Callable[[], list[str]], label: str, elem_id: str) -> gr.Dropdown:
    """A picker whose names are asked for again when a checkpoint was loaded."""
    picker = picker_of(names(), label, elem_id)
    _pickers[picker] = names
    return picker


def picker_of(names: Sequence[str], label: str, elem_id: str, *, prefer: str = "") -> gr.Dropdown:
    """A picker of plain names; `prefer` is chosen where it is one of them, else the first."""
    value = prefer if prefer in names else next(iter(names), None)
    return gr.Dropdown(list(names), value=value, label=text(label), elem_id=elem_id, filterable=False)


def offer_new_models() -> None:
    """Let every session that starts from now on choose what was loaded meanwhile."""
    for picker, names in _pickers.items():
        picker.choices = [(name, name) for name in names()]


def refresh_pickers(tab: gr.Tab) -> None:
    """Offer what was loaded meanwhile whenever `tab` is opened."""
    for picker in [block for block in _inside(tab) if isinstance(block, gr.Dropdown) and block in _pickers]:
        names = _pickers[picker]
        tab.select(
            lambda names=names: gr.update(choices=names()),
            outputs=[picker], api_visibility="private", queue=False, show_progress="hidden",
        )  # fmt: skip


def _inside(block: gr.blocks.Block) -> Iterator[gr.blocks.Block]:
    yield block
    for child in getattr(block, "children", ()):
        yield from _inside(child)


def seed_and_dice(prefix: str, seed: int = 0) -> tuple[gr.Number, gr.Button]:
    """A seed (the first one given makes a good first impression) and a button that rolls another and runs."""
    with gr.Row(elem_classes="zoo-seed"):
        number = gr.Number(seed, label=text("seed"), minimum=0, elem_id=f"{prefix}_seed", min_width=80)
        dice = gr.Button("\u200b", elem_id=f"{prefix}_dice", elem_classes="zoo-dice", scale=0, min_width=44)
    return number, dice


def run_and_stop(label: str, prefix: str) -> tuple[gr.Button, gr.Button]:
    """The button that starts, and the one that stops (it wakes while something runs)."""
    with gr.Row(elem_classes="zoo-run"):
        run = gr.Button(text(label), variant="primary", elem_id=f"{prefix}_run", scale=3, min_width=120)
        stop = gr.Button(text("stop"), elem_id=f"{prefix}_stop", elem_classes="zoo-stop", scale=1, min_width=72)
    return run, stop


def intro(key: str) -> gr.Markdown:
    """One sentence that says what happens here."""
    return gr.Markdown(text(key), elem_classes="zoo-intro")


def source_line(prefix: str, *, most: int = 6) -> gr.Textbox:
    """The quiet line under a result, or as many as `most`. A text box, because names come from checkpoints and must
    stay plain text."""
    return gr.Textbox(
        label=text("source"), show_label=False, container=False, interactive=False, lines=1, max_lines=most,
        placeholder=text("source_empty"), elem_id=f"{prefix}_source", elem_classes="zoo-source",
    )  # fmt: skip


def result_picture(prefix: str, label: str, *, name: str = "result", classes: str = "") -> gr.Image:
    """A large picture with a download button; PNG, and shown without smoothing."""
    return gr.Image(
        label=text(label), show_label=False, interactive=False, format="png", type="filepath", image_mode=None,
        buttons=["download", "fullscreen"], elem_id=f"{prefix}_{name}", elem_classes=["zoo-result", *classes.split()],
    )  # fmt: skip


def examples(prefix: str, labels: Sequence[Any]) -> list[gr.Button]:
    """A row of small buttons with plain labels, or such as the browser translates."""
    return example_row(prefix, labels)[1]


def example_row(prefix: str, labels: Sequence[Any], *, visible: bool = True) -> tuple[gr.Row, list[gr.Button]]:
    """As `examples`, with the row, which can be hidden."""
    with gr.Row(elem_classes="zoo-examples", visible=visible) as row:
        buttons = [
            gr.Button(label, size="sm", elem_id=f"{prefix}_example_{i}", scale=0, min_width=0)
            for i, label in enumerate(labels)
        ]
    return row, buttons


def wire(
    handler: Callable[..., Any],
    inputs: Sequence[gr.components.Component],
    outputs: Sequence[gr.components.Component],
    *,
    api_name: str,
    run: gr.Button,
    stop: gr.Button | None = None,
    dice: tuple[gr.Number, gr.Button] | None = None,
    enter: Sequence[gr.Textbox] = (),
    fills: Sequence[tuple[gr.Button, gr.components.Component | list[gr.components.Component], str]] = (),
    progress: Sequence[gr.components.Component] | None = None,
    first: tuple[gr.components.Component, Sequence[gr.components.Component], str] | None = None,
) -> None:
    """Run `handler` on a click of `run` (that is the named endpoint), Enter, the dice, or an example; Stop cancels.

    `fills` are (button, component, JavaScript literal): the example writes the value, or an array of values into
    several components, and runs. `first` is (from, to, JavaScript function): what a click copies in the browser before
    the handler runs.
    """
    describe(handler, inputs)
    shared: dict[str, Any] = {
        "inputs": list(inputs), "outputs": list(outputs), "show_progress_on": list(progress or outputs[:1]), **COMPUTE,
    }  # fmt: skip
    reveal = REVEAL % f"#{outputs[0].elem_id}"
    if first:
        copied = run.click(None, [first[0]], list(first[1]), js=first[2])
        events = [copied.then(handler, api_name=api_name, **shared)]
    else:
        events = [run.click(handler, api_name=api_name, **shared)]
    run.click(None, js=reveal)
    for box in enter:
        events.append(box.submit(handler, api_visibility="private", **shared))
    steps: list[tuple[gr.Button, Any, str]] = [(button, target, f"() => {value}") for button, target, value in fills]
    if dice:
        steps.append((dice[1], dice[0], ROLL))
    for button, target, code in steps:
        filled = button.click(None, outputs=target if isinstance(target, list) else [target], js=code)
        events.append(filled.then(handler, api_visibility="private", **shared))
        button.click(None, js=reveal)
    if stop:
        stop.click(None, cancels=events)


def describe(handler: Callable[..., Any], inputs: Sequence[gr.components.Component]) -> None:
    """Give the endpoint's parameters the words of the handler's docstring, in /gradio_api/info and its clients.

    Raises ValueError for a parameter without words: an endpoint is not public until it is documented.
    """
    section = (inspect.getdoc(handler) or "").partition("Parameters:")[2].partition("Returns:")[0]
    lines = [line.strip().partition(":") for line in section.strip().splitlines()]
    described = {name: words.strip() for name, _, words in lines}
    named = [p.name for p in inspect.signature(handler).parameters.values() if not isinstance(p.default, gr.Progress)]
    for name, component in zip(named, inputs, strict=True):
        if not described.get(name):
            raise ValueError(f"{handler.__name__} does not say what its parameter {name!r} is")
        schema = dict(component.api_info_as_input()) | {"additional_description": described[name]}
        component.api_info_as_input = lambda schema=schema: schema
