"""The rows that were tried as the READMEs show them; `python tests/faults/table.py` writes them there anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.table import filled

ROOT = Path(__file__).parents[2]
LINES = ROOT / "docs" / "reliability.jsonl"
PAGES = ("README.md", "README.zh.md")


def table(lines: Sequence[dict[str, Any]]) -> str:
    """A line for each row, in Markdown."""
    rows = ["| row | what is tried | target | found | seed, minutes, day |", "|---|---|---|---|---|"]
    for line in lines:
        found = (line["figure"] or "failed") if line["met"] else f"**missed:** {line['figure'] or 'failed'}"
        when = f"{line['seed']}, {line['minutes']:g}, {line['date']}"
        rows.append(f"| {line['row']} | {line['about']} | {line['target']} | {found} | {when} |")
    return "\n".join(rows)


def kept() -> list[dict[str, Any]]:
    """The lines of docs/reliability.jsonl."""
    return [json.loads(line) for line in LINES.read_text(encoding="utf-8").splitlines()] if LINES.exists() else []


def keep(lines: Sequence[dict[str, Any]]) -> None:
    """Put lines in the place of those of the same rows, and write the tables anew."""
    brief = [{key: value for key, value in line.items() if key != "details"} for line in lines]
    known = {line["row"]: line for line in (*kept(), *brief)}
    rows = sorted(known.values(), key=lambda line: int(line["row"][1:]))
    LINES.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in rows), encoding="utf-8")
    write(rows)


def write(rows: Sequence[dict[str, Any]]) -> None:
    """The table and the machine between the marks of each page."""
    tables = {"reliability": table(rows), "reliability machine": "; ".join(dict.fromkeys(r["machine"] for r in rows))}
    for name in PAGES:
        page = ROOT / name
        page.write_text(filled(page.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    write(kept())
