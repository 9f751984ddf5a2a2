"""The Replay page: a file that was made here says how, is made again, and is shown beside the new one."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from zoo.generate import archive
from zoo.generate import replay as generate
from zoo.generate.inputs import InputError
from zoo.generate.melody import name_of
from zoo.generate.provenance import Marked, Record, contents, look
from zoo.ui import files
from zoo.ui.controls import COMPUTE, PROGRESS, REVEAL, describe, intro, result_picture, run_and_stop
from zoo.ui.guard import compute, in_turn
from zoo.ui.player import player
from zoo.ui.strings import say, text

MAX_SHOWN = 400
"""Characters of a parameter that are shown."""
MAX_TEXT = 20_000
"""Characters of a text that are shown."""
Shown = tuple[Any, Any, Any, Any, Any, Any, Any, Any]
"""Report, data, and picture, sound and text of the file and of the new one: the outputs of the endpoint."""


@in_turn
def replay_file(file: str, progress: gr.Progress = PROGRESS) -> Iterator[Shown]:
    """Make a file of this zoo again; returns a report as HTML, the same as data, then the picture, sound or text of the
    file and of the new one.

    Parameters:
        file: a PNG, WAV, WEBP, GIF, MIDI or TXT that was made here, or the ZIP of an answer
    """
    if not file:
        raise InputError(say("replay_nothing"))
    contained = contents(Path(file))
    if archive.is_one(contained):
        yield from _answer(archive.unpack(contained), progress)
        return
    marked = look(contained)
    data: dict[str, Any] = {"version": marked.version, "record": asdict(marked.record)}
    yield _report(marked, None), data, *_parts(marked, file), None, None, None
    for step in compute(generate.replay, marked):
        if isinstance(step, float):
            progress(step, desc=say("replay_running"))
            yield (gr.skip(),) * 8
            continue
        data |= {"identical": step.identical, "same": step.same, "differences": [asdict(d) for d in step.differences]}
        again: tuple[Any, Any, Any] = (None, None, None)
        if step.data is not None:
            again = _parts(look(step.data), files.keep(step.data, marked.record, f".{marked.kind}"))
        yield _report(marked, step), data, *_parts(marked, file), *again


def _answer(given: archive.Archive, progress: gr.Progress) -> Iterator[Shown]:
    """The same for an answer of the assistant, part by part."""
    before = _shown_of(given.parts)
    yield _reports(given, None), {"parts": {}}, *before, None, None, None
    for step in compute(archive.remake, given):
        if isinstance(step, float):
            progress(step, desc=say("replay_running"))
            yield (gr.skip(),) * 8
            continue
        parts = {
            name: {
                "identical": one.identical, "same": one.same, "record": asdict(one.marked.record),
                "differences": [asdict(difference) for difference in one.differences],
            }
            for name, one in step.replays.items()
        }  # fmt: skip
        data = {"identical": step.identical, "same": step.holds, "stale": list(step.stale), "parts": parts}
        again = {name: look(one.data) for name, one in step.replays.items() if one.data is not None}
        yield _reports(given, step), data, *before, *_shown_of(again)


def _shown_of(parts: Mapping[str, Marked]) -> tuple[str | None, str | None, str | None]:
    """Picture, sound and text of an answer's parts; what is not among them stays empty."""
    paths = {name: files.keep(one.data, one.record, f".{one.kind}") for name, one in parts.items() if one.kind != "txt"}
    texts = [one.payload() for one in parts.values() if one.kind == "txt"]
    return paths.get("reply.png"), paths.get("reply.wav"), "\n\n".join(texts)[:MAX_TEXT] or None


def _reports(given: archive.Archive, found: archive.Remade | None) -> str:
    """The reports on an answer's parts, one below the other, under a verdict on the whole; as HTML."""
    parts = []
    if found:
        how = "identical" if found.identical else "same" if found.holds else "unlike" if found.data else "impossible"
        level = "clear" if found.holds else "alarm"
        parts.append(f'<p class="zoo-verdict {level}">{html.escape(say(f"replay_{how}"))}</p>')
        parts += [f"<p>{name}: {html.escape(say('replay_stale'))}</p>" for name in found.stale]
    for name, marked in given.parts.items():
        parts.append(f"<h3>{name}</h3>{_report(marked, found.replays[name] if found else None)}")
    return f'<div class="zoo-report">{"".join(parts)}</div>'


def _parts(marked: Marked, path: str) -> tuple[str | None, str | None, str | None]:
    """Picture, sound and text of a file: what it is not stays empty."""
    if marked.kind == "txt":
        return None, None, marked.payload()[:MAX_TEXT]
    if marked.kind == "mid":
        return None, None, _notes(marked)[:MAX_TEXT]
    return (None, path, None) if marked.kind == "wav" else (path, None, None)


def _notes(marked: Marked) -> str:
    """The notes of a MIDI file, a line a track."""
    notes = marked.payload()
    return "\n".join(" ".join(name_of(int(key)) for key in notes[notes[:, 0] == t, 3]) for t in np.unique(notes[:, 0]))


def _report(marked: Marked, found: generate.Replay | None) -> str:
    """What a file says, as HTML; with what came of making it again, when that is known."""
    level, verdict = "", say("replay_running")
    if found:
        level = "clear" if found.holds else "alarm"
        how = "identical" if found.identical else "same" if found.holds else "unlike" if found.data else "impossible"
        verdict = say(f"replay_{how}")
    parts = [f'<p class="zoo-verdict {level}">{html.escape(verdict)}</p>']
    if found and found.differences:
        words = (one.words(say("doctor_language")) for one in found.differences)
        parts.append(f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in words)}</ul>")
    steps = [*_steps(marked.record), marked.record]
    made = f"{say('replay_mark')} · {say('replay_version', version=marked.version)}"
    parts.append(f"<article><h3>{html.escape(say('replay_says'))}</h3><p>{html.escape(made)}</p>")
    for number, record in enumerate(steps, start=1):
        if len(steps) > 1:
            parts.append(f"<h4>{html.escape(say('replay_step', number=number))}</h4>")
        rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in _rows(record))
        parts.append(f"<dl>{rows}</dl>")
    return f'<div class="zoo-report">{"".join(parts)}</article></div>'


def _steps(record: Record) -> Iterator[Record]:
    """The steps before, the first one first."""
    for parent in record.parents:
        yield from _steps(parent)
        yield parent


def _rows(record: Record) -> Iterator[tuple[str, str]]:
    yield say("replay_operation"), f"{record.operation}{f' ({record.result})' if record.result else ''}"
    if record.model:
        yield say("model"), record.model
    if record.revision:
        yield say("replay_revision"), record.revision
    if record.sha256:
        yield say("replay_weights" if record.model else "replay_sha256"), record.sha256
    if record.seed is not None:
        yield say("seed"), str(record.seed)
    stated = [f"{name} = {value!r}" for name, value in record.parameters.items() if name != "values"]
    if stated:
        words = ", ".join(stated)
        yield say("replay_parameters"), words if len(words) <= MAX_SHOWN else f"{words[:MAX_SHOWN]}…"
    if record.licence:
        yield say("col_licence"), record.licence


def _shown(which: str) -> list[gr.components.Component]:
    """Places for a picture, a sound and a text, under one heading; those that stay empty are not seen."""
    with gr.Column(min_width=0, elem_classes="zoo-again"):
        gr.Markdown(text(f"replay_{which}"), elem_classes="zoo-caption")
        picture = result_picture(f"replay_{which}", f"replay_{which}", name="picture")
        sound = player(f"replay_{which}_sound")
        words = gr.Textbox(
            label=text("text_result"), show_label=False, lines=8, max_lines=14, interactive=False, placeholder=" ",
            elem_id=f"replay_{which}_text", elem_classes="zoo-result zoo-prose",
        )  # fmt: skip
    return [picture, sound, words]


def page() -> None:
    """The page, to be rendered in a `gr.Tab`."""
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("replay_intro")
            file = gr.File(
                file_types=[".png", ".wav", ".webp", ".gif", ".mid", ".txt", ".zip"], label=text("replay_file"),
                height=150, elem_id="replay_file", elem_classes="zoo-drop",
            )  # fmt: skip
            run, stop = run_and_stop("replay_run", "replay")
        with gr.Column(elem_classes="zoo-results"):
            report = gr.HTML(
                text("replay_empty"), label=text("replay_report"), padding=False, elem_id="replay_report",
                elem_classes="zoo-diagnosis",
            )  # fmt: skip
            data = gr.JSON(label=text("replay_data"), visible="hidden")
            with gr.Row(elem_classes="zoo-pair"):
                before, after = _shown("before"), _shown("after")
    describe(replay_file, [file])
    shared: dict[str, Any] = {
        "inputs": [file], "outputs": [report, data, *before, *after], "show_progress_on": [report], **COMPUTE,
    }  # fmt: skip
    events = [
        run.click(replay_file, api_name="replay_file", **shared),
        file.upload(replay_file, api_visibility="private", **shared),
    ]
    for event in (run.click, file.upload):
        event(None, js=REVEAL % "#replay_report")
    stop.click(None, cancels=events)
