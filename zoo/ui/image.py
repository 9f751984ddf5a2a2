"""The Image tab, by what one wants to do: create, edit, change the style, restore, enlarge, walk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gradio as gr

from zoo.data.image import VENDORS
from zoo.entry import IMAGE_AUTOENCODING, IMAGE_GENERATION, IMAGE_TRANSLATION
from zoo.generate import image as generate
from zoo.generate import library
from zoo.generate.library import InputError
from zoo.ui import changes, edits, files, kept
from zoo.ui.api_schema import ImageRequest, bounds
from zoo.ui.classes import ALL, class_picker, follow
from zoo.ui.controls import (
    PROGRESS,
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
from zoo.ui.guard import compute, in_turn, integral
from zoo.ui.pad import TAKE, drawn, pad, take_brush
from zoo.ui.strings import say, text


@in_turn
def draw_images(
    model: str, label: str, side: int, seed: int, truncation: float, steps: int, guidance: float,
    progress: gr.Progress = PROGRESS,
) -> Iterator[tuple[Any, Any]]:  # fmt: skip
    """Draw a square sheet of new pictures.

    Parameters:
        model: name of an image checkpoint, as the Models tab lists it
        label: a class of that model, or "all" for its classes in turn
        side: pictures a side of the sheet, 1 to 10
        seed: whole number from 0; the same seed gives the same pictures
        truncation: scale of the noise, 0.1 to 2; below 1 is more typical; models that draw in many steps ignore it
        steps: steps from noise to picture, 1 to 100; models that draw in one step ignore it
        guidance: how far the class is followed, 0 to 10; 1 is as learnt; models that draw in one step ignore it
    """
    side = integral(side)
    if type(side) is not int or not 1 <= side <= 10:
        raise InputError(say("not_side", given=side))
    chosen = None if label == ALL else label
    own = generate.own_sampler(model)
    options: dict[str, Any] = {"truncation": truncation}
    if own:
        options = {"steps": integral(steps)} | ({} if own.guidance is None else {"guidance": guidance})
    for step in compute(generate.draw_live, model, chosen, count=side**2, seed=integral(seed), **options):
        if isinstance(step, float):
            progress(step, desc=say("drawing_steps"))
            yield gr.skip(), gr.skip()
        else:
            yield files.picture(step.sheet, step.source.record), step.source.line()


@in_turn
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


@in_turn
def latent_map(model: str, seed: int, size: int) -> Iterator[tuple[Any, str]]:
    """Show a flat slice through the latent space of a VAE.

    Parameters:
        model: name of a VAE checkpoint, as the Models tab lists it
        seed: whole number from 0; chooses the slice
        size: pictures a side, 2 to 20
    """
    for pictures in compute(generate.latent_grid, model, seed=integral(seed), size=integral(size)):
        yield files.picture(pictures.sheet, pictures.source.record), pictures.source.line()


@in_turn
def redraw_drawing(model: str, picture: str) -> Iterator[tuple[Any, str]]:
    """Let a VAE see a picture and draw it again; returns both, side by side.

    Parameters:
        model: name of a VAE checkpoint, as the Models tab lists it
        picture: a drawing, dark on white (PNG, JPEG or WEBP, at most 4 megapixels)
    """
    for pictures in compute(generate.reconstruct, model, drawn(picture)):
        yield files.picture(pictures.sheet, pictures.source.record), pictures.source.line()


def _draw(page: gr.Blocks, tab: gr.Tab) -> None:
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("draw_intro")
            model = model_picker(IMAGE_GENERATION, "draw_model")
            label = class_picker(library.choices(IMAGE_GENERATION), "draw_label")
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
                steps, guidance = _many_steps()
        with gr.Column(elem_classes="zoo-results"):
            picture = result_picture("draw", "picture")
            source = source_line("draw")
            kept.shelf(picture, "draw")
    follow(page, model, label)
    for event in (model.change, page.load):
        event(
            _samplers, [model], [truncation, steps, guidance], api_visibility="private", queue=False,
            show_progress="hidden",
        )  # fmt: skip
    wire(
        draw_images, [model, label, side, seed, truncation, steps, guidance], [picture, source],
        api_name="draw_images", run=run, stop=stop, dice=(seed, dice),
    )  # fmt: skip


def _many_steps() -> tuple[gr.Slider, gr.Slider]:
    """Steps and guidance, as the first model that draws in many steps has them, for callers without a session."""
    samplers = [generate.own_sampler(name) for name in library.choices(IMAGE_GENERATION)]
    own = next(filter(None, samplers), generate.Sampler(20, generate.MAX_STEPS, 1.0))
    steps = gr.Slider(
        *bounds(ImageRequest, "steps"), own.steps, step=1, label=text("steps"), info=text("steps_info"), visible=False,
        elem_id="draw_steps",
    )  # fmt: skip
    guidance = gr.Slider(
        *bounds(ImageRequest, "guidance"), 1 if own.guidance is None else own.guidance, step=0.1,
        label=text("guidance"), info=text("guidance_info"), visible=False, elem_id="draw_guidance",
    )  # fmt: skip
    return steps, guidance


def _samplers(model: str) -> list[Any]:
    """Truncation for a model that draws in one step, else steps, and guidance where there are classes to follow."""
    own = generate.own_sampler(model)
    if own is None:
        return [gr.update(visible=True), gr.update(visible=False), gr.update(visible=False)]
    guided = own.guidance is not None
    return [
        gr.update(visible=False),
        gr.update(visible=True, maximum=own.most, value=own.steps),
        gr.update(visible=guided, value=own.guidance if guided else 1),
    ]


def _morph(page: gr.Blocks, tab: gr.Tab) -> None:
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("morph_intro")
            model = live_picker(_walkers, "model", "morph_model")
            label = class_picker(_walkers(), "morph_label")
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
    follow(page, model, label)
    wire(
        interpolate_images, [model, label, seed, waypoints, frames], [animation, strip, source, save],
        api_name="interpolate_images", run=run, stop=stop, dice=(seed, dice),
    )  # fmt: skip


def _walkers() -> list[str]:
    """Models whose pictures one can walk among: those with a code of their own first."""
    coded = library.choices(IMAGE_AUTOENCODING)
    return [*coded, *(name for name in library.choices(IMAGE_GENERATION) if name not in coded and generate.walks(name))]


def _map(tab: gr.Tab) -> None:
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("map_intro")
            model = live_picker(partial(edits.coders, with_classes=False), "model", "map_model")
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


def _redraw(tab: gr.Tab) -> None:
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("redraw_intro")
            model = live_picker(partial(edits.coders, with_classes=False), "model", "redraw_model")
            sketch, drawing = pad("redraw_pad", "pad")
            run, stop = run_and_stop("redraw", "redraw")
        with gr.Column(elem_classes="zoo-results"):
            picture = result_picture("redraw", "redraw_result")
            source = source_line("redraw")
    take_brush(tab, "redraw_pad")
    wire(
        redraw_drawing, [model, drawing], [picture, source], api_name="redraw_drawing", run=run, stop=stop,
        first=(sketch, [drawing], TAKE),
    )  # fmt: skip


def fill(page: gr.Blocks) -> None:
    """Put the tab's content into the page that is open: groups by what one wants to do, in each its ways."""
    drawers, autoencoders = library.choices(IMAGE_GENERATION), library.choices(IMAGE_AUTOENCODING)
    plain, told = edits.coders(with_classes=False), edits.coders(with_classes=True)
    groups: dict[str, dict[str, Callable[[gr.Tab], None] | None]] = {
        "create": {"draw": partial(_draw, page) if drawers else None},
        "edit": {
            "redraw": _redraw if plain else None,
            "slide": edits.slide if plain else None,
            "arithmetic": edits.arithmetic if plain else None,
            "styles": edits.by_class if told else None,
            "mix": partial(edits.mix, page) if edits.stylists() else None,
            "directions": partial(edits.directions, page) if edits.stylists() else None,
        },
        "restyle": {
            "colour": changes.colour if changes.models_for("outline") else None,
            "style": changes.style if changes.models_for(*VENDORS) else None,
        },
        "restore": {"restore": changes.restore if changes.models_for("damaged", "noisy") else None},
        "enlarge": {"enlarge": changes.enlarge if changes.models_for("small") else None},
        "walk": {
            "morph": partial(_morph, page) if _walkers() else None,
            "map": _map if plain else None,
            "traverse": edits.traverse if autoencoders else None,
        },
    }
    with gr.Tabs(overflow_behavior="wrap", elem_classes="zoo-kinds"):
        for group, ways in groups.items():
            there = {name: way for name, way in ways.items() if way}
            if there:
                with gr.Tab(text(f"group_{group}"), elem_id=f"tab_group_{group}") as kind:
                    _ways(kind, there)
    if not drawers and not library.choices(IMAGE_TRANSLATION):
        intro("no_model")


def _ways(group: gr.Tab, ways: dict[str, Callable[[gr.Tab], None]]) -> None:
    """One page, or a row of them."""
    if len(ways) == 1:
        ((name, build_way),) = ways.items()
        build_way(group)
        return
    with gr.Tabs(overflow_behavior="wrap", elem_classes="zoo-ways"):
        for name, build_way in ways.items():
            with gr.Tab(text(f"image_{name}"), elem_id=f"tab_{name}") as tab:
                build_way(tab)


def build() -> gr.Blocks:
    """The tab on its own."""
    return alone(fill)
