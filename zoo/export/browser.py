"""The zoo as a static page: spaces/browser, onnxruntime-web from npm, and the checkpoints' own files. No server.

`build` puts together a folder that any host of files can serve, under any path. models.json says what checkpoints there
are; manifest.json has the size and sha256 of every file, by which the page checks what it fetches, and a version, by
which the service worker tells one build from another. The weights are the bytes of each model.safetensors.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from zoo import __version__
from zoo.checkpoint import FORMAT, CheckpointError, read_json, sha256_of
from zoo.data.dialogue import ROLES
from zoo.data.sequences import PRONOUNCING
from zoo.data.text import FORMS
from zoo.metrics.judges import Judge, judge_of

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "spaces" / "browser"
PRETRAINED = ROOT / "zoo" / "pretrained"
PAGE = ("*.html", "*.css", "*.svg", "*.webmanifest", "worker.js", "engine/*.js", "generate/*.js", "ui/*.js")
"""What the page itself is made of, beside the service worker."""
VENDORED = {
    "onnxruntime-web/dist/ort.wasm.bundle.min.mjs": "ort.wasm.bundle.min.mjs",
    "onnxruntime-web/dist/ort.jspi.bundle.min.mjs": "ort.jspi.bundle.min.mjs",
    "@fontsource/lora/files/lora-latin-400-normal.woff2": "lora-400.woff2",
    "@fontsource/lora/files/lora-latin-600-normal.woff2": "lora-600.woff2",
    "@fontsource/lora/LICENSE": "lora.LICENSE.txt",
    "@fontsource/source-sans-3/files/source-sans-3-latin-400-normal.woff2": "source-sans-3-400.woff2",
    "@fontsource/source-sans-3/files/source-sans-3-latin-600-normal.woff2": "source-sans-3-600.woff2",
    "@fontsource/source-sans-3/LICENSE": "source-sans-3.LICENSE.txt",
}
"""Files of npm packages that come along, and their names under vendor/."""
PACKED = ("ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.jspi.wasm")
"""The two builds of the runtime (without WebGPU and with it): packed, for not every host packs what it sends."""
PARTS = (
    "generator", "encoder", "denoiser", "mapping", "synthesis", "translator", "translator_back", "decoder",
    "text_encoder", "text_decoder", "masked", "text_classifier", "duration", "condition", "classifier",
)  # fmt: skip
"""Parts that the page runs. A WaveNet's steps it computes itself (spaces/browser/engine/wavenet.js)."""
CHANGES = {"outline": "colour", "damaged": "restore", "noisy": "restore", "small": "enlarge"}
"""Pages of models from picture to picture, by the kind of their sources; another vendor's pictures are for "style"."""
TOKENIZERS = {
    "normalizer": ("BertNormalizer",),
    "pre_tokenizer": ("Split", "Metaspace", "WhitespaceSplit", "BertPreTokenizer"),
    "model": ("WordLevel", "BPE", "WordPiece"),
    "post_processor": ("TemplateProcessing",),
    "decoder": ("Fuse", "ByteFallback", "Strip", "Metaspace", "WordPiece"),
}
"""What spaces/browser/generate/tokenizer.js knows of a tokenizer.json, or a sequence of them; each may be missing."""
EXAMPLES = 8
"""Pictures that come with a model which changes pictures, to begin with."""
JUDGED = ("mnist", "spoken_digits")
"""Data sets whose judge the page asks (of a drawing and of a recording); other classifiers stay behind."""
OBSTACLES = {
    "graphs": "it has no graphs; `python -m zoo export NAME --format onnx` makes them",
    "judge": "it only judges what others make, and the page asks other judges",
    "retrieval": "it looks its replies up in a table, which the page does not carry",
    "tokenizer": "its tokenizer is of a kind that the page cannot read",
    "kind": "it is of a kind that the page has no panel for",
}
"""Why a checkpoint is not in the page; the page has the same in its two languages (spaces/browser/ui/strings.js)."""
_EXEMPLIFIED = frozenset(("style", "restore", "enlarge"))
_UNBUILT = 'const VERSION = "unbuilt";'


class BrowserError(ValueError):
    """The page cannot be built; the message says what is missing and how it is got."""


def build(out: Path, models: Sequence[str] | None = None) -> Path:
    """Write the static page into the folder `out`, which must be new or empty, and return it.

    `models` are names of bundled checkpoints or checkpoint folders; None is all bundled ones that it has a use for, and
    of the others the page says why it has not. The packages come by `npm ci` into spaces/browser/node_modules, where
    they stay for the next build. Raises BrowserError when the page's source, npm, its registry or a checkpoint's graphs
    are missing, for a named checkpoint that it cannot run, or when `out` holds something already.
    """
    if not (SOURCE / "index.html").is_file():
        raise BrowserError(f"{SOURCE} is not there: the page is built from a clone of the project, beside its zoo/")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BrowserError(f"{out} holds something already; name a folder that is new or empty")
    folders, absent = _named(models) if models is not None else _bundled()
    if not folders:
        raise BrowserError("there is no checkpoint with graphs; `python -m zoo export NAME --format onnx` makes them")
    packages = _packages()
    out.mkdir(parents=True, exist_ok=True)
    for pattern in PAGE:
        for path in sorted(SOURCE.glob(pattern)):
            _copy(path, out / path.relative_to(SOURCE))
    for source, name in VENDORED.items():
        _copy(packages / source, out / "vendor" / name)
    for name in PACKED:
        packed = gzip.compress((packages / "onnxruntime-web" / "dist" / name).read_bytes(), 9, mtime=0)
        (out / "vendor" / f"{name}.bin").write_bytes(packed)  # some hosts would unpack a .gz on the way
    cards = [_carry(folder, out) for folder in folders]
    judges = {data: judge.name for data, judge in _judges().items() if _is_there(judge, cards)}
    runtime = read_json(packages / "onnxruntime-web" / "package.json")
    index = {
        "zoo": FORMAT,
        "version": __version__,
        "onnxruntime": runtime["version"],
        "judges": judges,
        "models": cards,
        "absent": absent,
    }
    _write_json(out / "models.json", index)
    _write_manifest(out)
    return out


def _bundled() -> tuple[list[Path], list[dict[str, str]]]:
    """Bundled checkpoints that the page has a use for, and the names of the others with why it has none."""
    folders, absent = [], []
    for folder in sorted(path.parent for path in PRETRAINED.glob("*/config.json")):
        why = _obstacle(folder)
        if why:
            absent.append({"name": folder.name, "why": why})
        else:
            folders.append(folder)
    return folders, absent


def _named(models: Sequence[str]) -> tuple[list[Path], list[dict[str, str]]]:
    folders = [_folder(name) for name in models]
    for folder in folders:
        if why := _obstacle(folder):
            raise BrowserError(f"{folder.name} cannot run in the page: {OBSTACLES[why]}")
    return folders, []


def _obstacle(folder: Path) -> str:
    """Why the page has no use for a checkpoint, a key of OBSTACLES; "" where it has one."""
    if not (folder / "graphs.json").is_file():
        return "graphs"
    parts = read_json(folder / "graphs.json")["parts"]
    if "classifier" in parts:
        return "" if folder.name in {judge.name for judge in _judges().values()} else "judge"
    if "text_embedder" in parts:
        return "retrieval"
    if (folder / "tokenizer.json").is_file() and not _reads(read_json(folder / "tokenizer.json")):
        return "tokenizer"
    return "" if _pages(read_json(folder / "config.json"), parts) else "kind"


def _reads(tokenizer: dict[str, Any]) -> bool:
    """Whether the page's own tokenizer reads this tokenizer.json as the library does."""
    stated = {key: list(_steps(tokenizer.get(key), key)) for key in TOKENIZERS}
    splits = [step for step in stated["pre_tokenizer"] if step["type"] == "Split"]
    spaces = [step for key in ("pre_tokenizer", "decoder") for step in stated[key] if step["type"] == "Metaspace"]
    (model,) = stated["model"] or [{"type": None}]
    return (
        all(step["type"] in TOKENIZERS[key] for key, steps in stated.items() for step in steps)
        and all(step["behavior"] == "Isolated" and not step["invert"] and "Regex" in step["pattern"] for step in splits)
        and all(step["prepend_scheme"] == "never" for step in spaces)
        and all(step["lowercase"] and step["strip_accents"] is None for step in stated["normalizer"])
        and not any(model.get(key) for key in ("dropout", "fuse_unk", "ignore_merges", "end_of_word_suffix"))
        and not any(token[key] for token in tokenizer["added_tokens"] for key in ("lstrip", "rstrip", "single_word"))
    )


def _steps(stated: dict[str, Any] | None, stage: str) -> Iterator[dict[str, Any]]:
    """What a stage of a tokenizer is made of: nothing, one step, or those of a sequence where the page knows one."""
    inner = {"pre_tokenizer": "pretokenizers", "decoder": "decoders"}.get(stage)
    if stated is not None and stated["type"] == "Sequence" and inner:
        for step in stated[inner]:
            yield from _steps(step, stage)
    elif stated is not None:
        yield stated


def _pages(values: Mapping[str, Any], parts: Collection[str]) -> list[str]:
    """The pages that a checkpoint is for, from its config.json and the names of its parts; the names are those of
    spaces/browser/ui."""
    config, labels = values["config"], values["labels"]
    told = bool(config.get("num_classes"))
    found = []
    if "decoder" in parts:
        found.append("chat" if labels == list(ROLES) else "poem" if set(labels) & set(FORMS) else "write")
    if {"generator", "denoiser"} & set(parts):
        found.append("draw")
    if "generator" in parts:
        found.append("morph")
    if {"generator", "encoder"} <= set(parts):
        found += ["styles"] if told else ["map", "redraw"]
    if {"mapping", "synthesis"} <= set(parts):
        found += ["mix", "directions"]
    if "translator" in parts and config.get("channels", 3) == 3:
        found.append(CHANGES.get(config.get("source", "small"), "style"))
    if {"text_encoder", "text_decoder"} <= set(parts):
        found.append("pronouncing" if PRONOUNCING in labels else "translating")
    if "masked" in parts:
        found.append("filling")
    if "text_classifier" in parts:
        found.append("topic")
    if {"duration", "condition", "step"} <= set(parts):
        found.append("speak")
    return found


def _judges() -> dict[str, Judge]:
    return {data: judge for data in JUDGED if (judge := judge_of(data)) is not None}


def _folder(name: str) -> Path:
    folder = Path(name) if "/" in name or "\\" in name else PRETRAINED / name
    if not (folder / "config.json").is_file():
        known = ", ".join(path.name for path in _bundled()[0])
        raise BrowserError(f"{name[:200]} is no checkpoint; name a folder, or one of {known}")
    return folder


def _packages() -> Path:
    """The folder of npm packages as package-lock.json wants them; npm is asked only when they are not there yet."""
    packages, lock = SOURCE / "node_modules", SOURCE / "package-lock.json"
    stamp, wanted = packages / ".installed-from", sha256_of(lock)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return packages
    npm = shutil.which("npm")
    if npm is None:
        raise BrowserError("npm is missing: it fetches onnxruntime-web for the page. Install Node.js 18 or newer")
    command = [npm, "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True)
    if done.returncode:
        said = " ".join(line for line in done.stderr.splitlines() if "error" in line.lower())
        raise BrowserError(
            f"`npm ci` in {SOURCE} failed, so onnxruntime-web is not there; is there a network, or a registry set in "
            f"npm's configuration? npm says: {said[:400] or 'nothing'}"
        )
    stamp.write_text(wanted, encoding="utf-8")
    return packages


def _carry(folder: Path, out: Path) -> dict[str, Any]:
    """Copy what the page needs of a checkpoint, and return its entry in models.json. Raises BrowserError."""
    try:
        config, graphs = read_json(folder / "config.json"), read_json(folder / "graphs.json")
        recipe, metrics = (
            read_json(path) if path.is_file() else {} for path in (folder / "recipe.json", folder / "metrics.json")
        )
        weights = sha256_of(folder / "model.safetensors")
    except (CheckpointError, OSError) as error:
        raise BrowserError(f"{folder.name} cannot be carried: {error}") from error
    name = f"{config['model']}.{config['preset']}"
    if not re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_-]+", name):
        raise BrowserError(f"{folder} names its model {name[:80]!r}; allowed are letters, digits, - and _")
    parts = {part: graph for part, graph in graphs["parts"].items() if part in PARTS}
    stated = {graph["file"]: graph["sha256"] for graph in parts.values()}
    for file, wanted in ({"model.safetensors": graphs["weights"]} | stated).items():
        if (weights if file == "model.safetensors" else sha256_of(folder / file)) != wanted:
            raise BrowserError(
                f"{folder / file} is not the file that graphs.json states; `python -m zoo export {name} --format onnx` "
                "makes the graphs anew"
            )
    files = ["model.safetensors", *stated]
    if (folder / "tokenizer.json").is_file():
        files.append("tokenizer.json")
    for file in (*files, "LICENSE"):
        if (folder / file).is_file():
            _copy(folder / file, out / "models" / name / file)
    pages = _pages(config, graphs["parts"])
    wanted = bool(_EXEMPLIFIED & set(pages))
    examples = _examples(config["config"], out / "models" / name / "examples.png") if wanted else None
    files += ["examples.png"] if examples else []
    figures = metrics.get("figures") or [None]
    return {
        "name": name,
        "folder": f"models/{name}/",
        "pages": pages,
        "labels": config["labels"],
        "config": config["config"],
        "dataset": recipe.get("dataset", ""),
        "licence": recipe.get("licence_weights", ""),
        "figure": figures[0] and {key: figures[0][key] for key in ("name", "value", "unit")},
        "sha256": weights,
        "bytes": sum((out / "models" / name / file).stat().st_size for file in files),
        "files": files,
        "examples": examples,
        "parts": {
            part: {key: graph[key] for key in ("file", "inputs", "outputs", "state")} for part, graph in parts.items()
        },
    }


def _examples(config: Mapping[str, Any], path: Path) -> dict[str, Any] | None:
    """Write held-out pictures of the bundled sample, as a visitor would bring them, in a row; None for other sizes.

    Returns their names, and who drew them, under which licences.
    """
    import numpy as np
    from PIL import Image

    from zoo.data.pairs import emoji_pairs

    if config["image_size"] not in (32, 64):
        return None
    fields = SimpleNamespace(**{"source": "small", **config})
    data = emoji_pairs("emoji", "test", fields, sample=True)
    chosen = np.linspace(0, len(data) - 1, min(EXAMPLES, len(data))).round().astype(int)
    pictures = (data.targets if data.sources is None else data.sources)[chosen]
    row = np.concatenate(list(pictures.transpose(0, 2, 3, 1)), axis=1)
    Image.fromarray(row).save(path, optimize=True)
    return {"names": [data.names[i] for i in chosen], "credit": data.info.attribution}


def _is_there(judge: Judge, cards: list[dict[str, Any]]) -> bool:
    return any(card["name"] == judge.name and card["sha256"] == judge.sha256 for card in cards)


def _write_manifest(out: Path) -> None:
    """manifest.json, and the service worker with the version that is in it."""
    paths = sorted(path for path in out.rglob("*") if path.is_file())
    files = {
        path.relative_to(out).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in paths
    }
    worker = (SOURCE / "service-worker.js").read_text(encoding="utf-8")
    version = hashlib.sha256((json.dumps(files) + worker).encode()).hexdigest()[:16]
    page = [name for name in files if not name.startswith("models/") and not name.endswith((".bin", ".txt"))]
    _write_json(out / "manifest.json", {"version": version, "page": page, "files": files})
    assert _UNBUILT in worker, "the service worker has no place for the version"
    worker = worker.replace(_UNBUILT, f'const VERSION = "{version}";')
    (out / "service-worker.js").write_text(worker, encoding="utf-8")


def _write_json(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="Write the zoo as a static page.")
    arguments.add_argument("out", type=Path, help="a folder that is new or empty")
    arguments.add_argument("models", nargs="*", help="checkpoints; all bundled ones if none is named")
    given = arguments.parse_args()
    print(build(given.out, given.models or None))
