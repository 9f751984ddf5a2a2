"""Folders for other libraries: each opens in a process that has no zoo, and gives there what the module gives here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import alone
import numpy as np
import pytest
import tiny_zoo
import torch
from safetensors.torch import load_file

from zoo import checkpoint, entry, export, hub, registry
from zoo.__main__ import DONE, WRONG, main
from zoo.data import tokenizer
from zoo.data.text import poem_prefix
from zoo.noise import Noise

BUNDLED = sorted(path.parent.name for path in hub.PRETRAINED.glob("*/config.json"))
NEAR = 1e-5
"""Largest difference of float32 logits that the two may show, as a share of the largest of them."""
EQUAL = 1e-9
"""The same of logits computed in float64, where only the order of sums differs: the weights are the same."""

PROMPTS = {
    "gpt.shakespeare": ["ROMEO:", "What, is it you ?\n\n  Speak  ,  sir !", "x", "What's 1 + 1 ?"],
    "gpt.tang": ["<bos>五言绝句<author>李白<title>春夜<poem>", "<bos>七言律诗<poem>月落", "<bos>", "a月\n"],
}
OPEN = """
import json, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline, set_seed
found = {}
for name, prompts in json.loads(sys.argv[1]).items():
    model, loading = AutoModelForCausalLM.from_pretrained(name, output_loading_info=True)
    tokenizer = AutoTokenizer.from_pretrained(name)
    ids = [tokenizer(prompt).input_ids for prompt in prompts]
    with torch.no_grad():
        logits = [model(torch.tensor([row])).logits[0].tolist() for row in ids]
        double = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float64)
        exact = [double(torch.tensor([row])).logits[0].tolist() for row in ids]
        padded = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left")
        beside = model.generate(**padded, max_new_tokens=4, do_sample=False)[:, -4:].tolist()
        lone = [model.generate(torch.tensor([row]), max_new_tokens=4, do_sample=False)[0, -4:].tolist() for row in ids]
        set_seed(0)
        begun = model.generate()[0].tolist()
    write = pipeline("text-generation", name)
    set_seed(0)
    whole = write(prompts[0])[0]["generated_text"]
    found[name] = {
        "class": type(model).__name__, "dtype": str(model.dtype), "loading": {k: len(v) for k, v in loading.items()},
        "tied": model.lm_head.weight is model.transformer.wte.weight, "ids": ids, "logits": logits, "lone": lone,
        "exact": exact, "beside": beside, "begun": begun, "whole": whole,
        "decoded": [tokenizer.decode(row) for row in ids],
        "plain": tokenizer.decode(ids[0], skip_special_tokens=True), "special": tokenizer.special_tokens_map,
        "again": [AutoTokenizer.from_pretrained(name)(prompt).input_ids for prompt in prompts],
    }
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled GPTs in the form of transformers, and one with large random weights, stored as float32."""
    room = tmp_path_factory.mktemp("native")
    for name in PROMPTS:
        export.export(hub.PRETRAINED / name, "transformers", room / name)
    letters = tokenizer.train_characters([tiny_zoo.PROSE])
    made = tiny_zoo.make(room / "made", "gpt.random", "tiny_shakespeare", tokenizer=letters)
    export.export(made, "transformers", room / "gpt.random")
    return room


@pytest.fixture(scope="module")
def opened(native: Path) -> dict[str, Any]:
    """What transformers alone makes of them."""
    prompts = {**PROMPTS, "gpt.random": ["ROMEO:", "To be, or not"]}
    found: dict[str, Any] = json.loads(alone.run(OPEN, native, json.dumps(prompts)).splitlines()[-1])
    return found


def ours(native: Path, name: str) -> checkpoint.Checkpoint:
    return checkpoint.load(native / "made" / name if name == "gpt.random" else hub.PRETRAINED / name)


@pytest.mark.parametrize("name", [*PROMPTS, "gpt.random"])
def test_transformers_alone_gives_the_logits_that_our_module_gives(
    native: Path, opened: dict[str, Any], name: str
) -> None:
    there = opened[name]
    assert there["class"] == "GPT2LMHeadModel" and there["tied"] and there["dtype"] == "torch.float32"
    assert not any(there["loading"].values()), "no tensor is missing, left over or of another shape"
    model = ours(native, name).model
    double = ours(native, name).model.double()
    for ids, logits, exact in zip(there["ids"], there["logits"], there["exact"], strict=True):
        given = model(torch.tensor([ids]))[0]
        apart = (given - torch.tensor(logits)).abs().max() / given.abs().max().clamp_min(1)
        assert apart <= NEAR, f"{name}: {apart:.2g}"
        apart = (double(torch.tensor([ids]))[0] - torch.tensor(exact, dtype=torch.float64)).abs().max()
        assert apart <= EQUAL, f"{name} in float64: {apart:.2g}"


@pytest.mark.parametrize("name", PROMPTS)
def test_its_tokenizer_reads_and_writes_as_ours(native: Path, opened: dict[str, Any], name: str) -> None:
    there, characters = opened[name], tokenizer.load(hub.PRETRAINED / name)
    for prompt, ids, decoded in zip(PROMPTS[name], there["ids"], there["decoded"], strict=True):
        assert ids == characters.encode(prompt).ids
        assert decoded == "".join(characters.id_to_token(i) for i in ids), "no space comes in, none goes out"
    assert there["decoded"][:2] == PROMPTS[name][:2] and there["again"] == there["ids"]
    if name == "gpt.tang":
        assert there["ids"][0] == poem_prefix(characters, "五言绝句", "李白", "春夜")
        assert there["plain"] == "李白春夜"
        assert there["special"] == {
            "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"
        }  # fmt: skip
    else:
        assert there["special"] == {"unk_token": "<unk>", "pad_token": "<unk>"}, "running text neither begins nor ends"


@pytest.mark.parametrize("name", PROMPTS)
def test_it_writes_to_the_end_of_its_context_and_never_what_no_reader_should_see(
    opened: dict[str, Any], name: str
) -> None:
    there, characters = opened[name], tokenizer.load(hub.PRETRAINED / name)
    length = checkpoint.describe(hub.PRETRAINED / name)[3].context_length
    end, special = characters.token_to_id("<eos>"), {i for i, token in characters.get_added_tokens_decoder().items()}
    begun = there["begun"]
    assert begun[0] == characters.token_to_id("<bos>" if name == "gpt.tang" else "\n")
    assert len(begun) == length or begun[-1] == end
    assert not special - {end} & {*begun[1:]}
    written = characters.encode(there["whole"]).ids
    assert there["whole"].startswith(PROMPTS[name][0]) and len(PROMPTS[name][0]) < len(there["whole"])
    assert len(written) <= length
    assert there["beside"] == there["lone"], "prompts of different lengths do not disturb each other"


RUN = """
import json, sys
import numpy as np, onnxruntime
given = dict(np.load("inputs.npz"))
made = {}
for case in json.loads(sys.argv[1]):
    place, part, number = case.split("/")
    with open(f"{place}/graphs.json", encoding="utf-8") as file:
        record = json.load(file)["parts"][part]
    session = onnxruntime.InferenceSession(f"{place}/{record['file']}")
    outputs = session.run(list(record["outputs"]), {key: given[f"{case}/{key}"] for key in record["inputs"]})
    made |= {f"{case}/{key}": value for key, value in zip(record["outputs"], outputs, strict=True)}
np.savez("outputs.npz", **made)
"""


def calls(part: entry.Part) -> Iterator[tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]]:
    """Inputs and outputs of a part's module on chosen inputs, and of a second step where it has a state."""
    noise, inputs = Noise(3), dict(part.inputs)
    for key, tensor in part.inputs.items():
        if tensor.dtype == torch.int64 and tensor.dim():
            inputs[key] = noise.integers(2, *tensor.shape)
        elif tensor.is_floating_point() and key not in (*part.state, "elapsed", "seconds"):
            inputs[key] = 2 * noise.uniform(*tensor.shape) - 1
    for _ in range(2 if part.state else 1):
        with torch.no_grad():
            made = part.module.eval()(*inputs.values())
        outputs = dict(zip(part.outputs, made if isinstance(made, tuple) else (made,), strict=True))
        yield inputs, outputs
        inputs = {**inputs, **{given: outputs[name] for given, name in part.state.items()}}
        if "ids" in inputs and "position" in inputs:
            inputs = {**inputs, "position": torch.tensor(inputs["ids"].shape[1]), "ids": inputs["ids"][:, -1:]}
        elif "position" in inputs:
            inputs = {**inputs, "position": inputs["position"] + 1}


def test_every_model_opens_as_onnx_in_onnxruntime_alone(tmp_path: Path) -> None:
    inputs, wanted, cases = {}, {}, []
    for name in BUNDLED:
        export.export(hub.PRETRAINED / name, "onnx", tmp_path / name)
        parts = checkpoint.load(hub.PRETRAINED / name).model.parts()
        assert [*checkpoint.read_json(tmp_path / name / "graphs.json")["parts"]] == [part.name for part in parts]
        for part in parts:
            for number, (given, made) in enumerate(calls(part)):
                cases.append(f"{name}/{part.name}/{number}")
                inputs |= {f"{cases[-1]}/{key}": tensor.numpy() for key, tensor in given.items()}
                wanted |= {f"{cases[-1]}/{key}": tensor.numpy() for key, tensor in made.items()}
    np.savez(tmp_path / "inputs.npz", **inputs)
    alone.run(RUN, tmp_path, json.dumps(cases))
    made = dict(np.load(tmp_path / "outputs.npz"))
    assert made.keys() == wanted.keys()
    apart = {key: float(np.abs(made[key] - wanted[key]).max() / max(1.0, np.abs(wanted[key]).max())) for key in made}
    assert not {key: difference for key, difference in apart.items() if not difference <= NEAR}


def test_an_exported_folder_of_graphs_is_itself_a_checkpoint(tmp_path: Path) -> None:
    made = tiny_zoo.make(tmp_path, "dcgan.mnist", "mnist", tiny_zoo.DIGITS)
    export.export(made, "onnx", tmp_path / "out")
    assert checkpoint.load(tmp_path / "out").sha256 == checkpoint.load(made).sha256
    graphs = checkpoint.read_json(tmp_path / "out" / "graphs.json")
    assert graphs["weights"] == checkpoint.sha256_of(made / "model.safetensors"), "made where there were none"
    assert not (made / "graphs.json").exists() and (tmp_path / "out" / "README.md").is_file()


@pytest.fixture(scope="module")
def graphed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint with its graphs."""
    made = tiny_zoo.make(tmp_path_factory.mktemp("graphed"), "resnet.mnist", "mnist", tiny_zoo.DIGITS)
    export.write_graphs(made)
    return made


@pytest.mark.parametrize("change", ["none", "other weights", "other bits", "another graph", "a way out", "damaged"])
def test_graphs_are_copied_only_when_they_are_what_they_say(tmp_path: Path, graphed: Path, change: str) -> None:
    made = Path(shutil.copytree(graphed, tmp_path / "resnet.mnist"))
    whole, graphs = (made / "classifier.onnx").read_bytes(), checkpoint.read_json(made / "graphs.json")
    if change == "other weights":
        graphs["weights"] = "0" * 64
    elif change == "other bits":
        graphs["bits"] = 8
    elif change == "another graph":
        (made / "classifier.onnx").write_bytes(whole + b"\x00")
    elif change == "a way out":
        shutil.copy(made / "classifier.onnx", tmp_path / "classifier.onnx")
        graphs["parts"] = {"../classifier": graphs["parts"]["classifier"]}
    elif change == "damaged":
        graphs["parts"] = {"classifier": 3}
    checkpoint.write_json(made / "graphs.json", graphs)
    (tmp_path / "out").mkdir()
    assert export.copy_graphs(made, tmp_path / "out", 32) == (change == "none")
    copied = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert not copied or copied["classifier.onnx"] == whole


@pytest.mark.parametrize("name", ["gpt.tang", "gpt.shakespeare"])
def test_weights_keep_the_precision_that_they_are_stored_in(native: Path, name: str) -> None:
    stored = load_file(native / name / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}  # 8 bits are read as 16
    count = sum(parameter.numel() for parameter in checkpoint.load(hub.PRETRAINED / name).model.parameters())
    assert abs((native / name / "model.safetensors").stat().st_size - 2 * count) < 10_000, "no tensor twice"


def test_every_model_of_the_zoo_has_a_form() -> None:
    for model in registry.names():
        formats = export.formats_of(model)
        assert formats[-1] == "onnx" and set(formats) <= set(export.FORMATS)


@pytest.mark.parametrize(
    ("name", "weights", "near"),
    [("gpt.shakespeare", "8bit", 0.2), ("resnet.mnist", "8bit", 0.2), ("gpt.shakespeare", "4bit", 1.0)],
)
def test_rounded_weights_make_a_smaller_folder_that_is_close_and_keeps_the_identity(
    tmp_path: Path, name: str, weights: str, near: float
) -> None:
    export.export(hub.PRETRAINED / name, "onnx", tmp_path / name, weights)
    assert checkpoint.load(tmp_path / name).sha256 == checkpoint.load(hub.PRETRAINED / name).sha256
    graphs = checkpoint.read_json(tmp_path / name / "graphs.json")
    assert graphs["bits"] == export.BITS[weights]
    (tmp_path / name / "model.safetensors").unlink()  # such a graph borrows nothing
    part = checkpoint.load(hub.PRETRAINED / name).model.parts()[0]
    given, made = next(calls(part))
    case = f"{name}/{part.name}/0"
    np.savez(tmp_path / "inputs.npz", **{f"{case}/{key}": tensor.numpy() for key, tensor in given.items()})
    alone.run(RUN, tmp_path, json.dumps([case]))
    logits = np.load(tmp_path / "outputs.npz")[f"{case}/logits"]
    assert 0 < np.abs(logits - made["logits"].numpy()).max() / np.abs(logits).max() < near


def test_without_a_folder_graphs_go_into_the_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tiny_zoo.make(tmp_path, "vae.mnist", "mnist", tiny_zoo.DIGITS)
    assert main(["export", str(made), "--format", "onnx"]) == DONE
    assert (made / "generator.onnx").is_file() and (made / "encoder.onnx").is_file()
    for wrong in (["--format", "transformers"], ["--format", "onnx", "--weights", "8bit"]):
        assert main(["export", str(made), *wrong]) == WRONG
        assert "name the folder to write, as --out FOLDER" in capsys.readouterr().err


# What is refused


@pytest.mark.parametrize(
    ("name", "form", "said"),
    [
        ("gpt.tang", "tensorflow", "no format is named 'tensorflow'"),
        ("gpt.tang", "onx", "perhaps you meant 'onnx'"),
        ("gpt.tang", "diffusers", "no class of diffusers fits it; it has transformers and onnx"),
        ("vae.mnist", "diffusers", "it has onnx"),
        ("resnet.mnist", "transformers", "resnet.mnist has no transformers form"),
        ("nowhere", "onnx", "no bundled checkpoint is named 'nowhere'"),
    ],
)  # fmt: skip
def test_what_has_no_such_form_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, form: str, said: str
) -> None:
    assert main(["export", name, "--format", form, "--out", str(tmp_path / "out")]) == WRONG
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "form", "weights", "said"),
    [
        ("gpt.tang", "onnx", "2bit", "weights cannot be '2bit'"),
        ("gpt.tang", "transformers", "8bit", "8bit is a choice for onnx"),
        ("dcgan.mnist", "onnx", "4bit", "dcgan.mnist has no graphs of 4 bits"),
    ],
)
def test_weights_that_a_form_has_not_are_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, form: str, weights: str, said: str
) -> None:
    out = str(tmp_path / "out")
    assert main(["export", name, "--format", form, "--weights", weights, "--out", out]) == WRONG
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for out in ("full", "file"):
        assert main(["export", "gpt.tang", "--format", "transformers", "--out", str(tmp_path / out)]) == WRONG
        assert "exists and is not an empty folder; name a new one" in capsys.readouterr().err
    assert {path.name for path in tmp_path.rglob("*")} == {"full", "mine.txt", "file"}
    (tmp_path / "empty").mkdir()
    assert main(["export", "gpt.tang", "--format", "transformers", "--out", str(tmp_path / "empty")]) == DONE
    assert (tmp_path / "empty" / "config.json").is_file()


def test_a_damaged_checkpoint_leaves_nothing_behind(tmp_path: Path) -> None:
    letters = tokenizer.train_characters([tiny_zoo.PROSE])
    made = tiny_zoo.make(tmp_path, "gpt.random", "tiny_shakespeare", tokenizer=letters)
    whole = (made / "model.safetensors").read_bytes()
    (made / "model.safetensors").write_bytes(whole[:-8])
    with pytest.raises(checkpoint.CheckpointError, match="do not fill the file"):
        export.export(made, "transformers", tmp_path / "out")
    (made / "model.safetensors").write_bytes(whole)
    tokenizer.train_characters(["abc"]).save(str(made / "tokenizer.json"))
    with pytest.raises(ValueError, match="has 4 tokens, its model 66"):
        export.export(made, "transformers", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["gpt.random"]


LITTLE_ROOM = """
import resource, signal, sys
from zoo.__main__ import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(("form", "room"), [("transformers", 1_000_000), ("onnx", 100)])
def test_a_write_that_fails_is_told_in_words_and_leaves_nothing(tmp_path: Path, form: str, room: int) -> None:
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_ROOM, str(room), "export", "gpt.tang", "--format", form, "--out", str(out)],
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == WRONG, done.stderr
    assert done.stderr.startswith(f"zoo: {out} was not written, and nothing of it is left: ")
    assert "File too large" in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
