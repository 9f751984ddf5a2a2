"""Pages that work on a picture's code: sums of codes, sliders, one dimension at a time, one style in every class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from zoo.entry import IMAGE_AUTOENCODING
from zoo.generate import image, latents, library, styles
from zoo.ui import files
from zoo.ui.classes import ALL, class_picker, follow
from zoo.ui.controls import intro, live_picker, result_picture, run_and_stop, seed_and_dice, source_line, wire
from zoo.ui.guard import compute, in_turn, integral
from zoo.ui.pad import TAKE, drawn, pad, take_brush
from zoo.ui.strings import chinese, english, text

GIVEN = "given"
"""The operand that stands for the visitor's own drawing."""


@in_turn
def add_codes(model: str, a: str, b: str, c: str, drawing: str | None) -> Iterator[tuple[str, str]]:
    """Calculate with the codes of pictures: a less b plus c; returns the three and what they come to.

    Parameters:
        model: name of a VAE checkpoint without classes, as the Models tab lists it
        a: a class of its data, "picture 17" of the bundled sample, or "given" for the drawing
        b: what is taken away, likewise
        c: what is added, likewise
        drawing: a picture that "given" stands for; needed only then
    """
    picture = drawn(drawing) if GIVEN in (a, b, c) else None
    yield from _shown(latents.arithmetic, model, a, b, c, picture=picture)


@in_turn
def slide_code(
    model: str, seed: int, first: str, amount: float, second: str, other_amount: float
) -> Iterator[tuple[str, str]]:
    """Move a picture's code towards classes or away from them; returns the picture before and after.

    Parameters:
        model: name of a VAE checkpoint without classes, as the Models tab lists it
        seed: whole number from 0; the same seed begins with the same picture
        first: a class of its data
        amount: how far towards it, -3 to 3
        second: another class
        other_amount: how far towards that one, -3 to 3
    """
    amounts = {first: amount} | ({second: other_amount} if second != first else {})
    yield from _shown(latents.slide, model, amounts, seed=integral(seed))


@in_turn
def traverse_dimensions(model: str, seed: int, dimensions: int) -> Iterator[tuple[str, str]]:
    """Show what single dimensions of a code do: a row for each of those that say most.

    Parameters:
        model: name of a VAE checkpoint, as the Models tab lists it
        seed: whole number from 0; the same seed gives the same pictures
        dimensions: rows, 1 to 12
    """
    yield from _shown(latents.traverse, model, seed=integral(seed), dimensions=integral(dimensions))


@in_turn
def styles_by_class(model: str, seed: int, styles: int) -> Iterator[tuple[str, str]]:
    """Draw the same styles in every class: a row a style, a column a class.

    Parameters:
        model: name of a VAE checkpoint with classes, as the Models tab lists it
        seed: whole number from 0; the same seed gives the same styles
        styles: rows, 1 to 12
    """
    yield from _shown(latents.styles_by_class, model, seed=integral(seed), styles=integral(styles))


@in_turn
def mix_styles(
    model: str, label: str, seed: int, seed_fine: int, crossover: int, truncation: float
) -> Iterator[tuple[str, str]]:
    """Mix two pictures: the coarse layers of one and the fine layers of another; returns both and the mixture.

    Parameters:
        model: name of a checkpoint with styles, as the Models tab lists it
        label: a class of that model, or "all" for its first one
        seed: whole number from 0: the picture whose coarse layers are taken
        seed_fine: whole number from 0: the picture whose fine layers are taken
        crossover: the layer from which the second picture's style is taken, from 1 on
        truncation: 0 is the mean style, 1 leaves styles as they are, up to 1.5
    """
    yield from _shown(
        styles.mix, model, None if label == ALL else label, seed=integral(seed), seed_fine=integral(seed_fine),
        crossover=integral(crossover), truncation=truncation,
    )  # fmt: skip


@in_turn
def edit_style(
    model: str, label: str, seed: int, d1: float, d2: float, d3: float, d4: float, d5: float, d6: float,
    truncation: float,
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """Move a picture along the directions that the weights alone tell; returns it before and after.

    Parameters:
        model: name of a checkpoint with styles, as the Models tab lists it
        label: a class of that model, or "all" for its first one
        seed: whole number from 0; the same seed begins with the same picture
        d1: how far along the first direction, -6 to 6
        d2: how far along the second
        d3: how far along the third
        d4: how far along the fourth
        d5: how far along the fifth
        d6: how far along the sixth
        truncation: 0 is the mean style, 1 leaves styles as they are, up to 1.5
    """
    yield from _shown(
        styles.edit, model, None if label == ALL else label, amounts=[d1, d2, d3, d4, d5, d6], seed=integral(seed),
        truncation=truncation,
    )  # fmt: skip


def _shown(function: Any, *arguments: Any, **options: Any) -> Iterator[tuple[str, str]]:
    for made in compute(function, *arguments, **options):
        yield files.picture(made.sheet, made.source.record), made.source.line()


def coders(*, with_classes: bool) -> list[str]:
    """Autoencoders that are told the class, or that are not."""
    return [name for name in library.choices(IMAGE_AUTOENCODING) if bool(image.class_names(name)) == with_classes]


def _labels(model: str) -> list[str]:
    return library.labels_of(model)


def _result(prefix: str) -> list[gr.components.Component]:
    return [result_picture(prefix, "picture"), source_line(prefix)]


def arithmetic(tab: gr.Tab) -> None:
    """The page of sums."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("arithmetic_intro")
            model = live_picker(lambda: coders(with_classes=False), "model", "arithmetic_model")
            names = _operands(model.value)
            with gr.Row(elem_classes="zoo-sum"):
                operands = [
                    gr.Dropdown(
                        names, value=names[start][1], label=text(f"operand_{letter}"), elem_id=f"arithmetic_{letter}",
                        filterable=False, min_width=80,
                    )
                    for letter, start in (("a", 9), ("b", 4), ("c", 8))
                ]  # fmt: skip
            run, stop = run_and_stop("calculate", "arithmetic")
            with gr.Accordion(text("own_drawing"), open=False, elem_classes="zoo-advanced"):
                sketch, drawing = pad("arithmetic_pad", "pad")
        with gr.Column(elem_classes="zoo-results"):
            outputs = _result("arithmetic")
    model.change(
        lambda name: [gr.update(choices=_operands(name), value=_operands(name)[i][1]) for i in (9, 4, 8)],
        [model], operands, api_visibility="private", queue=False, show_progress="hidden",
    )  # fmt: skip
    take_brush(tab, "arithmetic_pad")
    wire(
        add_codes, [model, *operands, drawing], outputs, api_name="add_codes", run=run, stop=stop,
        first=(sketch, [drawing], TAKE),
    )  # fmt: skip


def _operands(model: str) -> list[tuple[Any, str]]:
    names = _labels(model)
    if len(names) < 10:
        names = (names * 10)[:10] if names else ["picture 1"] * 10
    return [*((name, name) for name in names), (text("my_drawing"), GIVEN)]


def slide(tab: gr.Tab) -> None:
    """The page of sliders."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("slide_intro")
            model = live_picker(lambda: coders(with_classes=False), "model", "slide_model")
            seed, dice = seed_and_dice("slide", 3)
            names = _labels(model.value)
            amounts = _towards("first", names, 0)
            run, stop = run_and_stop("move", "slide")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                amounts += _towards("second", names, 1)
        with gr.Column(elem_classes="zoo-results"):
            outputs = _result("slide")
    model.change(
        lambda name: [gr.update(choices=_labels(name), value=_labels(name)[i]) for i in (0, 1)],
        [model], [amounts[0], amounts[2]], api_visibility="private", queue=False, show_progress="hidden",
    )  # fmt: skip
    wire(
        slide_code, [model, seed, *amounts], outputs, api_name="slide_code", run=run, stop=stop, dice=(seed, dice)
    )  # fmt: skip


def _towards(which: str, names: list[str], start: int) -> list[gr.components.Component]:
    """A class, and how far towards it."""
    label = gr.Dropdown(names, value=names[start], label=text("towards"), elem_id=f"slide_{which}", filterable=False)
    amount = gr.Slider(
        -latents.MAX_AMOUNT, latents.MAX_AMOUNT, 0 if start else 1.5, step=0.1, label=text("amount"),
        elem_id=f"slide_{which}_amount",
    )  # fmt: skip
    return [label, amount]


def traverse(tab: gr.Tab) -> None:
    """The page of single dimensions."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("traverse_intro")
            model = live_picker(lambda: library.choices(IMAGE_AUTOENCODING), "model", "traverse_model")
            rows = gr.Slider(
                1, latents.MAX_DIMENSIONS, 8, step=1, label=text("dimensions"), elem_id="traverse_dimensions"
            )
            seed, dice = seed_and_dice("traverse", 1)
            run, stop = run_and_stop("show_them", "traverse")
        with gr.Column(elem_classes="zoo-results"):
            outputs = _result("traverse")
    wire(
        traverse_dimensions, [model, seed, rows], outputs, api_name="traverse_dimensions", run=run, stop=stop,
        dice=(seed, dice),
    )  # fmt: skip


def by_class(tab: gr.Tab) -> None:
    """The page of one style in every class."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("styles_intro")
            model = live_picker(lambda: coders(with_classes=True), "model", "styles_model")
            rows = gr.Slider(1, latents.MAX_STYLES, 6, step=1, label=text("styles"), elem_id="styles_rows")
            seed, dice = seed_and_dice("styles")
            run, stop = run_and_stop("draw", "styles")
        with gr.Column(elem_classes="zoo-results"):
            outputs = _result("styles")
    wire(
        styles_by_class, [model, seed, rows], outputs, api_name="styles_by_class", run=run, stop=stop,
        dice=(seed, dice),
    )  # fmt: skip


def stylists() -> list[str]:
    """Generators with styles."""
    return styles.choices()


def mix(page: gr.Blocks, tab: gr.Tab) -> None:
    """The page that mixes two pictures."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("mix_intro")
            model = live_picker(stylists, "model", "mix_model")
            label = class_picker(stylists(), "mix_label")
            seed, dice = seed_and_dice("mix")
            other = gr.Number(1, label=text("seed_fine"), minimum=0, elem_id="mix_seed_fine")
            last = styles.layers_of(model.value) - 1
            crossover = gr.Slider(1, last, last // 2, step=1, label=text("crossover"), elem_id="mix_crossover")
            run, stop = run_and_stop("mix", "mix")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                truncation = _truncation("mix")
        with gr.Column(elem_classes="zoo-results"):
            outputs = _result("mix")
    follow(page, model, label)
    wire(
        mix_styles, [model, label, seed, other, crossover, truncation], outputs, api_name="mix_styles", run=run,
        stop=stop, dice=(seed, dice),
    )  # fmt: skip


def directions(page: gr.Blocks, tab: gr.Tab) -> None:
    """The page of sliders along directions."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("directions_intro")
            model = live_picker(stylists, "model", "directions_model")
            label = class_picker(stylists(), "directions_label")
            seed, dice = seed_and_dice("directions", 2)
            amounts = [_along(number) for number in (1, 2)]
            run, stop = run_and_stop("move", "directions")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                amounts += [_along(number) for number in (3, 4, 5, 6)]
                truncation = _truncation("directions")
        with gr.Column(elem_classes="zoo-results"):
            outputs = _result("directions")
    follow(page, model, label)
    wire(
        edit_style, [model, label, seed, *amounts, truncation], outputs, api_name="edit_style", run=run, stop=stop,
        dice=(seed, dice),
    )  # fmt: skip


def _along(number: int) -> gr.Slider:
    return gr.Slider(
        -styles.MAX_AMOUNT, styles.MAX_AMOUNT, 2 if number == 1 else 0, step=0.1,
        label=f"{english('direction_number')} {number} · {chinese('direction_number')}{number}",
        elem_id=f"directions_{number}",
    )  # fmt: skip


def _truncation(prefix: str) -> gr.Slider:
    return gr.Slider(
        0, styles.MAX_TRUNCATION, 0.8, step=0.05, label=text("truncation"), info=text("truncation_info"),
        elem_id=f"{prefix}_truncation",
    )  # fmt: skip
