"""What a push leaves on the Hub opens there by other libraries' own lines, and comes back byte for byte."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import alone
import numpy as np
import pytest
import tiny_zoo
import torch
from hub_server import Fault, TestHub
from PIL import Image
from test_hub import CANARY, Client, hashes

from zoo import card, checkpoint, export, hub
from zoo.data import tokenizer

OPEN = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
model, tokenizer = (one.from_pretrained(sys.argv[1]) for one in (AutoModelForCausalLM, AutoTokenizer))
ids = tokenizer("ROMEO:\\nWhat now ?").input_ids
with torch.no_grad():
    print(json.dumps([ids, model(torch.tensor([ids])).logits[0].tolist()]))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[TestHub]:
    with TestHub({CANARY: "ada"}) as running:
        yield running
        running.shutdown()


@pytest.fixture(scope="module")
def client(server: TestHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    running = Client(tmp_path_factory.mktemp("client"), server.url, HF_TOKEN=CANARY)
    yield running
    running.close()


@pytest.fixture(autouse=True)
def _no_faults_left(server: TestHub) -> Iterator[None]:
    yield
    server.faults.clear()
    assert server.unknown == [], "requests that the test hub does not know"


@pytest.fixture
def gpt(tmp_path: Path) -> Path:
    letters = tokenizer.train_characters([tiny_zoo.PROSE])
    return tiny_zoo.make(tmp_path, "gpt.shakespeare", "tiny_shakespeare", tokenizer=letters)


def lines_alone(code: str, server: TestHub, room: Path, *arguments: str) -> str:
    """Run lines of Python where there is no zoo, with the test hub as the Hub."""
    room.mkdir(exist_ok=True)
    environment = {"HF_ENDPOINT": server.url, "HF_HOME": str(room / "hf"), "HF_HUB_OFFLINE": "0"}
    quiet = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "DO_NOT_TRACK": "1"}
    return alone.run(code, room, *arguments, **environment, **quiet)


def first_lines(server: TestHub, repo: str) -> str:
    """The first lines of Python on the card that a repository shows."""
    found = re.search(r"```python\n(.*?)```", files(server, repo)["README.md"].decode(), re.S)
    assert found
    return found[1]


def files(server: TestHub, repo: str) -> dict[str, bytes]:
    repository = server.repositories[repo]
    tree = repository.commits[repository.branches["main"]].tree
    return {name: blob.data for name, blob in tree.items() if name != ".gitattributes"}


def test_transformers_opens_a_pushed_gpt_by_its_id_and_we_get_our_own_bytes_back(
    client: Client, server: TestHub, tmp_path: Path
) -> None:
    ours = hub.PRETRAINED / "gpt.shakespeare"
    release = client.value("release", folder_or_name=str(ours), to="ada/gpt")
    held = files(server, "ada/gpt")
    top = {"README.md", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}
    assert {name for name in held if not name.startswith("zoo/")} == top | {"tokenizer_config.json"}
    assert {name.removeprefix("zoo/") for name in held if name.startswith("zoo/")} == {*hashes(ours)}

    printed = lines_alone(OPEN, server, tmp_path / "transformers", "ada/gpt")
    ids, logits = json.loads(printed.splitlines()[-1])
    loaded = checkpoint.load(ours)
    given = loaded.model(torch.tensor([ids]))[0]
    assert (given - torch.tensor(logits)).abs().max() <= 1e-5 * given.abs().max().clamp_min(1)
    assert not [path for _, path, _ in server.requests if re.search("/(resolve|cdn)/.*/zoo/", path)], (
        "the top is enough"
    )

    seen = len(server.requests)
    pulled = Path(client.value("pull", repo="ada/gpt@v1"))
    assert (pulled.name, pulled.parent.name) == ("zoo", release["commit"])
    assert hashes(pulled) == hashes(ours) and checkpoint.load(pulled).sha256 == loaded.sha256
    fetched = {path.split(f"{release['commit']}/")[1] for _, path, _ in server.requests[seen:] if "/cdn/" in path}
    assert fetched and all(name.startswith("zoo/") for name in fetched), "and what is below is all that we fetch"
    again = client.value("release", folder_or_name=str(ours), to="ada/gpt")
    assert (again["changed"], again["commit"]) == (0, release["commit"])


def test_the_card_on_the_hub_names_the_repository_and_its_first_lines_run(
    client: Client, server: TestHub, tmp_path: Path
) -> None:
    for name in ("gpt.tang", "vae.mnist"):
        client.value("release", folder_or_name=str(hub.PRETRAINED / name), to=f"ada/{name}")
    lines = first_lines(server, "ada/gpt.tang")
    assert 'pipeline("text-generation", "ada/gpt.tang")' in lines
    assert sum(0x4E00 <= ord(c) <= 0x9FFF for c in lines_alone(lines, server, tmp_path / "gpt")) >= 20
    lines = first_lines(server, "ada/vae.mnist")
    assert 'snapshot_download("ada/vae.mnist")' in lines
    lines_alone(lines, server, tmp_path / "vae")
    assert np.asarray(Image.open(tmp_path / "vae" / "sheet.png")).std() > 30, "graphs run from the links of the cache"
    shown = files(server, "ada/vae.mnist")["README.md"].decode()
    assert "zoo export" not in shown and 'draw("ada/vae.mnist"' in shown and "](samples/sheet.png)" in shown


def test_what_was_released_at_the_top_moves_below_and_old_releases_still_open(
    client: Client, server: TestHub, gpt: Path
) -> None:
    assert client.value("push", folder_or_name=str(gpt), to="ada/moves")["tag"] == "v1"
    assert client.value("release", folder_or_name=str(gpt), to="ada/moves")["tag"] == "v2"
    assert not {"metrics.json", "recipe.json"} & files(server, "ada/moves").keys()
    old, new = (Path(client.value("pull", repo=f"ada/moves@{tag}")) for tag in ("v1", "v2"))
    assert old.name != "zoo" and new.name == "zoo"
    assert checkpoint.load(old).sha256 == checkpoint.load(new).sha256 == checkpoint.load(gpt).sha256
    copy = Path(shutil.copytree(new.parent, gpt.parent / "copy"))
    assert hub.resolve(copy) == copy / "zoo"
    (copy / "config.json").write_bytes(files(server, "ada/moves")["config.json"])
    assert hub.resolve(copy) == copy / "zoo", "a folder that holds the whole repository leads to the same"


def test_without_the_hub_the_part_that_was_verified_is_used(client: Client, server: TestHub, gpt: Path) -> None:
    client.value("release", folder_or_name=str(gpt), to="ada/away")
    pulled = client.value("locate", name_or_repo_or_folder="ada/away")
    server.faults.append(Fault("", "drop"))
    kept = client.value("locate", name_or_repo_or_folder="ada/away")
    assert (kept["folder"], kept["origin"]) == (pulled["folder"], "cache") and kept["folder"].endswith("/zoo")
    (Path(kept["folder"]) / "decoder.onnx").resolve().write_bytes(b"damaged")
    assert "broke off" in client.words("locate", "Unreachable", name_or_repo_or_folder="ada/away")


def test_a_card_that_a_person_wrote_is_left_as_it_is(client: Client, server: TestHub, gpt: Path) -> None:
    (gpt / "README.md").write_text("# mine\n")
    client.value("release", folder_or_name=str(gpt), to="ada/mine")
    assert files(server, "ada/mine")["README.md"] == files(server, "ada/mine")["zoo/README.md"] == b"# mine\n"
    (gpt / "README.md").unlink()
    (gpt / "metrics.json").unlink()
    client.value("release", folder_or_name=str(gpt), to="ada/mine")
    assert b"library_name: transformers" in files(server, "ada/mine")["README.md"], (
        "where there is none, one is written"
    )


def test_graphs_that_a_checkpoint_lacks_are_made_for_the_release_and_are_the_same_each_time(
    client: Client, server: TestHub, tmp_path: Path
) -> None:
    made = tiny_zoo.make(tmp_path, "resnet.mnist", "mnist", tiny_zoo.DIGITS)
    client.value("release", folder_or_name=str(made), to="ada/graphs")
    assert {"classifier.onnx", "graphs.json", "config.json", "model.safetensors"} <= files(server, "ada/graphs").keys()
    assert not (made / "graphs.json").exists(), "the folder itself is not changed"
    assert client.value("release", folder_or_name=str(made), to="ada/graphs")["changed"] == 0
    pulled = Path(client.value("pull", repo="ada/graphs"))
    assert export.copy_graphs(pulled, tmp_path), "whole, and of these weights"


def test_what_does_not_load_is_not_laid_out_and_nothing_is_sent(client: Client, server: TestHub, gpt: Path) -> None:
    weights = gpt / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4])
    words = client.words("release", folder_or_name=str(gpt), to="ada/broken")
    assert "is not pushed: " in words and "the tensors do not fill the file" in words
    assert "cannot be pushed to" in client.words("release", folder_or_name=str(gpt), to="ada")
    assert "is not pushed: " in client.words("release", folder_or_name=str(gpt.parent / "nowhere"), to="ada/broken")
    weights.write_bytes(whole)
    (gpt / "recipe.json").write_text(json.dumps({"command": f"HF_TOKEN={CANARY} python -m train gpt"}))
    assert "recipe.json holds a token" in client.words("release", folder_or_name=str(gpt), to="ada/broken")
    assert "ada/broken" not in server.repositories


def test_a_card_shows_samples_from_where_the_repository_has_them(tmp_path: Path, gpt: Path) -> None:
    (gpt / "samples").mkdir()
    Image.new("L", (8, 8)).save(gpt / "samples" / "sheet.png")
    (gpt / "metrics.json").unlink()
    assert "](zoo/samples/sheet.png)" in card.text(gpt, "ada/x", "zoo/") and "](samples/sheet.png)" in card.text(gpt)
