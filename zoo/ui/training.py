"""The Training tab: how a model learnt, moment by moment, beside its curves; and the doctor's page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from zoo.generate import library
from zoo.generate import timeline as generate
from zoo.ui import diagnosis
from zoo.ui.controls import LIGHT, alone, describe, intro, live_picker, result_picture, source_line
from zoo.ui.guard import integral
from zoo.ui.player import player
from zoo.ui.strings import figure, say, text

LOSSES = ("loss", "discriminator_loss", "reconstruction", "kl")
"""Curves of training that are drawn; a log has more."""
# The page holds all moments of a model, as `_film` made them, and the slider shows one without asking the server. The
# pictures are fetched ahead when it is first seen to move. Play is a clock of the page's own.
_SHOW = """(at, film) => {
  if (!film?.[at - 1]) return [null, "", null, null, "", ""];
  const base = `${window.gradio_config.root}${window.gradio_config.api_prefix ?? "/gradio_api"}/file=`;
  const file = (path) => path && {path, url: base + path, meta: {_type: "gradio.FileData"}};
  if (window.zooFilm !== film[0][4] && document.querySelector("#course_moment")) {
    window.zooFilm = film[0][4];
    for (const path of film.map((moment) => moment[0] ?? moment[2])) if (path) new Image().src = base + path;
  }
  const [picture, text, spectrogram, sound, curves, line] = film[at - 1];
  return [file(picture), text, file(spectrogram), file(sound), curves, line];
}"""
_START = "() => [1, {__type__: 'update', active: true}]"
_TICK = "(at, film) => at < film?.length ? [at + 1, {}] : [at, {__type__: 'update', active: false}]"


def timeline(model: str, moment: int) -> tuple[Path | None, str, Path | None, Path | None, str, str]:
    """Show one moment of a model's training: what it made then (a picture, a text, or a sound and its spectrogram),
    its curves as an SVG in HTML with that step marked, and the figures of that step.

    Parameters:
        model: name of a checkpoint that has a timeline of its training
        moment: which of its snapshots, from 1 for the untrained model to the last (12 to 16 of them)
    """
    return _moment(generate.read(model), integral(moment))


def _moment(found: generate.Timeline, number: int) -> tuple[Path | None, str, Path | None, Path | None, str, str]:
    seen = generate.moment(found, number)
    step = seen.step
    return seen.picture, seen.text, seen.spectrogram, seen.sound, _curves(found, step), _line(found, step)


def _film(model: str) -> tuple[Any, list[list[Any]]]:
    """The slider for a model, at its last moment, and all its moments as the page's components hold them."""
    found = generate.read(model)
    moments = [_moment(found, number) for number in range(1, len(found.snapshots) + 1)]
    film = [[str(value) if isinstance(value, Path) else value for value in seen] for seen in moments]
    return gr.update(maximum=len(film), value=len(film)), film


def _curves(found: generate.Timeline, step: int) -> str:
    losses = [name for name in LOSSES if name in found.curves]
    labels = [figure(name) for name in losses]
    if "discriminator_loss" in losses:
        labels = [say("curve_discriminator" if name == "discriminator_loss" else "curve_generator") for name in losses]
    lines = tuple((label, found.curves[name]) for label, name in zip(labels, losses, strict=True))
    panels = [generate.Panel(say("curve_training"), lines)]
    measured = found.curves.get(f"validation/{found.metric}")
    if measured:
        name = figure(found.metric)
        at, best = generate.best_of(measured, found.better)
        words = say("curve_best", value=generate.amount(found.metric, best), step=at)
        caption = f"{say('curve_validation', name=name)} · {words}"
        share = found.metric in generate.SHARES
        panels.append(generate.Panel(caption, ((name, measured),), best=(at, best), share=share))
    log = f" · {say('curve_log')}"
    panels = [replace(panel, caption=panel.caption + log) if panel.logarithmic else panel for panel in panels]
    return generate.framed(generate.draw_curves(panels, step=step, last=found.steps), say("curve_steps"))


def _line(found: generate.Timeline, step: int) -> str:
    parts = [say("moment_line", step=step, steps=found.steps)]
    for name in (*LOSSES, f"validation/{found.metric}"):
        value = generate.value_at(found.curves.get(name, ()), step)
        if value is not None:
            plain = name.removeprefix("validation/")
            words = figure(plain) if plain == name else say("moment_validation", name=figure(plain))
            parts.append(f"{words} {generate.amount(plain, value)}")
    size = f"{found.size / 1e6:.1f} MB" if found.size >= 95_000 else f"{found.size / 1e3:.0f} KB"
    about = [found.name, say("moment_size", count=len(found.snapshots), size=size)]
    if any("classification" in task for task in library.tasks_of(library.config_of(found.name)["model"])):
        about.append(say("confusion"))
    return " · ".join(parts) + "\n" + " · ".join(about)


def _open(model: str) -> Any:
    """The slider for a model, at its last moment."""
    count = len(generate.read(model).snapshots)
    return gr.update(maximum=count, value=count)


def _course(tab: gr.Blocks) -> None:
    with gr.Row(elem_classes="zoo-work zoo-course"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("course_intro")
            model = live_picker(generate.choices, "model", "course_model")
            moment = gr.Slider(
                1, generate.MAX_SNAPSHOTS, 1, step=1, label=text("moment"), buttons=[], elem_id="course_moment"
            )
            play = gr.Button(text("play"), elem_id="course_play", elem_classes="zoo-play")
            clock = gr.Timer(0.5, active=False)
        with gr.Column(elem_classes="zoo-results"):
            picture = result_picture("course", "moment_result", name="picture", classes="zoo-moment")
            spectrogram = result_picture(
                "course", "spectrogram", name="spectrogram", classes="zoo-spectrogram zoo-moment"
            )
            sound = player("course_sound")
            written = gr.Textbox(
                label=text("text_result"), show_label=False, lines=18, max_lines=18, interactive=False,
                placeholder=text("moment_empty"), elem_id="course_text", elem_classes="zoo-result zoo-prose zoo-moment",
            )  # fmt: skip
            source = source_line("course")
        with gr.Column(elem_classes="zoo-curve-column"):
            curves = gr.HTML(label=text("curves"), padding=False, elem_id="course_curves")
            film = gr.JSON(visible="hidden", elem_id="course_film")
    shown = [picture, written, spectrogram, sound, curves, source]
    describe(timeline, [model, moment])
    gr.on([], timeline, [model, moment], shown, api_name="timeline", **LIGHT)
    for opened in (model.change, tab.load):
        made = opened(_film, [model], [moment, film], api_visibility="private", **LIGHT)
        made.then(None, [moment, film], shown, js=_SHOW)
    moment.change(None, [moment, film], shown, js=_SHOW)
    play.click(None, None, [moment, clock], js=_START)
    clock.tick(None, [moment, film], [moment, clock], js=_TICK)


def fill(page: gr.Blocks) -> None:
    """Put the tab's content into the page that is open."""
    gr.set_static_paths(generate.folder())  # a page may stay open for longer than gradio keeps a result
    with gr.Tabs(overflow_behavior="wrap", elem_classes="zoo-kinds"):
        with gr.Tab(text("course"), elem_id="tab_course"):
            if generate.choices():
                _course(page)
            else:
                intro("no_timeline")
        with gr.Tab(text("doctor"), elem_id="tab_doctor"):
            diagnosis.page()


def build() -> gr.Blocks:
    """The tab on its own."""
    return alone(fill)
