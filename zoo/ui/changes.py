"""Pages that begin with a picture: a drawing coloured, a style changed, damage repaired, a small picture enlarged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import gradio as gr

from zoo.data.image import VENDORS
from zoo.data.media import read_picture
from zoo.entry import IMAGE_TRANSLATION
from zoo.generate import library
from zoo.generate import translate as generate
from zoo.generate.image import ENLARGED
from zoo.generate.library import InputError
from zoo.ui import files
from zoo.ui.controls import intro, live_picker, run_and_stop, seed_and_dice, source_line, wire
from zoo.ui.guard import compute, in_turn, integral
from zoo.ui.pad import TAKE, TAKE_PARTS, drawn, editor, pad, take_brush
from zoo.ui.strings import say, text

Changed = tuple[tuple[str, str], str, str]
"""What a handler gives: the paths before and after, the source line, and the picture to keep."""
EXAMPLES = 6
"""Pictures offered to begin with."""
SHRUNK = "shrunk"
"""The way to enlarge that makes the picture small first."""


@in_turn
def colour_drawing(model: str, drawing: str | None) -> Iterator[Changed]:
    """Turn a drawing of lines into a coloured emoji; returns the lines as seen and the picture.

    Parameters:
        model: name of a checkpoint that colours outlines, as the Models tab lists it
        drawing: a picture of dark lines on light paper, or light on dark
    """
    yield from _changed(model, drawn(drawing), how="drawing")


@in_turn
def change_style(model: str, picture: str | None, back: bool) -> Iterator[Changed]:
    """Draw an emoji in another vendor's style; returns it before and after.

    Parameters:
        model: name of a checkpoint that changes styles, as the Models tab lists it
        picture: a picture of any size; its whole is fitted into a small square
        back: whether to go from the second style to the first, for a model that goes both ways
    """
    yield from _changed(model, _given(picture), back=bool(back))


@in_turn
def restore_picture(
    model: str, picture: str | None, marks: str | None, how: str, seed: int, strength: float
) -> Iterator[Changed]:
    """Repair what is marked in a picture, or take its noise away; returns it before and after.

    Parameters:
        model: name of a checkpoint that repairs pictures, as the Models tab lists it
        picture: a picture of any size; its whole is fitted into a small square
        marks: a picture of the same size that is not transparent where the first one is to be repaired
        how: "mask" repairs what is marked; "holes" and "noise" spoil the picture first, for show; "as it is" does not
        seed: whole number from 0, for holes and noise; the same seed gives the same ones
        strength: how strong the noise is, 0.05 to 1
    """
    mask = read_picture(marks, opaque=False) if marks else None
    yield from _changed(
        model, _given(picture), how=how, mask=mask, seed=integral(seed), strength=strength
    )  # fmt: skip


@in_turn
def enlarge_picture(model: str, picture: str | None, how: str) -> Iterator[Changed]:
    """Make a picture four times as wide and as high; returns it before and after, or the original and the result.

    Parameters:
        model: name of a checkpoint that enlarges pictures, as the Models tab lists it
        picture: a picture of any size; above 256 pixels a side it is reduced to that first
        how: "as it is", or "shrunk": first made as small as what was learnt from, and shown beside the original
    """
    for made in compute(generate.enlarge, model, _given(picture), shrink=how == SHRUNK):
        record = made.pictures.source.record
        before, after = (files.picture(image, record, f"picture {i}") for i, image in enumerate(made.pictures.images))
        if made.original is not None:
            before = files.plain(made.original, ENLARGED)
        yield (before, after), f"{made.pictures.source.line()} · {_sizes(made)}", after


def _sizes(made: generate.Enlargement) -> str:
    """What was enlarged, in words: how large it was, and what was lost before the model saw it."""
    given, seen, after = (
        f"{width} × {height}" for width, height in (made.given, made.seen, made.pictures.images[1].size)
    )
    if made.original is not None:
        return say("enlarged_shrunk", seen=seen)
    return say("enlarged_reduced", given=given, seen=seen) if made.reduced else say("enlarged", given=given, made=after)


def _given(path: str | None) -> Any:
    if not path:
        raise InputError(say("no_picture"))
    return read_picture(path)


def _changed(model: str, picture: Any, **options: Any) -> Iterator[Changed]:
    for made in compute(generate.translate, model, picture, **options):
        record = made.source.record
        before, after = (files.picture(image, record, f"picture {i}") for i, image in enumerate(made.images))
        yield (before, after), made.source.line(), after


def models_for(*sources: str) -> list[str]:
    """Checkpoints whose sources are of these kinds."""
    found = []
    for name in library.choices(IMAGE_TRANSLATION):
        try:
            if generate.way_of(name).source in sources:
                found.append(name)
        except InputError:
            continue  # one that cannot be used is not offered
    return found


def _result(prefix: str) -> list[gr.components.Component]:
    """Before and after under a slider, the quiet line, and a button that keeps the picture."""
    slider = gr.ImageSlider(
        label=text("before_after"), show_label=False, type="filepath", format="png", interactive=False,
        buttons=["fullscreen"], max_height=560, elem_id=f"{prefix}_result", elem_classes="zoo-result zoo-slider",
    )  # fmt: skip
    source = source_line(prefix)
    save = gr.DownloadButton(text("save_picture"), size="sm", elem_id=f"{prefix}_save", elem_classes="zoo-save")
    return [slider, source, save]


def _samples(
    tab: gr.Tab, model: gr.Dropdown, picture: gr.components.Component, prefix: str, *, truths: bool = False
) -> None:
    """Held-out pictures to begin with, read when the page is first opened; a click takes one. With `truths` they are
    what the model is to make of them."""
    gr.Markdown(text("examples"), elem_classes="zoo-caption")
    gallery = gr.Gallery(
        label=text("examples"), show_label=False, columns=3, fit_columns=False, height="auto", object_fit="contain",
        allow_preview=False, buttons=[], format="png", elem_id=f"{prefix}_examples", elem_classes="zoo-gallery",
    )  # fmt: skip
    quiet: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    for event in (tab.select, model.change):
        event(partial(_offered, truths=truths), [model], [gallery], **quiet)
    gallery.select(_taken(isinstance(picture, gr.ImageEditor), truths), [model], [picture], **quiet)


def _offered(model: str, *, truths: bool) -> list[tuple[str, str]]:
    found = generate.examples(model, EXAMPLES)
    return [(files.plain(one.truth if truths else one.picture, 4), one.name) for one in found]


def _taken(into_editor: bool, truths: bool) -> Callable[..., Any]:
    def take(model: str, event: gr.SelectData) -> Any:
        found = generate.examples(model, EXAMPLES)
        if not isinstance(event.index, int) or not 0 <= event.index < len(found):
            raise InputError(say("no_picture"))
        chosen = found[event.index]
        path = files.plain(chosen.truth if truths else chosen.picture, 1)
        return {"background": path, "layers": [], "composite": path} if into_editor else path

    return take


def _upload(prefix: str) -> gr.Image:
    return gr.Image(
        label=text("picture"), type="filepath", image_mode=None, format="png", sources=["upload", "clipboard"],
        height=260, buttons=[], elem_id=f"{prefix}_picture", elem_classes="zoo-upload",
    )  # fmt: skip


def colour(tab: gr.Tab) -> None:
    """The page that colours a drawing."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("colour_intro")
            model = live_picker(lambda: models_for("outline"), "model", "colour_model")
            sketch, drawing = pad("colour_pad", "pad", brush=6)
            run, stop = run_and_stop("colour", "colour")
        with gr.Column(elem_classes="zoo-results"):
            outputs = _result("colour")
    take_brush(tab, "colour_pad")
    wire(
        colour_drawing, [model, drawing], outputs, api_name="colour_drawing", run=run, stop=stop,
        first=(sketch, [drawing], TAKE),
    )  # fmt: skip


def style(tab: gr.Tab) -> None:
    """The page that changes styles."""
    names = models_for(*VENDORS)
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("style_intro")
            model = live_picker(lambda: models_for(*VENDORS), "model", "style_model")
            picture = _upload("style")
            _samples(tab, model, picture, "style")
            back = gr.Checkbox(False, label=text("back"), visible=_goes_back(names), elem_id="style_back")
            run, stop = run_and_stop("change_style", "style")
        with gr.Column(elem_classes="zoo-results"):
            outputs = _result("style")
    model.change(
        lambda name: gr.update(value=False, visible=_goes_back([name])), [model], [back],
        api_visibility="private", queue=False, show_progress="hidden",
    )  # fmt: skip
    wire(change_style, [model, picture, back], outputs, api_name="change_style", run=run, stop=stop)


def _goes_back(names: Sequence[str]) -> bool:
    return bool(names) and generate.goes_back(names[0])


def restore(tab: gr.Tab) -> None:
    """The page that repairs pictures."""
    names = models_for("damaged", "noisy")
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("restore_intro")
            model = live_picker(lambda: models_for("damaged", "noisy"), "model", "restore_model")
            canvas, picture, marks = editor("restore_editor", "picture")
            _samples(tab, model, canvas, "restore", truths=True)
            how = gr.Radio(_ways(names[0]), value="holes", label=text("how"), elem_id="restore_how")
            seed, dice = seed_and_dice("restore")
            run, stop = run_and_stop("restore", "restore")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                strength = gr.Slider(0.05, 1, 0.3, step=0.05, label=text("strength"), elem_id="restore_strength")
        with gr.Column(elem_classes="zoo-results"):
            outputs = _result("restore")
    model.change(
        lambda name: gr.update(choices=_ways(name), value=_ways(name)[1][1]), [model], [how],
        api_visibility="private", queue=False, show_progress="hidden",
    )  # fmt: skip
    wire(
        restore_picture, [model, picture, marks, how, seed, strength], outputs, api_name="restore_picture", run=run,
        stop=stop, dice=(seed, dice), first=(canvas, [picture, marks], TAKE_PARTS),
    )  # fmt: skip


def _ways(model: str) -> list[tuple[Any, str]]:
    """What can be done before a model that repairs is given a picture, in words."""
    return [(text(f"how_{way.replace(' ', '_')}"), way) for way in generate.preparations(model)]


def enlarge(tab: gr.Tab) -> None:
    """The page that enlarges pictures."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("enlarge_intro")
            model = live_picker(lambda: models_for("small"), "model", "enlarge_model")
            picture = _upload("enlarge")
            _samples(tab, model, picture, "enlarge", truths=True)
            ways: list[tuple[Any, str]] = [
                (text("enlarge_as_it_is"), generate.AS_IT_IS), (text("enlarge_shrunk"), SHRUNK),
            ]  # fmt: skip
            how = gr.Radio(ways, value=generate.AS_IT_IS, label=text("enlarge_how"), elem_id="enlarge_how")
            run, stop = run_and_stop("enlarge", "enlarge")
        with gr.Column(elem_classes="zoo-results"):
            outputs = _result("enlarge")
    wire(enlarge_picture, [model, picture, how], outputs, api_name="enlarge_picture", run=run, stop=stop)
