"""Writes the tables of docs/speed.md, generation.md and hosting.md from the lines beside them (PAGES says which).

python tests/bench/training.py >docs/speed.jsonl && python tests/bench/table.py
"""

from __future__ import annotations

import json
from math import isnan
from pathlib import Path
from statistics import median
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
TARGETS = {
    "dcgan, same networks, fp32": 2.6,
    "dcgan, same networks, bf16": 4.8,
    "dcgan, our networks, fp32": 2.6,
    "dcgan, our networks, bf16": 4.8,
    "wgan_gp, fp32": 2.0,
    "wgan_gp, bf16": 2.0,
    "gpt, fp32, against peer nanoGPT": 1.05,
    "gpt, bf16, against peer nanoGPT": 2.1,
    "gpt, fp32, against peer transformers": 1.4,
    "gpt, bf16, against peer transformers": 2.8,
    "vae, ": 1.4,
}
"""The least ratio that was asked for, by the beginning of a line's name."""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(line: dict[str, Any]) -> str:
    low, high = line["ratio_range"]
    return f"{line['ratio']:.2f} ({low:.2f} to {high:.2f})"


def tables(lines: list[dict[str, Any]]) -> dict[str, str]:
    """Markdown by the name of its place in docs/speed.md."""
    peers = ["| ours, against whom | ours | peer | ratio (range) | asked |", "|---|---|---|---|---|"]
    loops = ["| preset | bare loop | ours | overhead | steps | measuring | saving | snapshots |", "|" + "---|" * 8]
    tricks = ["| without, or with | all tricks, fp32 | this | all / this |", "|---|---|---|---|"]
    for line in lines:
        name, unit = line["name"], line["unit"]
        ours, peer = f"{_number(line['ours'])} {unit}", f"{_number(line['peer'])} {unit}"
        if "overhead" in line:
            shares = [f"{100 * share:.1f} %" for share in (line["overhead"], *line["overhead_of"].values())]
            loops.append(f"| {name.split(', ')[1]}, {line['precision']} | {peer} | {ours} | {' | '.join(shares)} |")
        elif ": all against " in name:
            tricks.append(f"| {name.replace(': all against', ':')} | {ours} | {peer} | {_ratio(line)} |")
        else:
            asked = next((target for start, target in TARGETS.items() if name.startswith(start)), "")
            threads = "" if line["threads"] == line["peer_threads"] else f" ({line['threads']} thread)"
            peers.append(f"| {name}{threads} | {ours} | {peer} | {_ratio(line)} | {asked} |")
    first = lines[0]
    calm = max(line["others"] for line in lines)
    measured = (
        f"{first['hardware']}, torch {first['torch']}; medians of {first['repeats']} repeats, in which "
        f"other processes took at most {100 * calm:.0f} % of the CPU."
    )
    return {"measured": measured, "peers": "\n".join(peers), "loop": "\n".join(loops), "tricks": "\n".join(tricks)}


def generation_tables(lines: list[dict[str, Any]]) -> dict[str, str]:
    """Markdown by the name of its place in docs/generation.md."""
    speed = ["| ours, against whom | ours | peer | ratio (range) | asked |", "|---|---|---|---|---|"]
    other = ["| figure | value |", "|---|---|"]
    weights = ["| checkpoint | figure | as stored | 8 bits | 4 bits |", "|---|---|---|---|---|"]
    seeds = ["| checkpoint, against torch on | outputs | the same | equal | largest difference |", "|" + "---|" * 5]
    startup = ["| figure | this app | empty gradio app | ratio |", "|---|---|---|---|"]
    ratios = [line for line in lines if "ratio_range" in line]
    for line in [line for line in lines if "name" in line]:
        name = line["name"]
        if "ratio_range" in line:
            unit, asked = line["unit"], "" if line["asked"] is None else line["asked"]
            ours, peer = f"{_number(line['ours'])} {unit}", f"{_number(line['peer'])} {unit}"
            speed.append(f"| {name} | {ours} | {peer} | {_ratio(line)} | {asked} |")
        elif "bits" in line:
            checkpoint, _, figure = name.partition(": ")
            values = [line["bits"].get(bits) for bits in ("32", "8", "4")]
            if figure == "bytes":
                figure, values = "MB", [value and value / 1e6 for value in values]
            shown = ["" if value is None else f"{value:.4g}" for value in values]
            weights.append(f"| {checkpoint} | {figure} | {' | '.join(shown)} |")
        elif "outputs" in line:
            apart = "" if line["largest_difference"] is None else f"{line['largest_difference']:g}"
            where = name.replace(": onnxruntime against torch on", ",")
            shares = f"{line['same']} | {100 * line['equal']:.4g} % of {line['of']}"
            seeds.append(f"| {where} | {line['outputs']} | {shares} | {apart} |")
        elif "zoo" in line:
            startup.append(f"| {name} | {line['zoo']} | {line.get('empty', '')} | {line.get('ratio', '')} |")
        elif isinstance(line["value"], dict):
            value = ", ".join(f"{_way(key)} {value:g}" for key, value in line["value"].items())
            other.append(f"| {name} | {value} |")
        else:
            value = line["value"] if isinstance(line["value"], list) else [line["value"]]
            other.append(f"| {name} | {', '.join(f'{one:g}' for one in value)} |")
    measured = (
        f"{ratios[0]['hardware']}, torch {ratios[0]['torch']}; medians of {ratios[0]['repeats']} repeats, in which "
        f"other processes took at most {100 * max(line['others'] for line in ratios):.0f} % of the CPU."
    )
    browser = browser_tables([line for line in lines if "name" not in line])
    tables = {"browser": browser, "speed": [*speed, "", *other], "startup": startup, "weights": weights, "seeds": seeds}
    return {"generated": measured, **{name: "\n".join(rows) for name, rows in tables.items()}}


def browser_tables(lines: list[dict[str, Any]]) -> list[str]:
    """What `browser_page.py` printed, as two tables: the panels, and what seeds gave."""
    visits = {line["panel"]: line["visit_MB"] for line in lines if "visit_MB" in line}
    rows = ["| panel | page | click to first result | fetched in all | a second run |", "|---|---|---|---|---|"]
    for line in lines:
        if "page_s" in line:
            said = line["again"].split(" · ")  # ..., weights, tokens, tokens/s, s, WebAssembly
            again = f"{said[-2]}, {said[-3]}" if "tokens/s" in line["again"] else said[-2]
            times = f"{line['page_s']:.1f} s | {line['first_result_s']:.1f} s"
            rows.append(f"| {line['panel']} | {times} | {visits[line['panel']]:.1f} MB | {again} |")
    rows += [
        "",
        "| checkpoint, the page against onnxruntime in Python | seeds | the same | apart |",
        "|---|---|---|---|",
    ]
    for line in [line for line in lines if "model" in line]:
        same = next(value for key, value in line.items() if key.startswith("same_"))
        apart = ""
        if "pixels_apart" in line:
            apart = f"{line['pixels_apart']} pixels, by {line['most']} grey level"
        elif "samples_apart" in line:
            apart = f"{line['samples_apart']} of {line['samples']:,} samples"
        rows.append(f"| {line['model']} | {line['seeds']} | {same} | {apart} |")
    return rows


def _way(key: str) -> str:
    return f"{key} bits" if key.isdigit() else key


def filled(page: str, tables: dict[str, str]) -> str:
    """The page with its tables written anew, each between `<!-- name -->` and `<!-- end -->`."""
    for name, table in tables.items():
        before, _, rest = page.partition(f"<!-- {name} -->")
        _, _, after = rest.partition("<!-- end -->")
        page = f"{before}<!-- {name} -->\n{table}\n<!-- end -->{after}"
    return page


def measured(name: str = "speed") -> list[dict[str, Any]]:
    """The lines of docs/speed.jsonl, or of another page."""
    return [json.loads(line) for line in (DOCS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def sound_tables(lines: list[dict[str, Any]]) -> dict[str, str]:
    """What `real_time.py` and `first_sound.py` printed, a row for each thing that is made."""
    made: dict[str, dict[str, float]] = {}
    for line in lines:
        what, _, figure = line["name"].rpartition(": ")
        made.setdefault(what, {})[figure] = line["value"]
    columns = ("seconds of one core a second of sound", "the whole call", "first sound")
    rows = [
        "| what is made | core's seconds a second of sound | the whole call | first sound |",
        "|---|---:|---:|---:|",
    ]
    for what, figures in made.items():
        if what:  # the time of loading stands apart
            shown = (f"{figures[one]:.3g} s" if one in figures else "" for one in columns)
            rows.append(f"| {what} | {' | '.join(shown)} |")
    return {"sound": "\n".join(rows)}


def _by_way(lines: list[dict[str, Any]], *figures: str) -> dict[str, list[float]]:
    """The medians of some figures over the repeats of each way; NaN where there was none."""
    ways: dict[str, list[float]] = {}
    for way in dict.fromkeys(line["name"] for line in lines):
        own = [line for line in lines if line["name"] == way]
        ways[way] = [median([one[key] for one in own if one[key] is not None] or [float("nan")]) for key in figures]
    return ways


def replica_tables(lines: list[dict[str, Any]]) -> dict[str, str]:
    """What `replicas.py` printed: a row for each way, the medians of its repeats."""
    rows = [
        "| 32 visitors, 2 cores | answers a second | p50 | p95 | went wrong | memory |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for way, (rate, p50, p95, memory) in _by_way(lines, "answers_per_second", "p50", "p95", "megabytes").items():
        wrong, calls = (
            sum(line[figure] for line in lines if line["name"] == way) for figure in ("went_wrong", "calls")
        )
        waits = " | ".join("-" if isnan(value) else f"{value:.1f} s" for value in (p50, p95))
        rows.append(f"| {way} | {rate:.1f} | {waits} | {wrong} of {calls} | {memory:.0f} MB |")
    return {"replicas": "\n".join(rows)}


def adaptive_tables(lines: list[dict[str, Any]]) -> dict[str, str]:
    """What `adaptive.py` printed: a row for each way, the medians of its repeats."""
    rows = [
        f"| 2 cores | alone, a call | {lines[0]['users']} visitors, answers a second | p50 | p95 | memory |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for way, found in _by_way(lines, "alone", "answers_per_second", "p50", "p95", "megabytes").items():
        single, rate, p50, p95, memory = found
        rows.append(f"| {way} | {single:.2f} s | {rate:.1f} | {p50:.1f} s | {p95:.1f} s | {memory:.0f} MB |")
    return {"adaptive": "\n".join(rows)}


PAGES = (
    ("speed", "speed", tables),
    ("generation", "generation", generation_tables),
    ("sound", "generation", sound_tables),
    ("replicas", "hosting", replica_tables),
    ("replicas", "hosting.zh", replica_tables),
)
"""The name of the file that holds the lines, the page, and what makes its tables."""

if __name__ == "__main__":
    for name, page, make in PAGES:
        path = DOCS / f"{page}.md"
        path.write_text(filled(path.read_text(encoding="utf-8"), make(measured(name))), encoding="utf-8")
