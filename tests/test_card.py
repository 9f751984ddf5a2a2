"""Model cards: the Hub's front matter, every figure with its judge and floor, licences, and lines of code that run."""

from __future__ import annotations

import ast
import json
import re
import wave
from pathlib import Path
from typing import Any

import alone
import numpy as np
import pytest
import tiny_zoo
from huggingface_hub import ModelCard
from PIL import Image

from zoo import card, checkpoint, entry, export, hub, registry, snippets
from zoo.data.source import INFOS
from zoo.metrics import judges

BUNDLED = sorted(path.parent.name for path in hub.PRETRAINED.glob("*/config.json"))
KINDS = (
    "dcgan.mnist", "vae.mnist", "gpt.shakespeare", "gpt.tang", "wavenet.spoken-digits", "resnet.mnist",
    "mel_resnet.spoken-digits",
)  # fmt: skip
JUDGED = {
    "name": "Fréchet distance", "value": 1.2345, "unit": "judge features", "better": "lower", "split": "test",
    "samples": 10_000, "tolerance": 0.045, "judge": "resnet.mnist", "judge_sha256": "ab" * 32, "floor": 0.0678,
    "note": "floor: real training pictures against the same test pictures",
}  # fmt: skip
AGREEMENT = {
    "name": "judge agreement", "value": 0.98765, "unit": "share", "better": "higher", "split": "generated",
    "samples": 10_000, "tolerance": 0.002, "judge": "resnet.mnist", "judge_sha256": "ab" * 32, "floor": None,
    "note": "",
}  # fmt: skip
RECIPE = {
    "model": "dcgan", "preset": "mnist", "command": "python -m train dcgan --preset mnist", "seed": 3, "steps": 10_000,
    "best_step": 9000, "wall_seconds": 1260.0, "hardware": "1 thread(s) of a CPU", "precision": "bf16",
    "git_commit": "c0ffee" * 6 + "c0ff", "torch": "2.14.1", "dataset": "mnist", "dataset_fingerprint": "de" * 32,
    "licence_data": "cc-by-sa-3.0", "licence_weights": "cc-by-sa-3.0", "parameters": 5793, "finished": "2026-11-22",
}  # fmt: skip


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained checkpoints of every kind, not measured."""
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "judges.json").write_text(json.dumps(tiny_zoo.build(folder)))
    for path in folder.glob("*/metrics.json"):
        path.unlink()
    return folder


@pytest.fixture
def tiny(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """They stand in place of the bundled ones."""
    monkeypatch.setattr(hub, "PRETRAINED", untrained)
    monkeypatch.setattr(judges, "PINS", untrained / "judges.json")
    return untrained


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A DCGAN's folder with a whole recipe, figures and samples."""
    target = tiny_zoo.make(tmp_path, "dcgan.mnist", "mnist", tiny_zoo.DIGITS)
    checkpoint.write_json(target / "recipe.json", RECIPE)
    data = {"figures": "fe" * 32}
    checkpoint.write_json(target / "metrics.json", {"figures": [AGREEMENT, JUDGED], "quick": [], "data": data})
    (target / "samples").mkdir()
    Image.new("L", (8, 8)).save(target / "samples" / "sheet.png")
    (target / "samples" / "poem.txt").write_text("a line\n```\nanother\n")
    return target


def test_the_front_matter_is_what_the_hub_reads(folder: Path) -> None:
    card.write(folder)
    data = ModelCard.load(folder / "README.md").data
    assert data.license == "cc-by-sa-3.0" and data.library_name == "zoo"
    assert data.pipeline_tag == entry.IMAGE_GENERATION
    assert data.datasets == ["ylecun/mnist"] and data.metrics == ["judge agreement", "Fréchet distance"]
    assert {"dcgan", "image", "pytorch", "safetensors"} <= set(data.tags)
    assert data.language is None, "pictures speak no language"


def test_the_hub_reads_the_figures_as_a_model_index(folder: Path) -> None:
    card.write(folder)
    data = ModelCard.load(folder / "README.md").data
    assert data.model_name == "dcgan.mnist" and data.eval_results is not None
    agreement, distance = data.eval_results
    assert (agreement.metric_type, agreement.metric_value) == ("judge_agreement", 0.98765)
    assert agreement.metric_name == "judge agreement (share)" and agreement.dataset_split is None
    assert (distance.metric_type, distance.metric_value) == ("frechet_distance", 1.2345)
    assert distance.dataset_split == "test"
    for found in (agreement, distance):
        assert (found.dataset_type, found.dataset_name) == ("ylecun/mnist", "MNIST")
        assert found.task_type == entry.IMAGE_GENERATION
    (folder / "metrics.json").unlink()
    assert "model-index" not in card.text(folder), "what was not measured is not stated"


def test_the_library_on_a_card_is_the_one_that_opens_the_repository(tiny: Path) -> None:
    assert ModelCard(card.text(tiny / "gpt.tang")).data.library_name == "transformers"
    assert ModelCard(card.text(tiny / "vae.mnist")).data.library_name == "zoo"
    assert "onnx" not in ModelCard(card.text(tiny / "vae.mnist")).data.tags, "it has no graphs"


@pytest.mark.parametrize(
    ("name", "language"), [("gpt.shakespeare", "en"), ("gpt.tang", "zh"), ("wavenet.spoken-digits", "en")]
)
def test_what_holds_words_names_their_language(tiny: Path, name: str, language: str) -> None:
    assert ModelCard(card.text(tiny / name)).data.language == language


def test_every_figure_stands_with_its_protocol_its_judge_and_its_floor(folder: Path) -> None:
    text = card.text(folder)
    line = next(line for line in text.splitlines() if line.startswith("| Fréchet distance"))
    for shown in ("1.234 judge features", "± 0.045", "0.0678 judge features", "lower is better", "test", "10,000"):
        assert shown in line
    assert "resnet.mnist `abababababab`" in line
    assert f"Judge resnet.mnist: sha256 `{'ab' * 32}`." in text
    assert "floor: real training pictures against the same test pictures" in text
    line = next(line for line in text.splitlines() if line.startswith("| judge agreement"))
    assert "98.77 %" in line and "± 0.20 %" in line and "higher is better" in line
    assert f"Test split: sha256 `{'fe' * 32}`." in text
    assert "python -m zoo verify dcgan.mnist" in text


def test_the_card_tells_how_the_weights_came_to_be_and_what_they_are(folder: Path) -> None:
    text = card.text(folder)
    for key in ("command", "git_commit", "dataset_fingerprint", "hardware", "torch", "finished"):
        assert str(RECIPE[key]) in text, key
    assert "10,000, the best weights from step 9,000" in text and "21 minutes" in text and "5,793" in text
    assert checkpoint.sha256_of(folder / "model.safetensors") in text
    found = registry.entry("dcgan")
    assert found.summary in text and found.summary_zh in text and found.paper in text and "Departures" in text


def test_the_licences_of_code_data_and_weights_stand_apart_with_attribution(folder: Path) -> None:
    text = card.text(folder)
    assert "| Code | apache-2.0 |" in text
    assert "| Data | cc-by-sa-3.0 | MNIST: Y. LeCun" in text and "http://yann.lecun.com/exdb/mnist" in text
    assert "| Weights | cc-by-sa-3.0 | The data is share-alike" in text


def test_samples_are_shown_from_the_folder_itself_and_cannot_break_the_page(folder: Path) -> None:
    text = card.text(folder)
    assert "](samples/sheet.png)" in text and "neighbours" not in text
    (folder / "samples" / card.NEIGHBOURS).write_bytes((folder / "samples" / "sheet.png").read_bytes())
    assert "nearest training pictures](samples/neighbours.png)\n\nFirst row: samples." in card.text(folder)
    assert text.count("```") % 2 == 0 and "a line\n'''\nanother" in text


def test_a_cell_cannot_break_its_table(folder: Path) -> None:
    checkpoint.write_json(folder / "metrics.json", {"figures": [{**AGREEMENT, "name": "a|b\nc"}]})
    line = next(line for line in card.text(folder).splitlines() if line.startswith("| a"))
    assert line.startswith("| a\\|b c |")


def test_the_same_files_give_the_same_card_in_one_step(folder: Path) -> None:
    card.write(folder)
    first = (folder / "README.md").read_bytes()
    card.write(folder)
    assert (folder / "README.md").read_bytes() == first
    assert not list(folder.glob("*.partial"))


def test_a_card_without_figures_says_so(folder: Path) -> None:
    (folder / "metrics.json").unlink()
    assert "Not measured on the test split yet." in card.text(folder)


def python_of(text: str) -> list[str]:
    found = re.findall(r"```python\n(.*?)```", text, re.S)
    assert found
    return found


@pytest.mark.parametrize("name", KINDS)
def test_the_lines_that_use_this_zoo_run_as_they_stand(
    tiny: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if name.startswith("gpt"):  # the untrained ones know fewer characters
        monkeypatch.setattr(snippets, "_VERSE", tuple(t.replace("春夜", "春月") for t in snippets._VERSE))
    monkeypatch.chdir(tmp_path)
    source = python_of(card.text(tiny / name))[-1]
    exec(compile(ast.parse(source), f"card of {name}", "exec"), {})
    assert capsys.readouterr().out.strip() or list(tmp_path.iterdir()), "it shows or writes something"


def shows(name: str, folder: Path, printed: str) -> bool:
    """Whether the lines of another library gave what a person would want to see."""
    if name.startswith("gpt.tang"):
        return sum(0x4E00 <= ord(c) <= 0x9FFF for c in printed) >= 20 and "<" not in printed and "春夜" not in printed
    if name.startswith("gpt"):
        return printed.startswith("ROMEO:\n") and len(printed) > 200 and "<unk>" not in printed
    if name.startswith("wavenet"):
        with wave.open(str(folder / "4.wav")) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
            return file.getframerate() == 8000 and 800 < len(samples) < 16_000 and samples.std() > 300
    if name.startswith("seq2seq"):
        return printed.strip() == ("车站在哪里？" if name.endswith("zh") else "AE1 L G ER0 IH2 DH AH0 M")
    if "resnet" in name:
        chances = ast.literal_eval(printed)
        return list(chances) == list("0123456789") and abs(sum(chances.values()) - 1) < 2e-3
    picture = np.asarray(Image.open(folder / "sheet.png"))
    return picture.shape[1] >= 10 * 28 and picture.std() > 30


@pytest.mark.parametrize("name", [*KINDS, "seq2seq.en-zh", "seq2seq.g2p"])
def test_the_lines_that_use_another_library_run_where_there_is_no_zoo(tmp_path: Path, name: str) -> None:
    text = card.text(hub.PRETRAINED / name)
    library, ours = python_of(text)
    assert "zoo" not in library and "zoo" in ours
    found = re.search(r"python -m zoo export \S+ --format (\S+) --out (\S+)", text)
    assert found
    export.export(hub.PRETRAINED / name, found[1], tmp_path / found[2])
    printed = alone.run(library, tmp_path)
    assert shows(name, tmp_path, printed), printed


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_card_is_what_its_files_say(name: str) -> None:
    folder = hub.PRETRAINED / name
    assert (folder / "README.md").read_text(encoding="utf-8") == card.text(folder), "`python -m zoo verify --write`"
    recipe = checkpoint.read_json(folder / "recipe.json")
    figures: list[dict[str, Any]] = checkpoint.read_json(folder / "metrics.json")["figures"]
    assert figures and checkpoint.read_json(folder / "metrics.json")["quick"]
    for figure in figures:
        if figure["judge"]:
            info = INFOS[recipe["dataset"]]
            sets = {"emoji_vendors"} if figure["name"].startswith("style") else {info.name, info.folder or info.name}
            sets |= {"spoken_digits"} if figure["name"].endswith("→ sound") else set()
            judge = judges.Judge(figure["judge"], figure["judge_sha256"])
            assert judge in map(judges.judge_of, sets), "measured by a pinned judge of these pictures"
        if figure["name"] == "Fréchet distance":
            assert figure["floor"] is not None and figure["floor"] > 0


@pytest.mark.parametrize("name", BUNDLED)
def test_no_file_of_a_bundled_checkpoint_tells_of_the_machine_that_trained_it(name: str) -> None:
    for path in (hub.PRETRAINED / name).rglob("*"):
        if path.suffix in (".json", ".md", ".txt"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(?<![\w.:/])/(?:home|root|work|tmp|Users|mnt)/", text), path
            assert "hf_" not in text, path
