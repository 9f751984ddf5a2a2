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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo import __version__
from zoo.checkpoint import FORMAT, CheckpointError, read_json, sha256_of
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
PARTS = ("generator", "encoder", "decoder", "duration", "condition", "classifier")
"""Parts that the page runs. A WaveNet's steps it computes itself (spaces/browser/engine/wavenet.js)."""
JUDGED = ("mnist", "spoken_digits")
"""Data sets whose judge the page asks (of a drawing and of a recording); other classifiers stay behind."""
_UNBUILT = 'const VERSION = "unbuilt";'


class BrowserError(ValueError):
    """The page cannot be built; the message says what is missing and how it is got."""


def build(out: Path, models: Sequence[str] | None = None) -> Path:
    """Write the static page into the folder `out`, which must be new or empty, and return it.

    `models` are names of bundled checkpoints or checkpoint folders; None is all bundled ones that it has a use for. The
    packages come by `npm ci` into spaces/browser/node_modules, where they stay for the next build. Raises BrowserError
    when the page's source, npm, its registry or a checkpoint's graphs are missing, or `out` holds something already.
    """
    if not (SOURCE / "index.html").is_file():
        raise BrowserError(f"{SOURCE} is not there: the page is built from a clone of the project, beside its zoo/")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BrowserError(f"{out} holds something already; name a folder that is new or empty")
    folders = [_folder(name) for name in models] if models is not None else _bundled()
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
    }
    _write_json(out / "models.json", index)
    _write_manifest(out)
    return out


def _bundled() -> list[Path]:
    """Bundled checkpoints that the page has a use for; of the classifiers only the judges that it asks."""
    asked = {judge.name for judge in _judges().values()}
    folders = sorted(path.parent for path in PRETRAINED.glob("*/graphs.json"))
    return [folder for folder in folders if folder.name in asked or _is_shown(folder)]


def _is_shown(folder: Path) -> bool:
    """Whether the page's tabs can run a checkpoint: pictures from latents, a code to and from a picture without
    classes, text a character at a time by a decoder with caches, and a WaveNet."""
    parts = read_json(folder / "graphs.json")["parts"]
    if "decoder" in parts:
        tokenizer = read_json(folder / "tokenizer.json")
        return "position" in parts["decoder"]["inputs"] and tokenizer.get("model", {}).get("type") == "WordLevel"
    if "encoder" in parts:
        return "generator" in parts and "labels" not in parts["generator"]["inputs"]
    return "generator" in parts or {"duration", "condition", "step"} <= parts.keys()


def _judges() -> dict[str, Judge]:
    return {data: judge for data in JUDGED if (judge := judge_of(data)) is not None}


def _folder(name: str) -> Path:
    folder = Path(name) if "/" in name or "\\" in name else PRETRAINED / name
    if not (folder / "config.json").is_file():
        known = ", ".join(path.name for path in _bundled())
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
    figures = metrics.get("figures") or [None]
    return {
        "name": name,
        "folder": f"models/{name}/",
        "labels": config["labels"],
        "config": config["config"],
        "dataset": recipe.get("dataset", ""),
        "licence": recipe.get("licence_weights", ""),
        "figure": figures[0] and {key: figures[0][key] for key in ("name", "value", "unit")},
        "sha256": weights,
        "bytes": sum((folder / file).stat().st_size for file in files),
        "files": files,
        "parts": {
            part: {key: graph[key] for key in ("file", "inputs", "outputs", "state")} for part, graph in parts.items()
        },
    }


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
