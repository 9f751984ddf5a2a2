"""The doctor of training runs: what is wrong with a run folder, shown by its own figures, and what to try.

Nothing is guessed: a check whose figures the log does not have is listed as not measured. `zoo.doctor.signs` holds
the thresholds, docs/doctor.md where they come from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zoo.config import suggestion
from zoo.doctor import remedies, words
from zoo.doctor.log import Log, Unmeasured, read
from zoo.doctor.signs import BROUGHT_ABOUT_BY, CHECKS, Sign

if TYPE_CHECKING:
    from PIL.Image import Image

GALLERY = Path(__file__).parent.parent / "gallery"
"""Runs broken on purpose, as stored logs."""


@dataclass(frozen=True)
class Finding:
    """One thing that a run shows. Texts are by language, "en" and "zh"."""

    fault: str
    """A word of `checks()`, such as "mode-collapse"."""
    level: Literal["alarm", "note"]
    """An alarm is a fault; a note is worth knowing."""
    what: dict[str, str]
    evidence: dict[str, str]
    remedy: dict[str, str]
    """Things to try, a line each, with options of `python -m train` in backticks."""
    curves: tuple[str, ...]
    """Figures of log.jsonl that show it, the most telling first."""
    step: int | None = None
    """Where it began or shows most."""
    limits: dict[str, float] = field(default_factory=dict)
    """Thresholds by curve."""


@dataclass(frozen=True)
class Diagnosis:
    """All findings, alarms first, and by fault the checks that could not be made, with what is missing."""

    findings: list[Finding]
    unmeasured: dict[str, str]

    @property
    def healthy(self) -> bool:
        """Whether there is no alarm."""
        return all(finding.level == "note" for finding in self.findings)


def checks() -> dict[str, dict[str, str]]:
    """Names, in English and Chinese, of all that is looked for, by fault."""
    return {fault: words.NAMES[fault] for fault in CHECKS}


def diagnose(run: Path) -> Diagnosis:
    """Examine a run folder. Raises ValueError or OSError saying what is wrong with the folder."""
    log = read(run)
    signs: dict[str, Sign] = {}
    unmeasured: dict[str, str] = {}
    for fault, look in CHECKS.items():
        try:
            sign = look(log)
        except Unmeasured as missing:
            unmeasured[fault] = str(missing)
            continue
        if sign is not None:
            signs[fault] = sign
    found = [_finding(log, fault, sign, signs) for fault, sign in signs.items()]
    return Diagnosis(sorted(found, key=lambda finding: finding.level), unmeasured)


def examine(run: Path) -> list[Finding]:
    """What `diagnose` finds, alarms first. Raises ValueError or OSError saying what is wrong with the folder."""
    return diagnose(run).findings


def _finding(log: Log, fault: str, sign: Sign, signs: dict[str, Sign]) -> Finding:
    facts = {name: words.number(value) for name, value in sign.facts.items()}
    evidence = {language: text.format(**facts) for language, text in words.EVIDENCE[sign.key].items()}
    level, remedy = sign.level, remedies.remedy(fault, log.option)
    cause = next((one for one in BROUGHT_ABOUT_BY.get(fault, ()) if one in signs and signs[one].level == "alarm"), None)
    if cause and level == "alarm":
        level = "note"
        for language, text in words.CONSEQUENCE.items():
            evidence[language] += text.format(cause=words.NAMES[cause][language])
            remedy[language] = words.FIRST[language].format(cause=words.NAMES[cause][language])
    return Finding(fault, level, words.WHAT[fault], evidence, remedy, sign.curves, sign.step, sign.limits)


def draw(run: Path, finding: Finding, language: str = "en") -> Image:
    """The finding's curves with its step and thresholds marked, about 900 x 360 pixels. May run in any thread."""
    from zoo.doctor.drawing import draw_log

    if language not in words.CONSEQUENCE:
        raise ValueError(f"the doctor does not speak {language!r}{suggestion(language, words.CONSEQUENCE)}")
    return draw_log(read(run), finding.curves, finding.step, finding.limits, words.NAMES[finding.fault], language)


def report(run: Path, folder: Path, language: str = "en") -> None:
    """Write doctor.md, doctor.html and a picture of each finding into `folder`, made where it does not exist."""
    from zoo.doctor.writing import html, markdown

    diagnosis = diagnose(run)
    folder.mkdir(parents=True, exist_ok=True)
    for finding in diagnosis.findings:
        draw(run, finding, language).save(folder / f"{finding.fault}.png")
    (folder / "doctor.md").write_text(markdown(run.name, diagnosis, language), encoding="utf-8")
    (folder / "doctor.html").write_text(html(run.name, diagnosis, language), encoding="utf-8")


def gallery() -> list[str]:
    """Names of the stored runs that were broken on purpose."""
    return sorted(path.parent.name for path in GALLERY.glob("*/run.json"))


def gallery_run(name: str) -> Path:
    """The folder of a stored run. Raises ValueError naming those that exist."""
    if name not in gallery():
        raise ValueError(f"the gallery has no run {name[:40]!r}{suggestion(name[:40], gallery())}")
    return GALLERY / name


__all__ = [
    "Diagnosis", "Finding", "checks", "diagnose", "draw", "examine", "gallery", "gallery_run", "report",
]  # fmt: skip
