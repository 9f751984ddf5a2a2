"""Spaces: `build` the folder that is uploaded, and `push` it. `zoo.space.check` examines one as its host would run it.

A Space here is a folder of spaces/: README.md with the front matter that Hugging Face reads, app.py and
requirements.txt. What is uploaded is that folder with the package `zoo` beside it, the checkpoints that its tabs need,
and never `spaces/` itself: a folder of that name would hide Hugging Face's own package `spaces`. `browser` is a static
page, which any account may host. `endpoint` is no Space: it is a checkpoint with what Inference Endpoints need to
serve it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from zoo import checkpoint, entry, hub
from zoo.config import suggestion
from zoo.generate import assistant, crossmodal, library, speech
from zoo.metrics.judges import judge_of

if TYPE_CHECKING:
    from huggingface_hub import SpaceHardware

ROOT = Path(__file__).parents[2]
SPACES = ("browser", "all", "image", "text", "audio", "crossmodal")
"""In the order in which they are pushed together: first the one that every account may host."""
ENDPOINT = "endpoint"
STATIC = ("browser",)
WHOLE = "zoo"
"""What the one Space `all` is asked for as: "all" means the six."""
TASKS = {
    "image": (entry.IMAGE_GENERATION, entry.IMAGE_AUTOENCODING, entry.IMAGE_TRANSLATION),
    "text": (
        entry.TEXT_GENERATION,
        entry.TRANSLATION,
        entry.FILL_MASK,
        entry.TEXT_CLASSIFICATION,
        entry.RETRIEVAL,
    ),
    "audio": (
        entry.AUDIO_GENERATION,
        entry.TEXT_TO_SPEECH,
        entry.NOTE_GENERATION,
        entry.SOUND_GENERATION,
        entry.MUSIC_GENERATION,
        entry.VOCODING,
    ),
}
"""The Space of a modality carries the checkpoints that do these."""
MAX_BYTES = 10**9
"""What the repository of a Space may hold."""
_LARGE = ("safetensors", "onnx", "wasm", "png", "webp", "jpg", "gif", "wav", "flac", "parquet", "woff2", "ttf", "bin")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.py[co]", ".*", "pretrained")


class SpaceError(ValueError):
    """A Space cannot be built or pushed as asked; the message says what was given and what is allowed."""


@dataclass(frozen=True)
class Built:
    """A folder that is ready to be uploaded."""

    name: str
    folder: Path
    checkpoints: tuple[str, ...]
    files: int
    bytes: int

    def __str__(self) -> str:
        carried = f", {len(self.checkpoints)} checkpoints" if self.checkpoints else ""
        return f"{self.name}: {self.folder} · {self.files:,} files, {self.bytes / 1e6:.1f} MB{carried}"


def named(name: str) -> tuple[str, ...]:
    """The Spaces that a command line means: "all" -> the six, "zoo" -> ("all",), another -> itself.

    Raises SpaceError for a name that is none.
    """
    if name == "all":
        return SPACES
    if name == WHOLE:
        return ("all",)
    if name not in (*SPACES, ENDPOINT):
        raise SpaceError(f"no Space is named {name[:40]!r}{suggestion(name[:40], (*SPACES, WHOLE, ENDPOINT))}")
    return (name,)


def checkpoints_of(name: str) -> tuple[str, ...]:
    """Names of the bundled checkpoints that a Space carries."""
    if name in TASKS:
        found = {one for task in TASKS[name] for one in library.choices(task)}
        return tuple(sorted(found.union(*(speech.companions(library.config_of(one)) for one in found))))
    if name == "crossmodal":
        judges = [judge.name for judge in map(judge_of, ("mnist", "spoken_digits")) if judge is not None]
        tasks = (entry.ANY_TO_ANY, entry.TEXT_TO_IMAGE, entry.IMAGE_TEXT_MATCHING, entry.CAPTIONING)
        found = {one for task in tasks for one in library.choices(task)}
        return tuple(sorted({crossmodal.PAINTER, crossmodal.VOICE, *judges, *found, *assistant.needed()}))
    return tuple(sorted(path.parent.name for path in hub.PRETRAINED.glob("*/config.json")))


def build(name: str, out: Path, *, model: str = "") -> Built:
    """Put together the folder of one Space (of SPACES, or ENDPOINT with `model`) in `out`, which must be new or empty.

    Raises SpaceError for a name that is none, a source that is not there, a folder that holds something, and for what
    is larger than a Space may be.
    """
    source = ROOT / "spaces" / name
    if name not in (*SPACES, ENDPOINT):
        raise SpaceError(f"no Space is named {name[:40]!r}{suggestion(name[:40], (*SPACES, ENDPOINT))}")
    if not (source / "README.md").is_file():
        raise SpaceError(f"{source} is not there: Spaces are built from a clone of the project, beside its zoo/")
    if (name == ENDPOINT) != bool(model):
        raise SpaceError("--model names the checkpoint of the endpoint, and is given for the endpoint only")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SpaceError(f"{out} holds something already; name a folder that is new or empty")
    if name in STATIC:
        carried = _static(name, source, out)
    elif name == ENDPOINT:
        carried = _endpoint(source, out, model)
    else:
        carried = checkpoints_of(name)
        shutil.copytree(source, out, ignore=_LEFT_OUT, dirs_exist_ok=True)
        shutil.copytree(ROOT / "zoo", out / "zoo", ignore=_LEFT_OUT)
        for one in carried:
            shutil.copytree(hub.PRETRAINED / one, out / "zoo" / "pretrained" / one, ignore=_LEFT_OUT)
    shutil.copyfile(ROOT / "LICENSE", out / "LICENSE")
    lines = (f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in _LARGE)
    (out / ".gitattributes").write_text("".join(lines), encoding="utf-8")
    return _measured(name, out, carried)


def _static(name: str, source: Path, out: Path) -> tuple[str, ...]:
    from zoo.export import browser

    browser.build(out)
    shutil.copyfile(source / "README.md", out / "README.md")
    return checkpoints_of(name)


def _endpoint(source: Path, out: Path, model: str) -> tuple[str, ...]:
    from zoo import export

    place = hub.locate(model)
    architecture, preset, _, _ = checkpoint.describe(place.folder)
    name = f"{architecture}.{preset}"
    shutil.copytree(ROOT / "zoo", out / "zoo", ignore=_LEFT_OUT)
    inner = out / "zoo" / "pretrained" / name
    carried = {inner: place.folder}
    for one in speech.companions(checkpoint.read_json(place.folder / "config.json")):
        carried[out / "zoo" / "pretrained" / one] = library.folder_of(one)
    for target, folder in carried.items():
        shutil.copytree(folder, target, ignore=_LEFT_OUT)
        if not export.copy_graphs(folder, target):  # so that it runs without torch
            export.write_graphs(target)
    for file in ("handler.py", "requirements.txt"):
        shutil.copyfile(source / file, out / file)
    if (inner / "README.md").is_file():
        shutil.copyfile(inner / "README.md", out / "README.md")
    return tuple(folder.name for folder in carried)


def _measured(name: str, out: Path, carried: tuple[str, ...]) -> Built:
    sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
    if sum(sizes) > MAX_BYTES or len(sizes) > hub.MAX_FILES:
        raise SpaceError(
            f"{name} comes to {len(sizes):,} files of {sum(sizes):,} bytes; "
            f"allowed are {hub.MAX_FILES:,} files and {MAX_BYTES:,} bytes"
        )
    return Built(name, out, carried, len(sizes), sum(sizes))


def repository(name: str, to: str, *, together: bool) -> str:
    """The repository that a Space goes to: `to` itself, or, when several are pushed together, user/name-image, ..."""
    return f"{to}-{name}" if together and name != "all" else to


def push(
    asked: str,
    to: str,
    scratch: Path,
    *,
    hardware: str = "",
    private: bool = False,
    model: str = "",
    token: str | None = None,
) -> Iterator[hub.Release]:
    """Build each Space that `asked` means (see `named`) in `scratch`, then upload one after the other.

    `to` is the repository; for "all" it is that of the whole zoo, and the others are to-browser, to-image, ... (see
    `repository`). `hardware` is such as "cpu-basic" or "zero-a10g" (a static Space has none). Yields what was left on
    the Hub; a Space that is there already in the same state is left as it is. Raises SpaceError before anything is
    sent, and HubError, whose words for a 402 offer what a free account may host.
    """
    from huggingface_hub import SpaceHardware

    spaces = named(asked)
    known = [one.value for one in SpaceHardware]
    if hardware and hardware not in known:
        raise SpaceError(f"no hardware is named {hardware[:40]!r}{suggestion(hardware[:40], known)}")
    if hardware and not set(spaces) - {*STATIC, ENDPOINT}:
        raise SpaceError(f"{asked} takes no --hardware: a static page has none, and an endpoint's is chosen there")
    hub.check_target(to)
    built = [build(name, scratch / name, model=model) for name in spaces]
    return _push(asked, to, built, SpaceHardware(hardware) if hardware else None, private, token)


def _push(
    asked: str, to: str, built: list[Built], hardware: SpaceHardware | None, private: bool, token: str | None
) -> Iterator[hub.Release]:
    published = hub.models_of(to.partition("/")[0], token=token)
    for one in built:
        target = repository(one.name, to, together=len(built) > 1)
        kind: Literal["model", "space"] = "model" if one.name == ENDPOINT else "space"
        gradio = kind == "space" and one.name not in STATIC
        sdk = None if kind == "model" else "gradio" if gradio else "static"
        if kind == "space":
            _name_models(one, sorted({f"{to.partition('/')[0]}/{name}" for name in one.checkpoints} & published))
        try:
            yield hub.publish(
                one.folder, target, target.partition("/")[2], f"Built from spaces/{one.name}", kind=kind,
                allowed=_ours, private=private, token=token, sdk=sdk, hardware=hardware if gradio else None,
            )  # fmt: skip
        except hub.Unpaid as error:
            raise hub.Unpaid(f"{error} {_offer(to, asked)}") from error


def _ours(path: PurePosixPath) -> bool:
    """Whether a file counts: all do, for a Space is what was built and nothing else."""
    return True


def _offer(to: str, asked: str) -> str:
    static = f"{to}-browser"
    done = f" {static} is there already." if asked == "all" else ""
    return (
        "A free account hosts Gradio Spaces on ZeroGPU only, two of them: add --hardware zero-a10g. Static Spaces are "
        f"free, and the zoo runs in the browser too: `python -m zoo space push browser --to {static}`.{done}"
    )


def _name_models(built: Built, models: list[str]) -> None:
    """Write the Hub ids of the checkpoints into the front matter, so that each one's page links to the Space."""
    readme = built.folder / "README.md"
    text = readme.read_text(encoding="utf-8")
    lines = "".join(f"- {name}\n" for name in models)
    if models:
        readme.write_text(text.replace("\n---\n", f"\nmodels:\n{lines}---\n", 1), encoding="utf-8")
