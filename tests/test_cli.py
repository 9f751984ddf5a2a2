"""python -m zoo: what it prints, what it writes, what it refuses, and the figures that it measures again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tiny_zoo
from daily import some
from hub_server import TestHub
from PIL import Image

from zoo import checkpoint, hub, registry, table, verify
from zoo.__main__ import DONE, DRIFTED, WRONG, main
from zoo.data.chorales import Note
from zoo.data.midi import write_midi
from zoo.figures import compare
from zoo.generate import provenance
from zoo.metrics import judges
from zoo.noise import Noise

ROOT = Path(__file__).parent.parent
MUSIC = "music_transformer.chorales"
BUNDLED = sorted(path.parent.name for path in hub.PRETRAINED.glob("*/config.json"))


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained checkpoints of every kind."""
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "judges.json").write_text(json.dumps(tiny_zoo.build(folder)))
    return folder


@pytest.fixture
def tiny(untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them stands in place of the bundled ones; the working folder is empty; there is no full data."""
    folder = tmp_path / "pretrained"
    shutil.copytree(untrained, folder)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(hub, "PRETRAINED", folder)
    monkeypatch.setattr(judges, "PINS", folder / "judges.json")
    monkeypatch.setenv("ZOO_DATA", str(tmp_path / "nowhere"))
    verify.judge_network.cache_clear()
    return folder


class Ran:
    """What one command gave."""

    def __init__(self, code: int, out: str, error: str) -> None:
        self.code, self.out, self.error = code, out, error


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def one(*arguments: object) -> Ran:
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return one


# list, show


def test_list_shows_every_checkpoint_with_its_figure(tiny: Path, run: Any) -> None:
    found = run("list")
    assert found.code == DONE
    for path in tiny.glob("*/config.json"):
        assert path.parent.name in found.out
    line = next(line for line in found.out.splitlines() if line.startswith("dcgan.mnist"))
    assert "judge agreement 98.9 %" in line and "5,793" in line and "CC-BY-SA-3.0" in line and "MNIST" in line


def test_list_as_json_is_the_same_as_data(tiny: Path, run: Any) -> None:
    rows = json.loads(run("list", "--json").out)
    assert {row["name"] for row in rows} == {path.parent.name for path in tiny.glob("*/config.json")}
    assert all({"task", "parameters", "megabytes", "figure", "licence", "data"} <= row.keys() for row in rows)


def test_show_prints_a_card_without_its_front_matter_and_without_control_characters(tiny: Path, run: Any) -> None:
    (tiny / "vae.mnist" / "README.md").write_text("---\nlicense: mit\n---\n\n# A card\n\x1b[2J中文\n")
    found = run("show", "vae.mnist")
    assert found.code == DONE and found.out == "# A card\n[2J中文\n"


# What is refused


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lst"], ["no command is named 'lst'", "perhaps you meant 'list'", "verify"]),
        (["list", "--jsn"], ["unrecognized arguments: --jsn"]),
        (["show"], ["required: NAME"]),
        (["show", "dcgan.mnits"], ["perhaps you meant 'dcgan.mnist'", "vae.mnist"]),
        (["sample", "vae.mnits"], ["perhaps you meant 'vae.mnist'"]),
        (["sample", "resnet.mnist"], ["resnet.mnist generates nothing", "image-classification"]),
        (["sample", "dcgan.mnist", "--prompt", "x"], ["dcgan.mnist takes no --prompt", "--label", "--truncation"]),
        (["sample", "gpt.tang", "--prompt", "x"], ["gpt.tang takes no --prompt", "--acrostic"]),
        (["sample", "dcgan.mnist", "--label", "eleven"], ["the class 'eleven' does not exist"]),
        (["sample", "dcgan.mnist", "--count", "many"], ["--count", "invalid int value: 'many'"]),
        (["sample", "dcgan.mnist", "--count", "0"], ["number of pictures is 0", "1 to 100"]),
        (["sample", "dcgan.mnist", "--truncation", "nan"], ["truncation is nan"]),
        (["sample", "dcgan.mnist", "--seed", "-1"], ["seed is -1"]),
        (["sample", "dcgan.mnist", "--out", "a.jpg"], ["writes .png files"]),
        (["sample", "dcgan.mnist", "--out", "no/such/a.png"], ["into a folder that exists"]),
        (["sample", "gpt.shakespeare", "--temperature", "9"], ["temperature is 9"]),
        (["sample", "wavenet.spoken-digits", "--speaker", "nobody"], ["the speaker 'nobody' does not exist"]),
        (["sample", "\ud800\x00" * 10], ["zoo: "]),
        (["verify"], ["name the checkpoints to verify, or say --all"]),
        (["verify", "--all", "vae.mnist"], ["not both"]),
        (["verify", "vae.mnist", "resnet.mnits"], ["perhaps you meant 'resnet.mnist'"]),
        (["verify", "vae.mnist", "--quick"], ["states no quick figures yet", "--write"]),
        (["verify", "wavenet.spoken-digits"], ["ZOO_DATA is"]),
        (["pin", "vae.mnist"], ["vae.mnist neither classifies nor matches"]),
        (["pull", "nonsense"], ["is not a Hub id"]),
        (["push", "vae.mnist"], ["required: --to"]),
        (["push", "vae.mnist", "--to", "x"], ["cannot be pushed to"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line_on_stderr(
    tiny: Path, run: Any, arguments: list[str], words: list[str]
) -> None:
    found = run(*arguments)
    assert found.code == WRONG and not found.out
    assert found.error.startswith("zoo: ") and found.error.count("\n") == 1 and "Traceback" not in found.error
    for word in words:
        assert word in found.error
    assert not list(Path().iterdir()), "nothing is written"


def test_no_command_shows_the_help(run: Any) -> None:
    found = run()
    assert found.code == WRONG and "COMMAND" in found.out


# sample


@pytest.mark.parametrize(
    ("name", "options", "suffix"),
    [
        ("dcgan.mnist", ["--label", "3", "--count", "4"], ".png"),
        ("vae.mnist", ["--truncation", "0.7"], ".png"),
        ("wavenet.spoken-digits", ["--digits", "42", "--speaker", "theo"], ".wav"),
    ],
)
def test_the_same_seed_writes_the_same_file_and_another_seed_another(
    tiny: Path, run: Any, name: str, options: list[str], suffix: str
) -> None:
    files = []
    for number, seed in enumerate((5, 5, 6)):
        out = Path(f"{number}{suffix}")
        found = run("sample", name, *options, "--seed", seed, "--out", out)
        assert found.code == DONE and f"seed {seed}" in found.error and name in found.error and str(out) in found.error
        files.append(out.read_bytes())
    assert files[0] == files[1] != files[2]
    if suffix == ".png":
        assert Image.open("0.png").width > 100
    else:
        waveform, rate = soundfile.read("0.wav")
        assert rate == 8000 and np.abs(waveform).max() > 0


def test_a_model_of_many_steps_takes_steps_and_guidance_and_no_truncation(tiny: Path, run: Any) -> None:
    tiny_zoo.make(tiny, "diffusion.mnist", "mnist", tiny_zoo.DIGITS)
    options = ("--label", "3", "--count", 2, "--seed", 5)
    found = run("sample", "diffusion.mnist", *options, "--steps", 3, "--guidance", 2, "--out", "a.png")
    assert found.code == DONE and "diffusion.mnist · seed 5" in found.error
    stated = provenance.read(Path("a.png")).parameters
    assert (stated["steps"], stated["guidance"], stated["truncation"]) == (3, 2.0, 1.0)
    assert run("replay", "a.png").out == "made again: the same, byte for byte\n"
    assert run("sample", "diffusion.mnist", *options, "--out", "b.png").code == DONE
    own = provenance.read(Path("b.png")).parameters
    assert (own["steps"], own["guidance"]) == (4, 1.5), "without options they are the model's own"
    for name, option, words in (
        ("diffusion.mnist", ("--truncation", 0.7), "has no truncation, but guidance"),
        ("diffusion.mnist", ("--steps", 0), "the number of steps is 0"),
        ("dcgan.mnist", ("--steps", 20), "dcgan.mnist draws in one step; leave steps and guidance out"),
    ):
        found = run("sample", name, *options, *option, "--out", "c.png")
        assert found.code == WRONG and words in found.error and not Path("c.png").exists()


def test_every_kind_of_checkpoint_can_be_used_and_what_it_makes_says_how(tiny: Path, run: Any) -> None:
    tiny_zoo.more(tiny)
    Image.new("RGB", (90, 70), "white").save("page.png")
    drawing = Image.new("RGB", (90, 70), "white")
    drawing.paste("black", (20, 20, 70, 22))
    drawing.paste("black", (20, 20, 22, 60))
    drawing.save("drawing.png")
    soundfile.write("speech.wav", 0.1 * Noise(1).normal_array(8000), 8000)
    for name, options, said in (
        ("seq2seq.en-zh", ("--text", "Where is the station?", "--beams", 2), None),
        ("seq2seq.g2p", ("--text", "station"), "station"),
        ("bert.dialogue", ("--text", "i like ___ .", "--top", 3), "i like"),
        ("gpt.dialogue", ("--text", "hello", "--max-new-tokens", 5, "--seed", 3), None),
        ("bert.retrieval", ("--text", "hello"), None),
        ("pix2pix.outline", ("--picture", "drawing.png", "--how", "drawing"), None),
        ("cyclegan.openmoji-twitter", ("--picture", "drawing.png", "--back"), None),
        ("srgan.emoji", ("--picture", "drawing.png"), None),
        ("wavegan.drums", ("--pattern", "samba", "--bars", 1, "--seed", 3), None),
        ("tts.telephone", ("--text", "press zorbing", "--speed", 1.5), None),
        ("waveglow.telephone", ("--recording", "speech.wav", "--temperature", 0.5), "by Griffin-Lim"),
    ):
        sounds = registry.modality(name.partition(".")[0]) == "audio"
        suffix = ".wav" if sounds else ".png" if "--picture" in options else ".txt"
        found = run("sample", name, *options, "--out", f"{name}{suffix}")
        assert found.code == DONE and name in found.error, found.error
        assert said is None or said in found.out
        record = provenance.read(Path(f"{name}{suffix}"))
        assert record.model == name
    assert Image.open("srgan.emoji.png").size == (4 * 90, 4 * 70)
    assert run("sample", "bert.topic", "--text", "who directed this film ?").code == DONE
    assert run("sample", "waveglow.telephone").error == "zoo: waveglow.telephone needs --recording\n"
    assert "drawing.png" in run("sample", "waveglow.telephone", "--recording", "drawing.png").error
    assert "reads English" in run("sample", "tts.telephone", "--text", "你好").error
    assert run("sample", "srgan.emoji").error == "zoo: srgan.emoji needs --picture\n"
    assert "there is nothing to see" in run("sample", "srgan.emoji", "--picture", "page.png").error
    assert "nowhere.png" in run("sample", "srgan.emoji", "--picture", "nowhere.png").error
    assert "takes no --prompt; it takes --text, --direction" in run("sample", "seq2seq.en-zh", "--prompt", "x").error


def test_music_is_written_as_sound_as_notes_or_as_a_picture(tiny: Path, run: Any) -> None:
    tiny_zoo.make(tiny, MUSIC, "jsb_chorales", fields={"grid": 1, "context_length": 640})
    for suffix in (".wav", ".mid", ".png"):
        found = run("sample", MUSIC, "--melody", "G4 | C5 D5 E5:2", "--seed", 3, "--out", f"a{suffix}")
        assert found.code == DONE and f"{MUSIC} · seed 3" in found.error, found.error
        record = provenance.read(Path(f"a{suffix}"))
        assert record.operation == "chorale.harmonise" and record.parameters["melody"] == "G4 | C5 D5 E5:2"
        assert run("replay", f"a{suffix}").out == "made again: the same, byte for byte\n"
    Path("tune.mid").write_bytes(write_midi([Note(0, 0, 4, 67), Note(0, 4, 8, 72)], 90))
    assert run("sample", MUSIC, "--midi", "tune.mid", "--out", "b.mid").code == DONE
    assert provenance.read(Path("b.mid")).parameters["melody"] == "G4 C5:2"
    assert run("sample", MUSIC, "--bars", 2).code == DONE and Path(f"{MUSIC}-seed0.wav").is_file()
    for options, words in (
        (("--melody", "C4 H4"), "'H4' is no note"),
        (("--melody", "C4", "--midi", "tune.mid"), "given twice"),
        (("--melody", "C4", "--bars", 4), "--bars is for music without a melody"),
        (("--midi", "a.wav"), "no MIDI file"),
        (("--bars", 99), "number of bars is 99"),
        (("--bars", 4, "--out", "c.txt"), "writes .wav and .mid and .png files"),
    ):
        found = run("sample", MUSIC, *options)
        assert found.code == WRONG and words in found.error, found.error


def test_a_result_gets_a_name_of_its_own_when_none_is_given(tiny: Path, run: Any) -> None:
    assert run("sample", "dcgan.mnist", "--seed", 9).code == DONE
    assert [path.name for path in Path().iterdir()] == ["dcgan.mnist-seed9.png"]


def test_text_goes_on_from_its_prompt_to_the_terminal_and_into_a_file(tiny: Path, run: Any) -> None:
    found = run("sample", "gpt.shakespeare", "--prompt", "First", "--max-new-tokens", 30, "--out", "a.txt")
    assert found.code == DONE and found.out.startswith("First") and len(found.out) == 5 + 30 + 1
    assert Path("a.txt").read_text().startswith(found.out)  # what follows says how it was made
    assert run("sample", "gpt.shakespeare", "--prompt", "First", "--max-new-tokens", 30).out == found.out


def test_a_poem_keeps_its_form_and_its_acrostic(tiny: Path, run: Any) -> None:
    lines = run("sample", "gpt.tang", "--form", "七言绝句", "--acrostic", "春月").out.split()
    assert [len(line) for line in lines] == [16, 16] and lines[0][0] == "春" and lines[0][8] == "月"


def test_a_folder_samples_like_a_name(tiny: Path, run: Any, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(tiny / "dcgan.mnist", tmp_path / "elsewhere")
    assert run("sample", elsewhere, "--seed", 5, "--out", "a.png").code == DONE
    assert run("sample", "dcgan.mnist", "--seed", 5, "--out", "b.png").code == DONE
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


# verify


def test_written_figures_verify_and_the_card_states_them(tiny: Path, run: Any) -> None:
    written = run("verify", "resnet.mnist", "--quick", "--write")
    assert written.code == DONE and "resnet.mnist: written (quick" in written.out
    metrics = checkpoint.read_json(tiny / "resnet.mnist" / "metrics.json")
    assert [figure["name"] for figure in metrics["quick"]] == ["accuracy", "cross-entropy"]
    assert metrics["weights"] == checkpoint.sha256_of(tiny / "resnet.mnist" / "model.safetensors")
    assert "# resnet.mnist" in (tiny / "resnet.mnist" / "README.md").read_text()
    found = run("verify", "resnet.mnist", "--quick")
    assert found.code == DONE and "resnet.mnist: ok (quick" in found.out and "DRIFT" not in found.out


def test_a_figure_that_drifted_fails_by_name_with_both_numbers(tiny: Path, run: Any) -> None:
    run("verify", "resnet.mnist", "--quick", "--write")
    path = tiny / "resnet.mnist" / "metrics.json"
    metrics = checkpoint.read_json(path)
    metrics["quick"][1]["value"] = 1.0  # a cross-entropy that was never measured
    checkpoint.write_json(path, metrics)
    found = run("verify", "resnet.mnist", "--quick")
    assert found.code == DRIFTED and "resnet.mnist: DRIFTED" in found.out
    line = next(line for line in found.out.splitlines() if "cross-entropy" in line)
    assert "1 nats" in line and "2." in line and "differs by more than the tolerance" in line
    report = json.loads(run("verify", "resnet.mnist", "--quick", "--json").out)[0]
    assert not report["ok"] and [one["ok"] for one in report["figures"]] == [True, False]
    assert report["figures"][1]["stated"] == 1.0


@pytest.mark.parametrize("figures", ["many", [7], [{"name": "accuracy"}], [{"name": "accuracy", "value": "high"}]])
def test_damaged_figures_are_refused_in_words(tiny: Path, run: Any, figures: Any) -> None:
    checkpoint.write_json(tiny / "resnet.mnist" / "metrics.json", {"quick": figures})
    found = run("verify", "resnet.mnist", "--quick")
    assert found.code == WRONG and "resnet.mnist" in found.error and found.error.count("\n") == 1


def test_other_data_than_the_card_was_measured_on_is_said(
    tiny: Path, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    run("verify", "resnet.mnist", "--quick", "--write")
    path = tiny / "resnet.mnist" / "metrics.json"
    metrics = checkpoint.read_json(path)
    sample = ROOT / "zoo" / "data" / "samples" / "mnist" / "data" / "test-00000-of-00001.parquet"
    assert metrics["data"] == {"quick": checkpoint.sha256_of(sample)}
    assert run("verify", "resnet.mnist", "--quick").code == DONE and not caplog.text
    checkpoint.write_json(path, {**metrics, "data": {"quick": "00" * 32}})
    assert run("verify", "resnet.mnist", "--quick").code == DONE
    assert "was measured on a test split with the sha256 000000000000" in caplog.text


def test_figures_of_other_weights_are_not_compared(tiny: Path, run: Any) -> None:
    run("verify", "resnet.mnist", "--quick", "--write")
    shutil.copy(tiny / "mel_resnet.spoken-digits" / "model.safetensors", tiny / "resnet.mnist" / "model.safetensors")
    found = run("verify", "resnet.mnist", "--quick")
    assert found.code == WRONG and "states figures of the weights" in found.error


def test_a_figure_of_a_judge_that_is_no_longer_pinned_is_refused(tiny: Path, run: Any) -> None:
    """The pinned hash is compared with the judge's file, so no other judge can answer in its name."""
    pins = json.loads(judges.PINS.read_text())
    pins["mnist"]["sha256"] = "00" * 32
    judges.PINS.write_text(json.dumps(pins))
    found = run("verify", "dcgan.mnist", "--quick", "--write")
    assert found.code == WRONG
    assert "the judge resnet.mnist has sha256" in found.error and "pinned is 0000" in found.error


def test_comparing_knows_missing_unknown_drifted_and_otherwise_judged_figures() -> None:
    def figure(name: str, value: float, judge: str = "") -> dict[str, Any]:
        return {"name": name, "value": value, "unit": "share", "tolerance": 0.1, "judge_sha256": judge}

    stated = [figure(name, 0.5) for name in ("same", "near", "far", "gone", "nan")] + [figure("judged", 0.5, "a")]
    measured = [figure("same", 0.5), figure("near", 0.59), figure("far", 0.61), figure("new", 0.5)]
    measured += [figure("nan", float("nan")), figure("judged", 0.5, "b")]
    found = {one.name: one for one in compare(stated, measured)}
    assert {name for name, one in found.items() if one.ok} == {"same", "near"}
    assert found["gone"].measured is None and found["new"].stated is None
    assert "another judge" in found["judged"].why


def test_full_figures_are_kept_when_only_the_quick_ones_are_written(tiny: Path, run: Any) -> None:
    path = tiny / "dcgan.mnist" / "metrics.json"
    protocol = {"tolerance": 0.1, "better": "higher", "split": "generated", "samples": 9}
    before = [{**tiny_zoo.FIGURES["dcgan.mnist"], **protocol}]
    checkpoint.write_json(path, {"figures": before})
    assert run("verify", "dcgan.mnist", "--quick", "--write").code == DONE
    found = checkpoint.read_json(path)
    assert found["figures"] == before
    named = {"judge agreement", "Fréchet distance", "kernel distance", "precision", "recall", "data copying"}
    assert named <= {figure["name"] for figure in found["quick"]}
    judged = [figure for figure in found["quick"] if figure["name"] != "near-copies"]  # pixel by pixel
    assert all(figure["judge"] == "resnet.mnist" for figure in judged)


@pytest.mark.parametrize(
    "name", some(BUNDLED, slow=("text_to_image.emoji", "tts.telephone", "diffusion.mnist", "wavenet.spoken-digits"))
)
def test_the_quick_figures_of_every_bundled_checkpoint_are_measured_again(name: str, run: Any) -> None:
    verify.judge_network.cache_clear()
    found = run("verify", name, "--quick")
    assert found.code == DONE, found.out + found.error


# push, pull


def test_a_checkpoint_goes_to_the_hub_and_comes_back_the_same(tiny: Path, tmp_path: Path) -> None:
    """The real client over HTTP against the test hub, as a person types it; the token appears nowhere."""
    token = "hf_CanaryCanaryCanaryCanary0123456789"
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "ZOO_", "HUGGING"))}

    def zoo(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "zoo", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=120,
            env=clean | {
                "HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "hf"), "HF_TOKEN": token, "PYTHONPATH": str(ROOT),
                "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "DO_NOT_TRACK": "1",
            },
        )  # fmt: skip
        assert done.returncode == DONE and token not in done.stdout + done.stderr, done.stderr
        return done.stdout

    folder = tiny / "vae.mnist"
    with TestHub({token: "ada"}) as server:
        assert "ada/vae@v1" in zoo("push", str(folder), "--to", "ada/vae", "--private")
        assert "unchanged, no commit made" in zoo("push", str(folder), "--to", "ada/vae")
        pulled = Path(zoo("pull", "ada/vae@v1").strip())
        server.shutdown()
    for path in folder.iterdir():
        assert (pulled / path.name).read_bytes() == path.read_bytes()


# pin, table


def test_pinning_makes_a_classifier_the_judge_of_its_data(tiny: Path, run: Any) -> None:
    assert "already" in run("pin", "resnet.mnist").out
    judges.PINS.write_text("{}")
    assert run("pin", "resnet.mnist").code == DONE
    weights = checkpoint.sha256_of(tiny / "resnet.mnist" / "model.safetensors")
    assert judges.judge_of("mnist") == judges.Judge("resnet.mnist", weights)


def test_pinning_makes_a_matcher_the_judge_of_drawings(tiny: Path, run: Any) -> None:
    tiny_zoo.match(tiny)
    assert run("pin", "contrastive.emoji").code == DONE
    found = judges.judge_of("emoji_names")
    assert found is not None and found.name == "contrastive.emoji"


def test_a_folder_elsewhere_cannot_be_pinned(tiny: Path, run: Any, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(tiny / "resnet.mnist", tmp_path / "elsewhere")
    found = run("pin", elsewhere)
    assert found.code == WRONG and "is not bundled" in found.error


def test_the_table_is_renewed_between_its_markers_only_in_both_languages(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name in (*table.READMES, table.MEASURED):
        (tmp_path / name).write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n", encoding="utf-8")
    assert len(table.renew(tmp_path, check=True)) == 3
    assert "old" in (tmp_path / "README.md").read_text(), "checking writes nothing"
    assert len(table.renew(tmp_path)) == 3 and table.renew(tmp_path) == []
    for name, words in {"README.md": "judge agreement 98.9 %", "README.zh.md": "评判一致率 98.9 %"}.items():
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.startswith(f"before\n{table.BEGIN}\n|") and text.endswith(f"|\n{table.END}\nafter\n")
        assert words in text and "[dcgan.mnist](zoo/pretrained/dcgan.mnist/README.md)" in text
    page = (tmp_path / table.MEASURED).read_text(encoding="utf-8")
    assert "judge agreement 98.87 %" in page and "1.523 nats a character (3.36 nats a character)" in page
    assert "| onnx |" in page and "| transformers, onnx |" in page


def test_a_readme_without_markers_is_refused_by_name(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("no table")
    with pytest.raises(ValueError, match=r"README\.md lacks the markers"):
        table.renew(tmp_path)


def test_the_tables_of_the_readmes_are_fresh(run: Any) -> None:
    assert {path.name for path in ROOT.glob("README*.md")} == set(table.READMES)
    found = run("table", "--check")
    assert found.code == DONE, found.out + found.error


# Leaving


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_the_middle_of_a_measurement_leaves_in_one_line(tiny: Path, number: int, code: int) -> None:
    """A process of its own, which sends the signal to itself between two batches."""
    program = (
        "import os, runpy, sys\n"
        "from zoo import verify\n"
        "folder, number = sys.argv[1:]\n"
        "def measure(folder, *, quick, poll, own):\n"
        "    poll()\n"
        "    os.kill(os.getpid(), int(number))\n"
        "    poll()\n"
        "    sys.exit('went on')\n"
        "verify.measure_folder = measure\n"
        "sys.argv = ['zoo', 'verify', folder, '--quick', '--write']\n"
        "runpy.run_module('zoo', run_name='__main__')\n"
    )
    folder = tiny / "resnet.mnist"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder), str(int(number))], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert done.stderr == f"zoo: stopped by {signal.Signals(number).name}\n" and not done.stdout
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_reader_that_has_seen_enough_is_no_error(tiny: Path) -> None:
    code = f"import sys; from zoo import hub; hub.PRETRAINED = __import__('pathlib').Path({str(tiny)!r})\n"
    code += "sys.argv = ['zoo', 'list']; __import__('runpy').run_module('zoo', run_name='__main__')"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait(60) == 0
    process.stderr.close()
