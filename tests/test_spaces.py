"""Spaces: the folder that is built is whole, starts where Hugging Face would start it, and goes up in one commit."""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hub_server import Repository, TestHub
from PIL import Image

from zoo import entry, hub, space
from zoo.generate import provenance, translate
from zoo.space import check as space_check
from zoo.space import page as space_page
from zoo.space import room as space_room
from zoo.ui import shell

ROOT = Path(__file__).parent.parent
GRADIO = [name for name in space.SPACES if name not in space.STATIC]
TOKEN = "hf_SpacesSpacesSpacesSpaces0123456789"


@pytest.fixture(scope="module")
def image_space(tmp_path_factory: pytest.TempPathFactory) -> space.Built:
    """The Space of pictures, built once; whoever changes it makes a copy."""
    return space.build("image", tmp_path_factory.mktemp("spaces") / "image")


@pytest.fixture
def changed(image_space: space.Built, tmp_path: Path) -> space.Built:
    """A copy of it that may be spoilt."""
    folder = shutil.copytree(image_space.folder, tmp_path / "image")
    return space.Built("image", folder, image_space.checkpoints, image_space.files, image_space.bytes)


# --- the page ---


@pytest.mark.parametrize("tabs", [("nothing",), (), ("image", "image"), ("image", 7)])
def test_tabs_that_are_none_are_refused_with_what_there_is(tabs: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError) as refused:
        shell.build(tabs=tabs)
    assert all(name in str(refused.value) for name in shell.TABS)


def test_a_page_shows_the_tabs_that_are_asked_for_and_offers_their_endpoints_only() -> None:
    demo = shell.build(tabs=("models", "text"))
    shown = [block.elem_id for block in demo.blocks.values() if str(block.elem_id) in {f"tab_{n}" for n in shell.TABS}]
    assert shown == ["tab_models", "tab_text"]
    names = {function.api_name for function in demo.fns.values() if function.api_name}
    assert {"write_text", "list_models"} <= names
    assert not names & {"draw_images", "speak_digits", "from_text"}


# --- building ---


@pytest.mark.parametrize("name", GRADIO)
def test_a_built_folder_holds_the_package_and_what_its_tabs_need_and_nothing_else(name: str, tmp_path: Path) -> None:
    built = space.build(name, tmp_path / "out")
    files = {path.relative_to(built.folder).as_posix() for path in built.folder.rglob("*") if path.is_file()}
    assert {"app.py", "README.md", "requirements.txt", "LICENSE", ".gitattributes", "zoo/ui/shell.py"} <= files
    assert not [file for file in files if file.split("/")[0] in ("spaces", "tests", "train", "docs")]
    assert not [file for file in files if "__pycache__" in file or file.endswith(".pyc")]
    carried = {file.split("/")[2] for file in files if file.startswith("zoo/pretrained/")}
    assert carried == set(built.checkpoints)
    for one in carried:
        assert {f"zoo/pretrained/{one}/model.safetensors", f"zoo/pretrained/{one}/graphs.json"} <= files
    assert built.bytes == sum((built.folder / file).stat().st_size for file in files) < space.MAX_BYTES


def test_the_spaces_of_one_modality_carry_what_they_use() -> None:
    assert "gpt.tang" in space.checkpoints_of("text") and "dcgan.mnist" not in space.checkpoints_of("text")
    assert {"vae.mnist", "dcgan.fashion-mnist"} <= set(space.checkpoints_of("image"))
    assert set(space.checkpoints_of("audio")) == {
        "wavenet.spoken-digits", "waveglow.telephone", "music_transformer.chorales", "tts.telephone", "seq2seq.g2p",
        "wavegan.drums",
    }  # fmt: skip
    assert set(space.checkpoints_of("crossmodal")) == {
        "dcgan.mnist", "wavenet.spoken-digits", "resnet.mnist", "mel_resnet.spoken-digits",
        "trimodal_digits.digits", "contrastive.emoji", "bert.retrieval", "gpt.dialogue", "tts.telephone", "seq2seq.g2p",
        "waveglow.telephone", "captioner.emoji-digits", "text_to_image.emoji",
    }  # fmt: skip
    assert len(space.checkpoints_of("all")) == len(list(hub.PRETRAINED.glob("*/config.json")))


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(space.SpaceError, match="new or empty"):
        space.build("text", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_wrong_name_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(space.SpaceError, match=r"perhaps you meant 'image'.*crossmodal"):
        space.build("imag", tmp_path / "out")
    with pytest.raises(space.SpaceError, match="perhaps you meant 'audio'"):
        space.named("adio")
    with pytest.raises(space.SpaceError, match="endpoint only"):
        space.build("image", tmp_path / "out", model="dcgan.mnist")
    assert not (tmp_path / "out").exists()


def test_a_space_that_is_too_large_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "MAX_BYTES", 10**6)
    with pytest.raises(space.SpaceError, match="1,000,000 bytes"):
        space.build("text", tmp_path / "out")


def test_no_package_hides_hugging_faces_own() -> None:
    assert not list((ROOT / "spaces").rglob("__init__.py"))


@pytest.mark.parametrize("name", GRADIO)
def test_a_spaces_app_shows_its_own_tabs(name: str) -> None:
    tree = ast.parse((ROOT / "spaces" / name / "app.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "build"]
    tabs = [ast.literal_eval(word.value) for call in calls for word in call.keywords if word.arg == "tabs"]
    assert tabs == ([] if name == "all" else [(name, "models")])


@pytest.mark.parametrize("name", GRADIO)
def test_a_space_asks_for_no_package_in_another_range_than_the_project(name: str) -> None:
    project = {one.name: one.specifier for one in space_room.requirements(ROOT)}
    for one in space_room.requirements(ROOT / "spaces" / name):
        assert project[one.name] == one.specifier, one


def test_only_the_whole_zoo_asks_for_torch() -> None:
    asks = {name: {one.name for one in space_room.requirements(ROOT / "spaces" / name)} for name in GRADIO}
    assert [name for name in GRADIO if "torch" in asks[name]] == ["all"]
    assert all({"gradio", "spaces", "onnxruntime"} <= asks[name] for name in GRADIO)


def test_a_space_whose_models_read_words_asks_for_tokenizers() -> None:
    for name in ("all", "text", "audio", "crossmodal"):
        assert "tokenizers" in {one.name for one in space_room.requirements(ROOT / "spaces" / name)}, name


# --- front matter ---


@pytest.mark.parametrize("name", space.SPACES)
def test_the_front_matter_is_what_the_hub_reads(name: str) -> None:
    folder = ROOT / "spaces" / name
    missing = [f for f in space_check.front_matter_faults(folder) if "which is not there" not in f]
    assert not missing
    from huggingface_hub import SpaceCard

    card = SpaceCard.load(folder / "README.md").data
    assert card.sdk == ("static" if name in space.STATIC else "gradio")
    assert card.license == "apache-2.0"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("python_version: \"3.12\"", "python_version: \"3.11\"", "ZeroGPU and the zoo both run '3.12'"),
        ("sdk_version: 6.31.0", "sdk_version: 5.0.0", "requirements.txt wants gradio"),
        ("sdk_version: 6.31.0", "sdk_version: 6", "whole version"),
        ("colorFrom: indigo", "colorFrom: crimson", "allowed are red"),
        ("app_file: app.py", "app_file: main.py", "'main.py', which is not there"),
        ("pinned: false", "pined: false", "perhaps you meant 'pinned'"),
        ("license: apache-2.0\n", "", "lacks license"),
        ("short_description: ", "short_description: " + "long " * 12, "at most 60"),
        ("emoji: 🖼️", "emoji: picture", "no emoji"),
        ("tags:\n", "models:\n- not an id\ntags:\n", "no Hub id"),
        ("title: ", "title: [", "no front matter that can be read"),
    ],
)  # fmt: skip
def test_a_wrong_front_matter_is_said_in_words(changed: space.Built, old: str, new: str, words: str) -> None:
    readme = changed.folder / "README.md"
    assert not space_check.front_matter_faults(changed.folder)
    assert old in readme.read_text()
    readme.write_text(readme.read_text().replace(old, new, 1))
    assert words in " ".join(space_check.front_matter_faults(changed.folder))


def test_the_page_of_the_space_of_sound_names_everything_that_its_models_may_do() -> None:
    words = {
        entry.AUDIO_GENERATION: "says digits", entry.TEXT_TO_SPEECH: "English read aloud",
        entry.NOTE_GENERATION: "notes of instruments",
        entry.SOUND_GENERATION: "drums", entry.MUSIC_GENERATION: "chorales", entry.VOCODING: "resynthesised",
    }  # fmt: skip
    assert set(words) == set(space.TASKS["audio"])
    told = " ".join((ROOT / "spaces" / "audio" / "README.md").read_text().split())
    assert not [task for task, phrase in words.items() if phrase not in told]


# --- starting ---


def test_the_space_of_pictures_starts_and_draws_without_torch(image_space: space.Built) -> None:
    report = space_check.examine(image_space)
    assert report.ok, str(report)
    assert "PNG" in report.samples["draw_images"]
    assert report.seconds is not None and report.idle is not None and report.used is not None
    assert "torch" not in {one.name for one in space_room.requirements(image_space.folder)}


def lies_in(link: Path, folder: Path) -> bool:
    try:
        return link.readlink() == folder
    except OSError:  # ended meanwhile, or somebody else's
        return False


def test_it_starts_on_zero_gpu_where_calls_run_in_a_process_of_their_own(image_space: space.Built) -> None:
    """Refusals too: what a process of ZeroGPU raises would lose its words."""
    report = space_check.examine(image_space, zero_gpu=True)
    assert report.ok, str(report)
    assert re.match(r"[1-9]\d* calls got a device", report.samples["ZeroGPU"])
    left = [path for path in Path("/proc").glob("[0-9]*/cwd") if lies_in(path, image_space.folder)]
    assert not left, "its processes end with it"


@pytest.mark.parametrize("name", ["text", "audio", "crossmodal", "all"])
def test_every_other_space_starts_and_generates(name: str) -> None:
    report = space_check.check(name)
    assert report.ok, str(report)
    assert len(report.samples) == (4 if name == "all" else 1)


def _without(folder: Path, package: str) -> None:
    file = folder / "requirements.txt"
    lines = [line for line in file.read_text().splitlines() if not line.startswith(package)]
    file.write_text("\n".join(lines))


def test_without_hugging_faces_package_the_check_says_so_and_the_app_dies(changed: space.Built) -> None:
    _without(changed.folder, "spaces")
    report = space_check.examine(changed)
    assert report.faults[0] == "requirements.txt lacks spaces"
    assert "the app died" in report.faults[1] and "No module named 'spaces'" in report.faults[1]


def test_without_it_import_spaces_finds_our_folder_of_that_name(changed: space.Built) -> None:
    _without(changed.folder, "spaces")
    (changed.folder / "spaces" / "all").mkdir(parents=True)
    report = space_check.examine(changed)
    assert "hides Hugging Face's own package" in report.faults[0]
    assert report.faults[1] == "requirements.txt lacks spaces"
    assert "the app died" in report.faults[2] and "spaces" in report.faults[2]


def test_our_folder_of_that_name_beside_the_package_does_no_harm(changed: space.Built, tmp_path: Path) -> None:
    """What the design fears happens only without the package: a folder without __init__.py comes after it."""
    (changed.folder / "spaces" / "all").mkdir(parents=True)
    scratch = tmp_path / "room"
    scratch.mkdir()
    room = space_room.prepare(space_room.requirements(changed.folder), scratch)
    done = subprocess.run(
        [*room.command, "-c", "import app, spaces; print(spaces.GPU.__module__, len(app.demo.fns) > 3)"],
        cwd=changed.folder, env=room.environment | {"SYSTEM": "spaces", "SPACE_ID": "somebody/zoo", "PYTHONPATH": (
            f"{changed.folder}{os.pathsep}{room.environment['PYTHONPATH']}"
        )}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.split() == ["spaces.zero.decorator", "True"], done.stderr[-2000:]


def test_a_package_that_is_not_asked_for_is_missing_as_it_would_be_at_the_hosts(changed: space.Built) -> None:
    _without(changed.folder, "onnxruntime")
    report = space_check.examine(changed)
    assert not report.ok
    assert "onnxruntime" in " ".join(report.faults)


def test_a_requirement_that_cannot_be_had_is_named(changed: space.Built) -> None:
    with open(changed.folder / "requirements.txt", "a") as file:
        file.write("\nnumpy>=99\n")
    assert "numpy>=99" in " ".join(space_check.examine(changed).faults)


def test_the_room_holds_what_requirements_lead_to_and_nothing_of_ours(image_space: space.Built, tmp_path: Path) -> None:
    room = space_room.prepare(space_room.requirements(image_space.folder), tmp_path)
    program = (
        "import importlib.util, json;"
        "print(json.dumps([n for n in ('gradio', 'spaces', 'torch', 'transformers', 'train', 'zoo', 'pytest')"
        " if importlib.util.find_spec(n)]))"
    )
    done = subprocess.run(
        [*room.command, "-c", program], cwd=tmp_path, env=room.environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == ["gradio", "spaces"]


@pytest.mark.slow
def test_it_starts_in_a_fresh_environment_that_pip_makes(image_space: space.Built) -> None:
    """The one test here that needs a package index."""
    report = space_check.examine(image_space, fresh=True)
    if any("pip cannot install" in fault for fault in report.faults):
        pytest.skip("no package index can be reached")
    assert report.ok, str(report)


def test_without_torch_another_persons_checkpoint_is_refused_in_words(image_space: space.Built, tmp_path: Path) -> None:
    room = space_room.prepare(space_room.requirements(image_space.folder), tmp_path)
    program = """
from zoo.generate import library
try:
    library.add("somebody/dcgan-faces")
except library.InputError as error:
    print(error)
"""
    done = subprocess.run(
        [*room.command, "-c", program], cwd=image_space.folder, env=room.environment, capture_output=True, text=True
    )
    assert "pip install torch" in done.stdout and "somebody/dcgan-faces" in done.stdout, done.stderr[-2000:]


# --- the static page ---

PAGE = """<!doctype html><html><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'self'; script-src 'self' 'wasm-unsafe-eval'">
<link rel="stylesheet" href="style.css"><script type="module" src="./main.js"></script></head>
<body><a href="https://example.org/">elsewhere</a></body></html>"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "parts").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "style.css").write_text("body { background: url('paper.png') }")
    (folder / "paper.png").write_bytes(b"png")
    (folder / "main.js").write_text('import { a } from "./parts/a.mjs";\nfetch("./manifest.json");')
    (folder / "parts" / "a.mjs").write_text('export const a = new URL("./a.wasm", import.meta.url);')
    (folder / "parts" / "a.wasm").write_bytes(b"\0asm")
    weights = folder / "models" / "a.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    listed = {"bytes": 7, "sha256": hashlib.sha256(b"weights").hexdigest()}
    (folder / "manifest.json").write_text(json.dumps({"files": {"models/a.safetensors": listed}}))
    return folder


def test_a_page_that_is_whole_has_no_faults(page: Path) -> None:
    assert space_page.examine(page, "index.html") == ([], 8)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("index.html", "style.css", "missing.css", "missing.css is named but cannot be fetched"),
        ("index.html", "style.css", "https://cdn.example.org/a.css", "asks another host for https://cdn.example.org"),
        ("main.js", "./parts/a.mjs", "https://esm.example.org/a.mjs", "main.js asks another host"),
        ("main.js", "./parts/a.mjs", "./parts/b.mjs", "parts/b.mjs is named but cannot be fetched"),
        ("style.css", "paper.png", "//cdn.example.org/p.png", "style.css asks another host"),
        ("parts/a.mjs", "./a.wasm", "./b.wasm", "parts/b.wasm is named"),
        ("manifest.json", "models/a.safetensors", "models/b.safetensors", "models/b.safetensors is named"),
        ("manifest.json", '"bytes": 7', '"bytes": 8', "models/a.safetensors is not the file that manifest.json lists"),
        ("manifest.json", '{"files"', '{"file"', "manifest.json cannot be read"),
        ("models/a.safetensors", "weights", "weighty", "is not the file that manifest.json lists"),
        ("index.html", "default-src 'self';", "default-src 'self' https://cdn.example.org;", "default-src ask https"),
        ("index.html", "Content-Security-Policy", "Nothing", "no Content-Security-Policy"),
    ],
)
def test_a_page_that_lacks_a_file_or_asks_elsewhere_is_refused(
    page: Path, file: str, old: str, new: str, words: str
) -> None:
    text = (page / file).read_text()
    assert old in text
    (page / file).write_text(text.replace(old, new))
    assert words in " ".join(space_page.examine(page, "index.html")[0])


# --- pushing ---


@pytest.fixture
def server() -> Iterator[TestHub]:
    server = TestHub({TOKEN: "user"})
    yield server
    server.shutdown()
    server.server_close()


def push(server: TestHub, home: Path, *arguments: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    """`python -m zoo space push ...`, with the real client over HTTP."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "ZOO_", "SPACE"))}
    return subprocess.run(
        [sys.executable, "-m", "zoo", "space", "push", *arguments],
        cwd=ROOT, env=clean | {
            "HF_ENDPOINT": server.url, "HF_HOME": str(home), "HF_TOKEN": token, "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1", "DO_NOT_TRACK": "1", "PYTHONPATH": str(ROOT),
        }, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_a_push_is_one_commit_and_a_tag_and_a_second_one_changes_nothing(server: TestHub, tmp_path: Path) -> None:
    server.repositories["user/vae.mnist"] = server.repositories["user/other"] = Repository()
    done = push(server, tmp_path, "image", "--to", "user/pictures")
    assert done.returncode == 0, done.stderr
    assert "user/pictures@v1 ·" in done.stdout and f"{server.url}/spaces/user/pictures" in done.stdout
    repository = server.repositories["spaces/user/pictures"]
    assert (repository.sdk, repository.private, list(repository.tags)) == ("gradio", False, ["v1"])
    assert len(repository.commits) == 2  # the Hub's own, and ours
    tree = repository.commits[repository.branches["main"]].tree
    assert {"app.py", "zoo/ui/shell.py", "zoo/pretrained/dcgan.mnist/model.safetensors"} <= tree.keys()
    assert tree["zoo/pretrained/dcgan.mnist/model.safetensors"].large
    assert not [name for name in tree if name.startswith("spaces/")]
    assert "\nmodels:\n- user/vae.mnist\n---" in tree["README.md"].data.decode()
    again = push(server, tmp_path, "image", "--to", "user/pictures")
    assert "unchanged, no commit made" in again.stdout
    assert len(repository.commits) == 2
    assert not server.unknown


def test_hardware_is_asked_for_when_the_space_is_made_and_changed_when_it_is_there(
    server: TestHub, tmp_path: Path
) -> None:
    assert push(server, tmp_path, "audio", "--to", "user/a", "--hardware", "zero-a10g", "--private").returncode == 0
    made = server.repositories["spaces/user/a"]
    assert (made.hardware, made.private) == ("zero-a10g", True)
    assert not [path for method, path, _ in server.requests if path.endswith("/hardware")]
    assert push(server, tmp_path, "audio", "--to", "user/a", "--hardware", "cpu-upgrade").returncode == 0
    assert made.hardware == "cpu-upgrade"
    assert len(made.commits) == 2


def test_a_402_is_answered_with_what_a_free_account_may_host(server: TestHub, tmp_path: Path) -> None:
    server.free.add("user")
    done = push(server, tmp_path, "text", "--to", "user/text")
    assert done.returncode == 2
    assert "wants a subscription or credit" in done.stderr and "(402)" in done.stderr
    assert "--hardware zero-a10g" in done.stderr
    assert "`python -m zoo space push browser --to user/text-browser`" in done.stderr
    assert TOKEN not in done.stderr and not server.repositories
    assert push(server, tmp_path, "text", "--to", "user/text", "--hardware", "zero-a10g").returncode == 0
    assert server.repositories["spaces/user/text"].hardware == "zero-a10g"


def test_all_goes_up_under_one_prefix_and_the_static_one_first(server: TestHub, tmp_path: Path) -> None:
    """The one test here that needs npm's packages, in spaces/browser/node_modules or from its registry."""
    server.free.add("user")
    done = push(server, tmp_path, "all", "--to", "user/zoo")
    assert done.returncode == 2 and "user/zoo-browser is there already" in done.stderr
    assert {name: one.sdk for name, one in server.repositories.items()} == {"spaces/user/zoo-browser": "static"}
    server.free.clear()
    done = push(server, tmp_path, "all", "--to", "user/zoo")
    assert done.returncode == 0, done.stderr
    assert [line.split("@")[0] for line in done.stdout.splitlines()] == [
        "user/zoo-browser", "user/zoo", "user/zoo-image", "user/zoo-text", "user/zoo-audio", "user/zoo-crossmodal",
    ]  # fmt: skip
    assert "unchanged" in done.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("image", "--to", "nobody"), "name a repository as user/repo"),
        (("image", "--to", "other/zoo"), "(403)"),
        (("imag", "--to", "user/zoo"), "perhaps you meant 'image'"),
        (("image", "--to", "user/zoo", "--hardware", "zero"), "perhaps you meant 'zero-a10g'"),
        (("browser", "--to", "user/zoo", "--hardware", "cpu-basic"), "a static page has none"),
        (("endpoint", "--to", "user/zoo"), "--model names the checkpoint"),
    ],
)
def test_a_wrong_push_is_refused_in_words_and_leaves_nothing(
    server: TestHub, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = push(server, tmp_path, *arguments)
    assert done.returncode == 2
    assert words in done.stderr and "Traceback" not in done.stderr
    assert not server.repositories


def test_without_a_token_nothing_is_sent(server: TestHub, tmp_path: Path) -> None:
    done = push(server, tmp_path, "audio", "--to", "user/zoo", token="")
    assert done.returncode == 2 and "set HF_TOKEN" in done.stderr
    assert not server.repositories and {method for method, _, _ in server.requests} <= {"GET"}


# --- Inference Endpoints ---


def endpoint(folder: Path, requests: list[dict[str, Any]]) -> list[Any]:
    """Answers of a built endpoint's handler, loaded as the Inference Toolkit does, without torch and gradio."""
    program = """
import importlib.util, json, sys
sys.path.insert(0, sys.argv[1])
spec = importlib.util.spec_from_file_location("handler.EndpointHandler", sys.argv[1] + "/handler.py")
module = importlib.util.module_from_spec(spec)
sys.modules["handler.EndpointHandler"] = module
spec.loader.exec_module(module)
handler = module.EndpointHandler(sys.argv[1])
for line in sys.stdin:
    try:
        print(json.dumps(handler(json.loads(line))))
    except ValueError as error:
        print(json.dumps({"error": str(error)}))
assert not {"torch", "gradio", "transformers"} & sys.modules.keys()
"""
    scratch = folder.parent / "room"
    scratch.mkdir()
    room = space_room.prepare(space_room.requirements(folder), scratch)
    done = subprocess.run(
        [*room.command, "-c", program, str(folder)], cwd=scratch, env=room.environment, capture_output=True, text=True,
        input="".join(json.dumps(request) + "\n" for request in requests), timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def in_base64(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_an_endpoint_writes(tmp_path: Path) -> None:
    built = space.build("endpoint", tmp_path / "out", model="gpt.shakespeare")
    asked = {"inputs": "ROMEO:", "parameters": {"max_new_tokens": 40, "seed": 3}}
    first, again, other, wrong, unknown, nothing = endpoint(
        built.folder,
        [
            asked,
            asked,
            {"inputs": "ROMEO:", "parameters": {"max_new_tokens": 40, "seed": 4}},
            {"inputs": "ROMEO:", "parameters": {"temperature": 99}},
            {"inputs": "ROMEO:", "parameters": {"temprature": 1}},
            {"text": "ROMEO:"},
        ],
    )
    assert first == again != other
    (only,) = first
    assert only["generated_text"].startswith("ROMEO:") and len(only["generated_text"]) > 30
    assert "99" in wrong["error"] and "0" in wrong["error"]
    assert "perhaps you meant 'temperature'" in unknown["error"]
    assert "inputs" in nothing["error"]


def test_an_endpoint_draws_what_the_command_line_draws_and_says_how(tmp_path: Path) -> None:
    from zoo.generate.image import draw

    built = space.build("endpoint", tmp_path / "out", model="dcgan.mnist")
    (answer,), refused = endpoint(built.folder, [{"inputs": "7", "parameters": {"seed": 5}}, {"inputs": "eleven"}])
    data = base64.b64decode(answer["image"])
    with Image.open(io.BytesIO(data)) as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(draw("dcgan.mnist", "7", count=1, seed=5).sheet))
    record = provenance.read(data)
    assert (record.model, record.seed) == ("dcgan.mnist", 5)
    assert "eleven" in refused["error"]


def test_an_endpoint_speaks_and_another_hears_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    voice = space.build("endpoint", tmp_path / "a" / "out", model="wavenet.spoken-digits")
    judge = space.build("endpoint", tmp_path / "b" / "out", model="mel_resnet.spoken-digits")
    ((said,),) = endpoint(voice.folder, [{"inputs": "7", "parameters": {"speaker": "jackson", "seed": 1}}])
    assert said["sampling_rate"] == 8000 and base64.b64decode(said["audio"]).startswith(b"RIFF")
    heard, refused = endpoint(judge.folder, [{"inputs": said["audio"]}, {"inputs": "no sound"}])
    assert heard[0]["label"] == "7" and sum(one["score"] for one in heard) == pytest.approx(1)
    assert "base64" in refused["error"]


def test_an_endpoint_pronounces(tmp_path: Path) -> None:
    built = space.build("endpoint", tmp_path / "out", model="seq2seq.g2p")
    (answer,), refused = endpoint(built.folder, [{"inputs": "speech"}, {"inputs": "42"}])
    assert answer["generated_text"].split()[:2] == ["speech", "S"] and "numbers" in refused["error"]


def test_an_endpoint_enlarges_and_a_colour_judge_looks_at_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    artist = space.build("endpoint", tmp_path / "a" / "out", model="srgan.emoji")
    judge = space.build("endpoint", tmp_path / "b" / "out", model="resnet.emoji")
    (small,) = translate.examples("srgan.emoji", 1)
    ((made,),) = endpoint(artist.folder, [{"inputs": in_base64(small.picture)}])
    with Image.open(io.BytesIO(base64.b64decode(made["image"]))) as picture:
        assert picture.size == (64, 64)
    seen, refused = endpoint(judge.folder, [{"inputs": made["image"]}, {"inputs": base64.b64encode(b"no").decode()}])
    assert len(seen) == 9 and sum(one["score"] for one in seen) == pytest.approx(1)
    assert "picture" in refused["error"]


def test_an_endpoint_repairs_a_picture_as_the_command_line_does(tmp_path: Path) -> None:
    built = space.build("endpoint", tmp_path / "out", model="pix2pix.inpaint")
    (whole,) = translate.examples("pix2pix.inpaint", 1)
    mask = Image.new("L", whole.truth.size)
    mask.paste(255, (20, 20, 40, 40))
    picture, marks = in_base64(whole.truth), in_base64(mask)
    answer, refused, unmarked = endpoint(
        built.folder,
        [
            {"inputs": picture, "parameters": {"seed": 2, "mask": marks}},
            {"inputs": picture, "parameters": {"sed": 2}},
            {"inputs": picture},
        ],
    )
    with Image.open(io.BytesIO(base64.b64decode(answer[0]["image"]))) as repaired:
        expected = translate.translate("pix2pix.inpaint", whole.truth, seed=2, mask=mask).images[1]
        assert np.array_equal(np.asarray(repaired), np.asarray(expected))
    assert "perhaps you meant 'seed'" in refused["error"] and "nothing is marked" in unmarked["error"]


def test_an_endpoint_goes_up_as_a_model(server: TestHub, tmp_path: Path) -> None:
    done = push(server, tmp_path, "endpoint", "--model", "resnet.mnist", "--to", "user/judge")
    assert done.returncode == 0, done.stderr
    repository = server.repositories["user/judge"]
    tree = repository.commits[repository.branches["main"]].tree
    assert {
        "handler.py",
        "requirements.txt",
        "README.md",
        "zoo/pretrained/resnet.mnist/model.safetensors",
    } <= tree.keys()
    assert [name for name in tree if name.endswith(".safetensors")] == ["zoo/pretrained/resnet.mnist/model.safetensors"]
