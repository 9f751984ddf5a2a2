"""A finished run -> a checkpoint folder with its weights, recipe, samples, figures and card."""

from __future__ import annotations

import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from train import timeline
from train.evaluate import sheet
from train.loop import Run
from zoo import checkpoint, runtime

LICENCE_OF_WEIGHTS = {"cc-by-sa-3.0": "cc-by-sa-3.0", "cc-by-sa-4.0": "cc-by-sa-4.0"}
"""Weights learnt from share-alike data carry its licence on; all others are Apache-2.0."""


def _hardware(run: Run) -> str:
    device = run.accelerator.device
    if device.type == "cuda":
        import torch

        return f"{run.accelerator.num_processes} x {torch.cuda.get_device_name(device)}"
    amx = " with AMX" if runtime.has_amx() else ""
    return f"{run.recipe.threads} thread(s) of a {platform.machine()} CPU{amx}"


def recipe_record(run: Run, changes: list[str]) -> dict[str, Any]:
    """What recipe.json says; `changes` are the options that departed from the preset."""
    import torch

    recipe, progress = run.recipe, run.progress
    licence = run.train_data.info.licence
    return {
        "model": run.course.name,
        "preset": run.preset,
        "command": " ".join(["python -m train", run.course.name, "--preset", run.preset, *changes]),
        "seed": recipe.seed,
        "steps": recipe.steps,
        "best_step": progress["best_step"],
        "best": {recipe.metric: progress["best"], "split": "validation"},
        "wall_seconds": round(progress["seconds"], 1),
        "hardware": _hardware(run),
        "precision": run.accelerator.mixed_precision,
        "processes": run.accelerator.num_processes,
        "torch": torch.__version__,
        "git_commit": progress["git_commit"],
        "dataset": recipe.dataset,
        "dataset_fingerprint": run.train_data.fingerprint,
        "licence_data": licence,
        "licence_weights": LICENCE_OF_WEIGHTS.get(licence, "apache-2.0"),
        "parameters": checkpoint.count_parameters(run.model),
        "finished": datetime.now(UTC).strftime("%Y-%m-%d"),
        "settings": asdict(recipe),
    }


def publish(run: Run, folder: Path, *, changes: list[str], measure: bool) -> Path:
    """Write the best weights and everything about them to `folder`, whole or not at all; measure them there."""
    network = run.published
    network.load_state_dict(load_file(run.folder / "best" / "model.safetensors"))
    network.eval()
    labels = tuple(run.train_data.labels)
    with checkpoint.replacing(folder) as temporary:
        checkpoint.save(temporary, network, run.course.name, run.preset, labels=labels, dtype=run.recipe.weights)
        if run.tokenizer is not None:
            run.tokenizer.save(str(temporary / "tokenizer.json"))
        checkpoint.write_json(temporary / "recipe.json", recipe_record(run, changes))
        stored = checkpoint.load(temporary).model  # samples come from the weights as stored
        sheet(run.course.name, stored, temporary / "samples" / "sheet", run.tokenizer, run.train_data)
        timeline.publish(
            run.folder, temporary / "timeline", steps=run.progress["step"], metric=run.recipe.metric,
            better=run.recipe.better,
        )  # fmt: skip
    if measure:
        from zoo import figures

        figures.state(folder)
    return folder
