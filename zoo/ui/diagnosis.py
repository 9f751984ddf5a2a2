"""The doctor's page: a run of the gallery, or an uploaded one, and what it shows in words and curves."""

from __future__ import annotations

import html
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr

from zoo import doctor
from zoo.doctor.log import Log, read
from zoo.generate import timeline
from zoo.generate.inputs import InputError, one_of
from zoo.generate.runs import uploaded_run
from zoo.ui.controls import LIGHT, REVEAL, describe, intro, picker_of
from zoo.ui.strings import say, text

MAX_PANELS = 3
"""Curves that show a finding."""


def diagnose(run: str) -> tuple[str, list[dict[str, Any]]]:
    """Examine a run of the gallery; returns a report as HTML, and its findings as data.

    Parameters:
        run: name of a run that was broken on purpose
    """
    return _report(doctor.gallery_run(one_of("the run", run, doctor.gallery())))


def diagnose_upload(files: list[str] | None) -> tuple[str, list[dict[str, Any]]]:
    """Examine a run of one's own; returns a report as HTML, and its findings as data. Nothing is kept.

    Parameters:
        files: the log.jsonl of a run of `python -m train`, and its run.json if there is one
    """
    with uploaded_run(files) as folder:
        try:
            return _report(folder)
        except (ValueError, OSError) as error:
            why = str(error).replace(f"{folder}/", "")
            raise InputError(say("doctor_unreadable", why=why)) from error
        except (TypeError, LookupError, ArithmeticError) as error:  # a word where a number should be, and the like
            raise InputError(say("doctor_unreadable", why=say("doctor_odd"))) from error


def _report(run: Path) -> tuple[str, list[dict[str, Any]]]:
    found, log, language = doctor.diagnose(run), read(run), say("doctor_language")
    alarms = sum(finding.level == "alarm" for finding in found.findings)
    names = doctor.checks()
    count = len(names) - len(found.unmeasured)
    verdict = say("doctor_ill" if alarms else "doctor_healthy", alarms=alarms, count=count)
    parts = [f'<p class="zoo-verdict {"alarm" if alarms else "clear"}">{html.escape(verdict)}</p>']
    parts += [_article(finding, log, language) for finding in found.findings]
    parts.append(f"<h4>{html.escape(say('doctor_looked'))}</h4><ul class='zoo-checks'>")
    levels = {finding.fault: finding.level for finding in found.findings}
    for fault, name in names.items():
        state, words = levels.get(fault, "clear"), say("doctor_clear")
        if fault in levels:
            words = say(f"doctor_{state}")
        elif fault in found.unmeasured:
            state, words = "unmeasured", say("doctor_unmeasured", missing=found.unmeasured[fault])
        parts.append(f'<li class="{state}">{html.escape(name[language])} <small>{html.escape(words)}</small></li>')
    return f'<div class="zoo-report">{"".join(parts)}</ul></div>', [asdict(finding) for finding in found.findings]


def _article(finding: doctor.Finding, log: Log, language: str) -> str:
    level, name = say(f"doctor_{finding.level}"), doctor.checks()[finding.fault][language]
    remedies = "".join(f"<li>{_worded(line)}</li>" for line in finding.remedy[language].splitlines())
    return (
        f'<article class="{finding.level}"><h3><small>{html.escape(level)}</small> '
        f"{_worded(name[:1].upper() + name[1:])}</h3><p>{_worded(finding.what[language])}</p>"
        f"<p>{_worded(finding.evidence[language])}</p>{_evidence(finding, log)}"
        f"<h4>{html.escape(say('doctor_remedy'))}</h4><ul>{remedies}</ul></article>"
    )


def _evidence(finding: doctor.Finding, log: Log) -> str:
    figures = []
    for name in finding.curves[:MAX_PANELS]:
        if name in log.lists:
            figures.append(timeline.draw_bars(say("doctor_dimension", name=name), log.lists[name][1]))
        elif name in log.curves:
            curve = log.curves[name]
            line = (name, tuple(zip(curve.steps, curve.values, strict=True)))
            panel = timeline.Panel(name, (line,), limit=finding.limits.get(name))
            figures.append(timeline.draw_curves([panel], step=finding.step, last=log.step))
    return timeline.framed("".join(figures), say("curve_steps")) if figures else ""


def _worded(words: str) -> str:
    """Words with options in backticks, as HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))


def page() -> None:
    """The page, to be rendered in a `gr.Tab`."""
    runs = doctor.gallery()
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            intro("doctor_intro")
            with gr.Tabs(overflow_behavior="wrap", elem_classes="zoo-ways"):
                with gr.Tab(text("doctor_gallery"), elem_id="tab_gallery", visible=bool(runs)):
                    intro("doctor_gallery_intro")
                    run = picker_of(runs, "doctor_run", "doctor_run")
                    examine = gr.Button(text("doctor_examine"), variant="primary", elem_id="doctor_examine")
                with gr.Tab(text("doctor_own"), elem_id="tab_own"):
                    intro("doctor_own_intro")
                    files = gr.File(
                        file_count="multiple", file_types=[".jsonl", ".json"], label=text("doctor_files"), height=150,
                        elem_id="doctor_files",
                    )  # fmt: skip
                    upload = gr.Button(text("doctor_examine"), variant="primary", elem_id="doctor_upload")
        with gr.Column(elem_classes="zoo-results"):
            report = gr.HTML(
                text("doctor_empty"), label=text("doctor_report"), padding=False, elem_id="doctor_report",
                elem_classes="zoo-diagnosis",
            )  # fmt: skip
            findings = gr.JSON(label=text("doctor_findings"), visible="hidden")
    for handler, button, given in ((diagnose, examine, run), (diagnose_upload, upload, files)):
        describe(handler, [given])
        button.click(handler, [given], [report, findings], api_name=handler.__name__, **LIGHT)
        button.click(None, js=REVEAL % "#doctor_report")
    run.change(diagnose, [run], [report, findings], api_visibility="private", **LIGHT)
