"""A diagnosis as text for a terminal, Markdown and HTML."""

from __future__ import annotations

import html as escaping
import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING

from zoo.doctor import words

if TYPE_CHECKING:
    from zoo.doctor import Diagnosis, Finding

_LEVEL = {"alarm": {"en": "ALARM", "zh": "警报"}, "note": {"en": "note", "zh": "提示"}}
_EVIDENCE = {"en": "Evidence", "zh": "证据"}
_REMEDY = {"en": "Try", "zh": "可试"}
_HEALTHY = {"en": "No alarm among {count} checks that could be made.", "zh": "做了 {count} 项检查，没有警报。"}
_ILL = {
    "en": "{alarms} alarm(s) among {count} checks that could be made.",
    "zh": "做了 {count} 项检查，有 {alarms} 个警报。",
}
_UNMEASURED = {"en": "Not measured (the log lacks what is in brackets)", "zh": "未测（日志缺少括号中的内容）"}
_TITLE = {"en": "The doctor on {name}", "zh": "{name} 的诊断"}
_SIGN = {"en": ": ", "zh": "："}


def verdict(diagnosis: Diagnosis, language: str) -> str:
    """The outcome in a sentence."""
    count = len(words.NAMES) - len(diagnosis.unmeasured)
    alarms = sum(finding.level == "alarm" for finding in diagnosis.findings)
    return (_ILL if alarms else _HEALTHY)[language].format(count=count, alarms=alarms)


def heading(finding: Finding, language: str) -> str:
    """Level and fault."""
    return f"{_LEVEL[finding.level][language]}{_SIGN[language]}{words.NAMES[finding.fault][language]}"


def unmeasured(diagnosis: Diagnosis, language: str) -> str:
    """The checks that could not be made, and what is missing; empty when all could."""
    if not diagnosis.unmeasured:
        return ""
    said = [f"{words.NAMES[fault][language]} ({missing})" for fault, missing in diagnosis.unmeasured.items()]
    return f"{_UNMEASURED[language]}{_SIGN[language]}{'; '.join(said)}"


def plain(name: str, diagnosis: Diagnosis, language: str) -> str:
    """For a terminal."""
    lines = [f"{name}: {verdict(diagnosis, language)}"]
    for finding in diagnosis.findings:
        lines += ["", heading(finding, language), f"  {finding.what[language]}"]
        lines.append(f"  {_EVIDENCE[language]}{_SIGN[language]}{finding.evidence[language]}")
        lines += [f"  {_REMEDY[language]}{_SIGN[language]}{line}" for line in finding.remedy[language].splitlines()]
    if diagnosis.unmeasured:
        lines += ["", unmeasured(diagnosis, language)]
    return "\n".join(lines)


def as_json(name: str, diagnosis: Diagnosis) -> str:
    """For programs: everything that was found, in both languages."""
    found = {
        "run": name,
        "healthy": diagnosis.healthy,
        "findings": [asdict(finding) for finding in diagnosis.findings],
        "unmeasured": diagnosis.unmeasured,
    }
    return json.dumps(found, ensure_ascii=False, indent=2)


def markdown(name: str, diagnosis: Diagnosis, language: str) -> str:
    """doctor.md, with a picture beside it for each finding."""
    lines = [f"# {_TITLE[language].format(name=name)}", "", verdict(diagnosis, language), ""]
    for finding in diagnosis.findings:
        lines += [f"## {heading(finding, language)}", "", finding.what[language], ""]
        lines += [f"**{_EVIDENCE[language]}**{_SIGN[language]}{finding.evidence[language]}", ""]
        lines += [f"![{words.NAMES[finding.fault][language]}]({finding.fault}.png)", "", f"**{_REMEDY[language]}**", ""]
        lines += [f"- {line}" for line in finding.remedy[language].splitlines()] + [""]
    if diagnosis.unmeasured:
        lines += [unmeasured(diagnosis, language), ""]
    return "\n".join(lines)


def html(name: str, diagnosis: Diagnosis, language: str) -> str:
    """doctor.html: a page that needs nothing but the pictures beside it."""

    def safe(text: str) -> str:
        return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaping.escape(text))

    title = safe(_TITLE[language].format(name=name))
    parts = [
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width"><style>body{font:16px/1.5 system-ui,sans-serif;'
        "max-width:58rem;margin:2rem auto;padding:0 1rem;color:#1e293b}img{max-width:100%}"
        "code{background:#f1f5f9;padding:.1em .3em}"
        ".alarm h2{color:#b91c1c}</style>",
        f"<h1>{title}</h1><p>{safe(verdict(diagnosis, language))}</p>",
    ]
    for finding in diagnosis.findings:
        remedies = "".join(f"<li>{safe(line)}</li>" for line in finding.remedy[language].splitlines())
        parts.append(
            f'<section class="{finding.level}"><h2>{safe(heading(finding, language))}</h2>'
            f"<p>{safe(finding.what[language])}</p><p>{safe(finding.evidence[language])}</p>"
            f'<img src="{finding.fault}.png" alt="{safe(words.NAMES[finding.fault][language])}">'
            f"<p>{_REMEDY[language]}</p><ul>{remedies}</ul></section>"
        )
    if diagnosis.unmeasured:
        parts.append(f"<p>{safe(unmeasured(diagnosis, language))}</p>")
    return "\n".join([*parts, "</html>"]) + "\n"
