"""Writes the tables of docs/speed.md from the lines of docs/speed.jsonl.

python tests/bench/training.py >docs/speed.jsonl && python tests/bench/table.py
"""

from __future__ import annotations

import json
from pathlib import Path
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


def filled(page: str, lines: list[dict[str, Any]]) -> str:
    """The page with its tables written anew, each between `<!-- name -->` and `<!-- end -->`."""
    for name, table in tables(lines).items():
        before, _, rest = page.partition(f"<!-- {name} -->")
        _, _, after = rest.partition("<!-- end -->")
        page = f"{before}<!-- {name} -->\n{table}\n<!-- end -->{after}"
    return page


def measured() -> list[dict[str, Any]]:
    """The lines of docs/speed.jsonl."""
    return [json.loads(line) for line in (DOCS / "speed.jsonl").read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    path = DOCS / "speed.md"
    path.write_text(filled(path.read_text(encoding="utf-8"), measured()), encoding="utf-8")
