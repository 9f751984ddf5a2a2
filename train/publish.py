"""A finished run -> a checkpoint folder with its weights, recipe, samples, figures and card."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from train import timeline
from train.evaluate import neighbours, sheet
from train.loop import Run
from zoo import card, checkpoint, runtime


def licence_of_weights(data: str, base: str) -> str:
    """Share-alike data, or weights to begin from, carry their licence on; of data with no known licence: "other"."""
    for licence in (base, data):
        if "-sa-" in licence:
            return licence
    return "other" if "unknown" in (data, base) or base == "other" else "apache-2.0"


def _hardware(run: Run) -> str:
    device = run.accelerator.device
    if device.type == "cuda":
        import torch

        return f"{run.accelerator.num_processes} x {torch.cuda.get_device_name(device)}"
    amx = " with AMX" if runtime.has_amx() else ""
    return f"{run.recipe.threads} thread(s) of a {platform.machine()} CPU{amx}"


def recipe_record(run: Run, command: str) -> dict[str, Any]:
    """What recipe.json says; `command` trains the same again."""
    import torch

    recipe, progress = run.recipe, run.progress
    info, base = run.train_data.info, run.sources.checkpoint
    licence = licence_of_weights(info.licence, base.recipe.get("licence_weights", "unknown") if base else "")
    return {
        "model": run.course.name,
        "preset": run.preset,
        "command": command,
        "seed": recipe.seed,
        "steps": recipe.steps,
        "best_step": progress["best_step"],
        "best": {recipe.metric: progress["best"], "split": "validation"},
        "wall_seconds": round(progress["seconds"], 1),
        "cpu_seconds": round(progress["cpu_seconds"], 1),
        "hardware": _hardware(run),
        "precision": run.accelerator.mixed_precision,
        "processes": run.accelerator.num_processes,
        "torch": torch.__version__,
        "git_commit": progress["git_commit"],
        "dataset": info.name,
        "dataset_fingerprint": run.train_data.fingerprint,
        **({"data": asdict(info)} if run.sources.data else {}),
        **({"from": {"name": base.name, "sha256": base.sha256}} if base else {}),
        "licence_data": info.licence,
        "licence_weights": licence,
        "parameters": checkpoint.count_parameters(run.model),
        "finished": datetime.now(UTC).strftime("%Y-%m-%d"),
        "settings": asdict(recipe),
    }


def publish(run: Run, folder: Path, *, command: str, measure: bool, poll: Callable[[], None] = lambda: None) -> Path:
    """Write the best weights and everything about them to `folder`, whole or not at all; measure them there."""
    network = run.published
    network.load_state_dict(load_file(run.folder / "best" / "model.safetensors"))
    network.eval()
    labels = tuple(run.train_data.labels)
    with checkpoint.replacing(folder) as temporary:
        checkpoint.save(temporary, network, run.course.name, run.preset, labels=labels, dtype=run.recipe.weights)
        if run.tokenizer is not None:
            (temporary / "tokenizer.json").write_text(run.tokenizer.to_str(pretty=True), encoding="utf-8")
        checkpoint.write_json(temporary / "recipe.json", recipe_record(run, command))
        stored = checkpoint.load(temporary).model  # samples come from the weights as stored
        run.course.finish(stored, run.train_data, temporary)
        sheet(run.course.name, stored, temporary / "samples" / "sheet", run.tokenizer, run.train_data)
        dataset = "" if run.sources.data else run.recipe.dataset  # no judge knows one's own
        neighbours(run.course.name, stored, temporary / "samples" / card.NEIGHBOURS, run.train_data, dataset, poll)
        timeline.publish(
            run.folder, temporary / "timeline", steps=run.progress["step"], metric=run.recipe.metric,
            better=run.recipe.better,
        )  # fmt: skip
    if measure:
        from zoo import figures

        figures.state(folder, quick_only=run.recipe.sample, poll=poll, own=run.sources.data)
    return folder
