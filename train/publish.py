"""A finished run -> a checkpoint folder with its weights, recipe, samples, figures and card."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from safetensors.torch import load_file

from train import timeline
from train.evaluate import neighbours, sheet
from train.loop import Run
from train.recipe import course
from train.sources import Sources
from zoo import card, checkpoint, runtime

if TYPE_CHECKING:
    from zoo import figures


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
    lent = [{"name": one.name, "sha256": one.sha256} for one in run.sources.lenders]
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
        **({"lent": lent} if lent else {}),
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


def store_again(
    source: Path, folder: Path, weights: Literal["float32", "float16", "int8"], poll: Callable[[], None] = lambda: None
) -> list[figures.Comparison]:
    """Write a checkpoint to `folder`, which may be its own, with its weights in another precision; nothing is trained.

    Samples, graphs, figures and card are made anew; recipe.json keeps the sha256 of the weights that these come from.
    Returns what was stated beside what the new weights measure.
    Raises ValueError where it is stored so already, or learnt from data that are not a data set of the zoo.
    """
    from zoo import export, figures

    loaded = checkpoint.load(source)
    settings = loaded.recipe.get("settings")
    if not isinstance(settings, dict) or "data" in loaded.recipe:
        raise ValueError(f"{loaded.name} did not learn from a data set of the zoo, of which its samples are made anew")
    if settings.get("weights") == weights:
        raise ValueError(f"{loaded.name} is stored as {weights} already")
    found = course(loaded.model_name)
    recipe = replace(
        found.presets.get(loaded.preset, next(iter(found.presets.values()))),
        config=loaded.model.config, dataset=settings["dataset"], sample=settings["sample"],
    )  # fmt: skip
    data = Sources(checkpoint=loaded).open(found.name, recipe)[0]
    record = {**loaded.recipe, "stored_from": loaded.sha256, "settings": {**settings, "weights": weights}}
    with checkpoint.replacing(folder) as temporary:
        shutil.copytree(source, temporary, dirs_exist_ok=True)
        checkpoint.save(temporary, loaded.model, found.name, loaded.preset, labels=loaded.labels, dtype=weights)
        checkpoint.write_json(temporary / "recipe.json", record)
        stored = checkpoint.load(temporary).model
        sheet(found.name, stored, temporary / "samples" / "sheet", getattr(data, "tokenizer", None), data)
        neighbours(found.name, stored, temporary / "samples" / card.NEIGHBOURS, data, recipe.dataset, poll)
        if (source / "graphs.json").exists():
            export.write_graphs(temporary)
    figures.state(folder, quick_only=recipe.sample, poll=poll)
    tier = figures.QUICK if recipe.sample else figures.FULL
    return figures.compare(loaded.metrics.get(tier, []), checkpoint.read_json(folder / "metrics.json")[tier])
