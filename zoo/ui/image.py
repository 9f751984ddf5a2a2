"""The Image tab: pictures from noise, a walk through a latent space, a map of it, and your own drawing redrawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from zoo.data.media import read_picture
from zoo.entry import IMAGE_AUTOENCODING, IMAGE_GENERATION
from zoo.generate import image as generate
from zoo.generate import library
from zoo.generate.library import InputError
from zoo.ui import files
from zoo.ui.api_schema import ImageRequest, bounds
from zoo.ui.controls import (
    alone,
    intro,
    live_picker,
    model_picker,
    result_picture,
    run_and_stop,
    seed_and_dice,
    source_line,
    wire,
)
from zoo.ui.guard import compute, integral, one_at_a_time
from zoo.ui.strings import chinese, english, say, text

ALL = "all"


@one_at_a_time
def draw_images(model: str, label: str, side: int, seed: int, truncation: float) -> Iterator[tuple[Any, str]]:
    """Draw a square sheet of new pictures.

    Parameters:
        model: name of an image checkpoint, as the Models tab lists it
        label: a class of that model, or "all" for its classes in turn
        side: pictures a side of the sheet, 1 to 10
        seed: whole number from 0; the same seed gives the same pictures
        truncation: scale of the noise, 0.1 to 2; below 1 is more typical and less varied
    """
    side = integral(side)
    if type(side) is not int or not 1 <= side <= 10:
        raise InputError(say("not_side", given=side))
    chosen = None if label == ALL else label
    for pictures in compute(generate.draw, model, chosen, count=side**2, seed=integral(seed), truncation=truncation):
        yield files.picture(pictures.sheet, pictures.source.record), pictures.source.line()


@one_at_a_time
def interpolate_images(
    model: str, label: str, seed: int, waypoints: int, frames: int
) -> Iterator[tuple[str, Any, str, str]]:
    """Walk through a model's latent space; returns an animation, the walk as a strip, its source, and a GIF of it.

    Parameters:
        model: name of an image checkpoint that draws in one step, as the Models tab lists it
        label: a class of that model, in which the walk stays, or "all" for its first one
        seed: whole number from 0; the same seed gives the same walk
        waypoints: pictures to pass, 2 to 8
        frames: frames of the animation, 8 to 96
    """
    chosen = None if label == ALL else label
    for animation, strip, source in compute(
        generate.interpolate, model, label=chosen, seed=integral(seed), waypoints=integral(waypoints),
        frames=integral(frames),
    ):  # fmt: skip
        record = source.record
        moving, still = files.animation(animation, record), files.picture(strip, record, "strip")
        yield moving, still, source.line(), files.gif(animation, record)


@one_at_a_time
def latent_map(model: str, seed: int, size: int) -> Iterator[tuple[Any, str]]:
    """Show a flat slice through the latent space of a VAE.

    Parameters:
        model: name of a VAE checkpoint, as the Models tab lists it
        seed: whole number from 0; chooses the slice
        size: pictures a side, 2 to 20
    """
    for pictures in compute(generate.latent_grid, model, seed=integral(seed), size=integral(size)):
        yield files.picture(pictures.sheet, pictures.source.record), pictures.source.line()


@one_at_a_time
def redraw_drawing(model: str, picture: str) -> Iterator[tuple[Any, str]]:
    """Let a VAE see a picture and draw it again; returns both, side by side.

    Parameters:
        model: name of a VAE checkpoint, as the Models tab lists it
        picture: a drawing, dark on white (PNG, JPEG or WEBP, at most 4 megapixels)
    """
    for pictures in compute(generate.reconstruct, model, drawn(picture)):
        yield files.picture(pictures.sheet, pictures.source.record), pictures.source.line()


def drawn(path: str | None) -> Any:
    """The picture at `path`. Raises InputError when nothing was drawn."""
    if not path:
        raise InputError(say("nothing_drawn"))
    return read_picture(path)


def pad(elem_id: str, label: str) -> tuple[gr.Sketchpad, gr.Image]:
    """A square white pad with one round brush, and the unseen picture that a click takes from it (`TAKE`).

    The pad itself is no input of a handler: gradio would send it again with every step of every generator.
    """
    picture = gr.Image(type="filepath", image_mode=None, format="png", visible="hidden", elem_id=f"{elem_id}_taken")
    sketch = gr.Sketchpad(
        label=text(label), show_label=False, type="filepath", image_mode="RGBA", format="png", canvas_size=(320, 320),
        fixed_canvas=True, layers=False, transforms=(), buttons=[], height=340, elem_id=elem_id, elem_classes="zoo-pad",
        brush=gr.Brush(default_size=20, colors=["#1b1a17"], color_mode="fixed"), eraser=gr.Eraser(default_size=24),
    )  # fmt: skip
    return sketch, picture


TAKE = "(value) => value?.composite ?? null"
"""JavaScript: the pad's value -> its picture."""

# gradio's pad opens with no tool in hand; whoever opens it wants to draw.
_TAKE_BRUSH = """() => {
  let tries = 0;
  const timer = setInterval(() => {
    const brush = document.querySelector('#%s:not([data-ready]) button[aria-label="Brush"]');
    if (brush) { brush.closest(".zoo-pad").dataset.ready = "yes"; brush.click(); }
    if (brush || ++tries > 40) clearInterval(timer);
  }, 100);
}"""


def take_brush(tab: gr.Tab, pad_id: str) -> None:
    """Put the brush into the visitor's hand when `tab` is opened."""
    tab.select(None, js=_TAKE_BRUSH % pad_id)


def _classes(*models: str) -> list[tuple[str, str]]:
    """Choices of the class picker; every class of the given models once."""
    names = [name for model in models for name in generate.class_names(model)]
    return [(f"{english('class_all')} · {chinese('class_all')}", ALL), *((name, name) for name in dict.fromkeys(names))]


def _class_picker(models: Sequence[str], elem_id: str) -> gr.Dropdown:
    """All classes of all models, for callers without a session; a visitor is offered those of the model chosen."""
    return gr.Dropdown(_classes(*models), value=ALL, label=text("class"), elem_id=elem_id, filterable=False)


def _follow(tab: gr.Blocks, model: gr.Dropdown, label: gr.Dropdown) -> None:
    """Offer the classes of the model chosen."""
    for event in (model.change, tab.load):
        event(_choose_class, [model], [label], api_visibility="private", queue=False, show_progress="hidden")


def _choose_class(model: str) -> Any:
    choices = _classes(model)
    return gr.update(choices=choices, value=ALL, visible=len(choices) > 1)


def _draw(tab: gr.Blocks) -> None:
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("draw_intro")
            model = model_picker(IMAGE_GENERATION, "draw_model")
            label = _class_picker(library.choices(IMAGE_GENERATION), "draw_label")
            side = gr.Slider(1, 10, 5, step=1, label=text("grid"), elem_id="draw_side")
            seed, dice = seed_and_dice("draw")
            run, stop = run_and_stop("draw", "draw")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                truncation = gr.Slider(
                    *bounds(ImageRequest, "truncation"),
                    0.8,
                    step=0.05,
                    label=text("truncation"),
                    info=text("truncation_info"),
                    elem_id="draw_truncation",
                )
        with gr.Column(elem_classes="zoo-results"):
            picture = result_picture("draw", "picture")
            source = source_line("draw")
    _follow(tab, model, label)
    wire(
        draw_images, [model, label, side, seed, truncation], [picture, source],
        api_name="draw_images", run=run, stop=stop, dice=(seed, dice),
    )  # fmt: skip


def _morph(tab: gr.Blocks) -> None:
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("morph_intro")
            model = live_picker(_walkers, "model", "morph_model")
            label = _class_picker(_walkers(), "morph_label")
            seed, dice = seed_and_dice("morph")
            run, stop = run_and_stop("animate", "morph")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                waypoints = gr.Slider(2, 8, 5, step=1, label=text("waypoints"), elem_id="morph_waypoints")
                frames = gr.Slider(8, 96, 60, step=1, label=text("frames"), elem_id="morph_frames")
        with gr.Column(elem_classes="zoo-results"):
            animation = result_picture("morph", "animation", classes="zoo-half")
            strip = result_picture("morph", "strip", name="strip", classes="zoo-strip")
            source = source_line("morph")
            save = gr.DownloadButton(text("save_gif"), size="sm", elem_id="morph_gif", elem_classes="zoo-save")
    _follow(tab, model, label)
    wire(
        interpolate_images, [model, label, seed, waypoints, frames], [animation, strip, source, save],
        api_name="interpolate_images", run=run, stop=stop, dice=(seed, dice),
    )  # fmt: skip


def _walkers() -> list[str]:
    """Models whose pictures one can walk among: those with a code of their own first."""
    coded = library.choices(IMAGE_AUTOENCODING)
    return [*coded, *(name for name in library.choices(IMAGE_GENERATION) if name not in coded and generate.walks(name))]


def _map() -> None:
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("map_intro")
            model = model_picker(IMAGE_AUTOENCODING, "map_model")
            size = gr.Slider(2, 20, 12, step=1, label=text("map_size"), elem_id="map_size")
            seed, dice = seed_and_dice("map")
            run, stop = run_and_stop("show_map", "map")
        with gr.Column(elem_classes="zoo-results"):
            picture = result_picture("map", "picture")
            source = source_line("map")
    wire(
        latent_map, [model, seed, size], [picture, source],
        api_name="latent_map", run=run, stop=stop, dice=(seed, dice),
    )  # fmt: skip


def _redraw() -> None:
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("redraw_intro")
            model = model_picker(IMAGE_AUTOENCODING, "redraw_model")
            sketch, drawing = pad("redraw_pad", "pad")
            run, stop = run_and_stop("redraw", "redraw")
        with gr.Column(elem_classes="zoo-results"):
            picture = result_picture("redraw", "redraw_result")
            source = source_line("redraw")
    wire(
        redraw_drawing, [model, drawing], [picture, source], api_name="redraw_drawing", run=run, stop=stop,
        first=(sketch, drawing, TAKE),
    )  # fmt: skip


def fill(page: gr.Blocks) -> None:
    """Put the tab's content into the page that is open."""
    drawers, autoencoders = library.choices(IMAGE_GENERATION), library.choices(IMAGE_AUTOENCODING)
    with gr.Tabs(elem_classes="zoo-kinds"):
        if drawers:
            with gr.Tab(text("image_generate"), elem_id="tab_draw"):
                _draw(page)
            with gr.Tab(text("image_morph"), elem_id="tab_morph"):
                _morph(page)
        if autoencoders:
            for name, build_kind in (("map", _map), ("redraw", _redraw)):
                with gr.Tab(text(f"image_{name}"), elem_id=f"tab_{name}") as kind:
                    build_kind()
            take_brush(kind, "redraw_pad")
    if not drawers and not autoencoders:
        intro("no_model")


def build() -> gr.Blocks:
    """The tab on its own."""
    return alone(fill)
