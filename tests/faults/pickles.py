"""Row R9: pickles, bare and in disguise, put wherever a checkpoint, a state, an upload or one's own data is read.

The interpreter announces every class that an unpickler looks up; a process of its own listens while each path is tried,
and each pickle would leave a file behind. At the end every one of them is opened as it wants to be, to see that it
would have been noticed.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import random
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import torch
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from tests import tiny_zoo
from tests.faults import damage
from tests.faults.rows import Found
from tests.hub_server import Blob, Repository, TestHub
from zoo import checkpoint, hub
from zoo.__main__ import main
from zoo.data import own
from zoo.data.media import read_audio, read_picture
from zoo.data.midi import read_midi
from zoo.data.tokenizer import load as load_tokenizer
from zoo.data.tokenizer import train_characters
from zoo.generate import archive, catalogue, library, provenance, runs, timeline

ROOT = Path(__file__).parents[2]
BESIDE = (
    "pytorch_model.bin", "model.pt", "model.pth", "weights.pkl", "last.ckpt", "data.npy", "data.npz", "optimizer.pt",
    "optimizer.bin", "random_states_0.pkl", "training_args.bin", "tokenizer.pkl", "model.joblib", "modeling_vae.py",
    "__init__.py", "conftest.py", "sitecustomize.py",
)  # fmt: skip
"""Names under which other libraries look for a pickle, or for a program, beside the weights."""


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> Any:
        return open, (self.mark, "a")


@dataclass(frozen=True)
class Disguise:
    """How a pickle is packed, and how whoever trusts it would open it."""

    name: str
    pack: Callable[[Path], bytes]
    open: Callable[[Path], object]


def _buffered(write: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def _zipped(mark: Path) -> bytes:
    """The members of a file of torch.save, and no more."""

    def write(file: io.BytesIO) -> None:
        with zipfile.ZipFile(file, "w") as found:
            found.writestr("archive/data.pkl", pickle.dumps(Bomb(mark), 2))
            found.writestr("archive/version", "3\n")

    return _buffered(write)


def _objects(mark: Path) -> np.ndarray:
    return np.array([Bomb(mark)], dtype=object)


def _torch(path: Path) -> object:
    return torch.load(path, weights_only=False)


def _numpy(path: Path) -> object:
    found = np.load(path, allow_pickle=True)
    return found["a"] if isinstance(found, np.lib.npyio.NpzFile) else found


def _unpickled(path: Path) -> object:
    return pickle.loads(path.read_bytes())


def _executed(path: Path) -> object:
    return exec(compile(path.read_text(), path, "exec"), {})


DISGUISES = (
    Disguise("pickle", lambda mark: pickle.dumps(Bomb(mark), 5), _unpickled),
    Disguise("torch.save", lambda mark: _buffered(lambda file: torch.save({"w": Bomb(mark)}, file)), _torch),
    Disguise("numpy", lambda mark: _buffered(lambda file: np.save(file, _objects(mark), allow_pickle=True)), _numpy),
    Disguise("pickle as text", lambda mark: pickle.dumps({"format": 1, "w": Bomb(mark)}, 0), _unpickled),
    Disguise(
        "torch.save as it was", lambda mark: _buffered(
            lambda file: torch.save({"w": Bomb(mark)}, file, _use_new_zipfile_serialization=False)), _torch,
    ),
    Disguise("numpy archive", lambda mark: _buffered(lambda file: np.savez(file, a=_objects(mark))), _numpy),
    Disguise(
        "gzip", lambda mark: gzip.compress(pickle.dumps(Bomb(mark))),
        lambda path: pickle.loads(gzip.decompress(path.read_bytes())),
    ),
    Disguise("zip of a pickle", _zipped, lambda path: pickle.loads(zipfile.ZipFile(path).read("archive/data.pkl"))),
    Disguise(
        "pickle as a tensor",
        lambda mark: save_safetensors({"pickle": np.frombuffer(pickle.dumps(Bomb(mark)), np.uint8)}),
        lambda path: pickle.loads(load_safetensors(path.read_bytes())["pickle"].tobytes()),
    ),
    Disguise("program", lambda mark: f"open({str(mark)!r}, 'a')\n".encode(), _executed),
)  # fmt: skip


class Listener:
    """What is unpickled, loaded by those who unpickle, or executed from a file below a folder, while it listens."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.heard, self.on = str(folder), list[str](), False
        sys.addaudithook(self._hear)
        for module, name in ((torch, "load"), (torch.jit, "load"), (np, "load")):
            setattr(module, name, self._told(getattr(module, name)))

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "pickle.find_class":
            self.heard.append(f"{event} {arguments}")
        elif event == "exec" and str(getattr(arguments[0], "co_filename", "")).startswith(self.folder):
            self.heard.append(f"{event} {arguments[0].co_filename}")

    def _told(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **options: Any) -> Any:
            if self.on:
                self.heard.append(f"{function.__module__}.{function.__name__} {given[:1]}")
            return function(*given, **options)

        return call

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen during the block."""
        self.heard, self.on = [], True
        try:
            yield
        finally:
            self.on = False


@dataclass(frozen=True)
class Door:
    """A path by which files are read: which of a folder's are a pickle in turn, and the call that reads them."""

    name: str
    files: tuple[str, ...]
    read: Callable[[Path], object]
    beside: bool = False
    """Whether pickles also lie beside whole files."""


def _command(*arguments: str) -> Callable[[Path], object]:
    """A command of `python -m zoo` about a folder; what it prints is nobody's business."""

    def call(folder: Path) -> None:
        given = [argument.format(folder=folder) for argument in arguments]
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            if main(given) not in (0, 1, 2):
                raise AssertionError(f"{given} ended otherwise than with 0, 1 or 2")

    return call


def _taken(folder: Path) -> None:
    library._added.clear()
    library._loaded.clear()
    name = library.add(str(folder))
    library.table()
    library.choices_by_task()
    library.get(name)


def _opened(folder: Path) -> None:
    """With graphs, as a bundled one."""
    network: Any = library.opened(folder).network
    for part in network.parts:
        network.session(part)


def _timeline(folder: Path) -> None:
    library._added.clear()
    library._loaded.clear()
    found = timeline.read(library.add(str(folder)))
    timeline.moment(found, 0)


def _resumed(folder: Path) -> None:
    from train import state as states

    states.logger.disabled = True
    states.load(folder)


def _diagnosed(folder: Path) -> None:
    from zoo import doctor

    doctor.diagnose(folder)


def _uploaded(folder: Path) -> None:
    with runs.uploaded_run([str(folder / "log.jsonl"), str(folder / "run.json")]) as found:
        list(found.iterdir())


def _own(task: str, model: str) -> Callable[[Path], object]:
    """One's own data for a model, with damaged files left out, or refused."""

    def call(folder: Path) -> None:
        from zoo import registry

        config = registry.entry(model).tiny
        with suppress(own.OwnDataError):
            own.open_own(folder, (task,), config, skip_damaged=True)
        own.open_own(folder, (task,), config)

    return call


_CHECKPOINT = ("config.json", "model.safetensors", "recipe.json", "metrics.json")
_STATE = ("step-00000003/manifest.json", "step-00000003/state.safetensors")
DOORS = {
    "vae": (
        Door("zoo.checkpoint.load", _CHECKPOINT, checkpoint.load, beside=True),
        Door("the app's list of models", (*_CHECKPOINT, "README.md"), _taken, beside=True),
        Door("zoo show", (*_CHECKPOINT, "README.md"), _command("show", "{folder}"), beside=True),
        Door("zoo sample", _CHECKPOINT, _command("sample", "{folder}", "--out", "{folder}/out.png"), beside=True),
        Door("zoo verify", ("config.json", "model.safetensors"), _command("verify", "--quick", "{folder}")),
        Door("a model's timeline", ("timeline/curves.json", "timeline/00000000.webp"), _timeline, beside=True),
        Door("a catalogue of emoji", ("catalogue.safetensors",), catalogue.load),
    ),
    "gpt": (
        Door("a tokenizer", ("tokenizer.json",), load_tokenizer, beside=True),
        Door("zoo sample of text", ("tokenizer.json", "config.json"), _command("sample", "{folder}")),
    ),
    "pretrained/resnet.mnist": (
        Door("graphs", ("graphs.json", "classifier.onnx", "model.safetensors"), _opened, beside=True),
    ),
    "state": (
        Door("a resume state", _STATE, _resumed, beside=True),
    ),
    "run": (
        Door("zoo doctor", ("run.json", "log.jsonl"), _diagnosed, beside=True),
        Door("an uploaded run", ("run.json", "log.jsonl"), _uploaded),
    ),
    "upload": (
        Door("an uploaded picture", ("a.png",), lambda folder: read_picture(folder / "a.png")),
        Door("an uploaded sound", ("a.wav",), lambda folder: read_audio(folder / "a.wav")),
        Door("uploaded notes", ("a.mid",), lambda folder: read_midi(folder / "a.mid")),
        Door("the record in a result", ("a.png", "a.wav", "a.mid", "a.txt", "a.gif"), lambda folder: [
            provenance.look(path) for path in sorted(folder.iterdir())]),
        Door("an answer of the assistant", ("a.zip",), lambda folder: archive.unpack(folder / "a.zip")),
        Door("zoo replay", ("a.png", "a.zip"), lambda folder: [
            _command("replay", str(path))(folder) for path in sorted(folder.iterdir())]),
    ),
    "own": (
        Door("one's own pictures", ("a.png", "b.parquet"), _own("unconditional-image-generation", "vae"), beside=True),
        Door("one's own texts", ("a.txt", "b.parquet"), _own("text-generation", "gpt"), beside=True),
        Door("one's own sounds", ("a.wav", "b.mp3", "b.parquet"), _own("text-to-audio", "wavenet"), beside=True),
    ),
}  # fmt: skip
"""By the folder that they read, of those that `prepare` makes."""


def prepare(folder: Path) -> None:
    """Write whole files of every kind that is read."""
    tiny_zoo.make(folder, "vae.tiny", "mnist").rename(folder / "vae")
    tiny_zoo.write_timeline(folder / "vae", ".webp")
    tiny_zoo.make(folder, "gpt.tiny", "tiny_shakespeare", (), train_characters([tiny_zoo.PROSE])).rename(folder / "gpt")
    shutil.copytree(hub.PRETRAINED / "resnet.mnist", folder / "pretrained" / "resnet.mnist")
    from train import state as states

    states.save(folder / "state", 3, damage.example(3, 1))
    for name in ("run", "upload", "own"):
        (folder / name).mkdir()
    (folder / "run" / "run.json").write_text("{}")
    (folder / "run" / "log.jsonl").write_text('{"step": 1, "loss": 1.0}\n')


def _tables(mark: Path) -> Iterator[bytes]:
    """Parquet files whose column says that its type is a pickle, as pyarrow once wrote it, or that pandas wrote it."""
    data = pickle.dumps(Bomb(mark))
    for words in (
        {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": data},
        {"ARROW:extension:name": "pandas.object", "ARROW:extension:metadata": data},
    ):
        for column in ("text", "image", "audio"):
            field = pyarrow.field(column, pyarrow.binary(), metadata=words)
            schema = pyarrow.schema([field], metadata={"pandas": data, "huggingface": data})
            table = pyarrow.Table.from_arrays([pyarrow.array([data] * 4)], schema=schema)
            yield _buffered(lambda file, table=table: pyarrow.parquet.write_table(table, file))


class Trial:
    """Offers, and what came of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.mark, self.listener = folder, folder / "struck", Listener(folder)
        self.offers: Counter[str] = Counter()
        self.failures: list[str] = []

    def offer(self, door: str, what: str, read: Callable[[], object]) -> None:
        """Have something read that is, or lies beside, a pickle."""
        said = "it was read"
        with self.listener.listening():
            try:
                read()
            except (ValueError, OSError) as error:
                said = f"{type(error).__name__}: {str(error)[:200]}"
            except Exception as error:  # noqa: BLE001 any other is no refusal
                self.failures.append(f"{door}: {what}: {type(error).__name__}: {str(error)[:300]}")
        self.offers[door] += 1
        if self.listener.heard or self.mark.exists():
            self.mark.unlink(missing_ok=True)
            self.failures.append(f"{door}: {what} was opened ({said}): {self.listener.heard[:3] or 'it struck'}")

    def at(self, place: str, door: Door, name: str, data: bytes) -> None:
        """Offer a pickle in place of each of a door's files, then beside all of them under other names."""
        folder = self.folder / place
        for file in door.files:
            path = folder / file
            whole = path.read_bytes() if path.exists() else None
            path.write_bytes(data)
            self.offer(door.name, f"{name} as {file}", lambda: door.read(folder))
            path.unlink() if whole is None else path.write_bytes(whole)
        if door.beside:
            beside = [(folder / file).parent / other for file in door.files[:1] for other in BESIDE]
            for path in beside:
                path.write_bytes(data)
            self.offer(door.name, f"{name} beside {', '.join(door.files)}", lambda: door.read(folder))
            for path in beside:
                path.unlink()

    def control(self, disguise: Disguise, data: bytes) -> None:
        """Open one as it wants to be opened: this must be noticed."""
        path = self.folder / "control.bin"
        path.write_bytes(data)
        with self.listener.listening():
            disguise.open(path)
        if not self.listener.heard or not self.mark.exists():
            self.failures.append(f"{disguise.name} was opened on purpose, and it was not noticed")
        self.mark.unlink(missing_ok=True)


def _child(folder: Path, disguises: int) -> None:
    prepare(folder)
    hub.PRETRAINED = folder / "pretrained"
    trial = Trial(folder)
    for disguise in DISGUISES[:disguises]:
        data = disguise.pack(trial.mark)
        for place, doors in DOORS.items():
            for door in doors:
                trial.at(place, door, disguise.name, data)
        for repo in _repositories(disguise.name):
            trial.offer("the Hub", f"{disguise.name} in {repo}", lambda repo=repo: checkpoint.load(hub.pull(repo)))
        trial.control(disguise, data)
    for number, table in enumerate(_tables(trial.mark)):
        for door in DOORS["own"]:
            (folder / "own" / "a.parquet").write_bytes(table)
            trial.offer(door.name, f"parquet {number}", lambda door=door: door.read(folder / "own"))
            (folder / "own" / "a.parquet").unlink()
    print(json.dumps({"offers": trial.offers, "failures": trial.failures}))


def _repositories(name: str) -> tuple[str, str, str]:
    """What the Hub has of a disguise: in place of the weights, in place of the config, and beside both."""
    plain = name.replace(" ", "-")
    return f"ada/{plain}-weights", f"ada/{plain}-config", f"ada/{plain}-beside"


def _publish(server: TestHub, good: Path, mark: Path, disguises: int) -> None:
    files = {path.relative_to(good).as_posix(): path.read_bytes() for path in good.rglob("*") if path.is_file()}
    for disguise in DISGUISES[:disguises]:
        data = disguise.pack(mark)
        changed = ({"model.safetensors": data}, {"config.json": data}, dict.fromkeys(BESIDE, data))
        for repo, change in zip(_repositories(disguise.name), changed, strict=True):
            server.repositories[repo] = Repository()
            blobs = {name: Blob(body, name.endswith(".safetensors")) for name, body in (files | change).items()}
            server.repositories[repo].commit("a model", blobs)


def offered(folder: Path, rng: random.Random, *, disguises: int) -> Found:
    """So many disguises at every door, the Hub's among them."""
    server = TestHub({})
    room = folder / "room"
    room.mkdir()
    _publish(server, tiny_zoo.make(folder, "vae.hub", "mnist"), room / "struck", disguises)
    ours = ("HF_", "ZOO_", "HUGGING", "SPACE_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    environment = clean | {
        "HF_ENDPOINT": server.url, "HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_XET": "1", "OMP_NUM_THREADS": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1", "DO_NOT_TRACK": "1", "no_proxy": "127.0.0.1,localhost",
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.faults.pickles", str(room), str(disguises)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    server.shutdown()
    asked = [path for method, path, _ in server.requests if path.endswith((*BESIDE,)) and method in ("GET", "HEAD")]
    if not done.stdout.startswith("{"):
        return Found("", [f"the process ended with {done.returncode}: {done.stderr[-2000:]}"])
    found = json.loads(done.stdout)
    failures = found["failures"] + [f"the Hub was asked for {path}" for path in asked]
    offers = sum(found["offers"].values())
    opened = sum("was opened (" in failure for failure in failures)
    figure = f"{opened} opened of {offers:,} offered, in {disguises} disguises at {len(found['offers'])} doors"
    return Found(figure, failures, {"offers": found["offers"]})


if __name__ == "__main__":
    _child(Path(sys.argv[1]), int(sys.argv[2]))
