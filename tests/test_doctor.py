"""The doctor: every planted fault is found and no other, healthy runs raise no alarm, and nothing is guessed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gallery as plans
import numpy as np
import pytest

from zoo import doctor
from zoo.__main__ import DONE, DRIFTED, WRONG, main
from zoo.doctor import signs, words
from zoo.doctor.remedies import REMEDIES
from zoo.doctor.writing import markdown

HEALTHY = Path(__file__).parent / "healthy_runs"
FAULTS = set(doctor.checks()) - {"still-improving"}


def alarms(run: Path) -> list[str]:
    return [finding.fault for finding in doctor.examine(run) if finding.level == "alarm"]


def write(folder: Path, lines: list[dict[str, Any]], **run: Any) -> Path:
    """A run folder of invented lines."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {"zoo": 1, "model": "resnet", "samples": 55_000, "batch_size": 64, "metric": "accuracy", "better": "higher"}
    (folder / "run.json").write_text(json.dumps({**about, "settings": {}, **run}))
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def training(**curves: Any) -> list[dict[str, Any]]:
    """Twenty lines to step 1,000; a number is a constant, a function gives the value at a share of the run."""
    lines = []
    for step in range(50, 1001, 50):
        values = {name: value(step / 1000) if callable(value) else value for name, value in curves.items()}
        lines.append({"step": step, "loss": 2 - step / 1000, "gradient_norm": 1.0, "weakest_gradient": 0.01, **values})
    return lines


# The gallery


def test_the_gallery_plants_every_fault_that_the_doctor_knows() -> None:
    assert {plan.fault for plan in plans.BROKEN} == FAULTS
    assert doctor.gallery() == sorted(plan.name for plan in plans.BROKEN) and len(doctor.gallery()) >= 10


@pytest.mark.parametrize("plan", plans.BROKEN, ids=lambda plan: plan.name)
def test_in_every_run_that_was_broken_on_purpose_the_planted_fault_is_the_only_alarm(plan: plans.Plan) -> None:
    assert alarms(doctor.gallery_run(plan.name)) == [plan.fault]


@pytest.mark.parametrize("run", sorted(HEALTHY.iterdir()), ids=lambda run: run.name)
def test_a_healthy_run_raises_no_alarm(run: Path) -> None:
    assert alarms(run) == []


def test_there_is_a_healthy_run_of_every_model_to_compare_with() -> None:
    from zoo import registry

    assert {json.loads(path.read_text())["model"] for path in HEALTHY.glob("*/run.json")} == set(registry.names())


def test_stored_runs_are_small() -> None:
    for path in (*doctor.GALLERY.glob("*/*"), *HEALTHY.glob("*/*")):
        assert path.stat().st_size < 60_000, path


def test_thinning_keeps_the_last_line_every_validation_and_the_room() -> None:
    lines: list[dict[str, Any]] = [{"step": step, "loss": 1 / 3, "samples_per_second": 9.0} for step in range(1, 501)]
    lines += [{"step": 500, "validation/loss": 2 / 3, "best": True}, {"step": 501, "event": "stopped"}]
    found = plans.thinned(lines, 2000)
    assert found[-3:] == [
        {"step": 500, "loss": 0.3333},
        {"step": 500, "validation/loss": 0.6667, "best": True},
        lines[-1],
    ]
    assert len("".join(json.dumps(line) + "\n" for line in found)) <= 2000 and len(found) > 30


@pytest.mark.parametrize(
    "plan",
    [
        plans.Plan(
            "dead", "vanishing-gradients", "resnet",
            "--steps 300 --log-every 10 --evaluate-every 300", plans.dead_features,
        ),
        plans.Plan("damaged", "non-finite", "resnet", "--steps 60 --evaluate-every 60", plans.damaged(17)),
    ],
    ids=lambda plan: plan.name,
)  # fmt: skip
def test_a_run_that_is_broken_here_and_now_is_diagnosed(plan: plans.Plan, tmp_path: Path) -> None:
    plans.train(plan, tmp_path)
    assert alarms(tmp_path) == [plan.fault]
    if plan.fault == "non-finite":
        [finding] = [one for one in doctor.examine(tmp_path) if one.fault == "non-finite"]
        assert "17" in re.findall(r"\d+", finding.evidence["en"].partition("samples")[2])


# Thresholds: on this side a fault, on that side none


def pair(real: float, fake: float, **more: Any) -> list[dict[str, Any]]:
    return training(discriminator_loss=0.5, real_score=real, fake_score=fake, **more)


def validated(*values: float, name: str = "validation/loss") -> list[dict[str, Any]]:
    """Validations evenly over the thousand steps, beside a training loss that falls."""
    return training() + [
        {"step": round(1000 * (i + 1) / len(values)), name: value, "best": False} for i, value in enumerate(values)
    ]


def at(moment: float, value: float) -> Any:
    """1, but `value` at one moment."""
    return lambda t: value if t == moment else 1.0


def agreeing(share: float) -> list[dict[str, Any]]:
    return [*pair(0.7, 0.3), {"step": 1000, "validation/judge agreement": share}]


TEN: dict[str, Any] = {"settings": {"config": {"num_classes": 10}}}


def diversity(classes: float, variety: float, copies: float) -> list[dict[str, Any]]:
    names = ("validation/classes seen", "validation/variety", "validation/duplicates")
    return [*training(), {"step": 1000, **dict(zip(names, (classes, variety, copies), strict=True))}]


SIDES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]] = {
    "exploding-gradients: a spike": (
        training(gradient_norm=at(0.8, 101.0)), training(gradient_norm=at(0.8, 99.0)), {},
    ),
    "exploding-gradients: all is clipped": (
        training(gradient_norm=101.0), training(gradient_norm=99.0), {"settings": {"clip_norm": 1.0}},
    ),
    "exploding-gradients: far over the weights": (
        training(weakest_gradient=at(0.05, 101.0)), training(weakest_gradient=at(0.05, 99.0)), {},
    ),
    "exploding-gradients: a ruined loss": (
        training(loss=lambda t: 1.0 if t < 0.5 else 10.5), training(loss=lambda t: 10.5 - t * 10), {},
    ),
    "vanishing-gradients": (training(weakest_gradient=9e-8), training(weakest_gradient=2e-7), {}),
    "discriminator-saturation": (pair(0.985, 0.015), pair(0.91, 0.04), {}),
    "discriminator-ahead": (pair(0.96, 0.04), pair(0.92, 0.06), {}),
    "generator-ahead": (pair(0.51, 0.47), pair(0.54, 0.46), {}),
    "mode-collapse: classes": (diversity(5, 1.0, 0.0), diversity(6, 1.0, 0.0), TEN),
    "mode-collapse: variety": (diversity(10, 0.49, 0.0), diversity(10, 0.51, 0.0), {}),
    "mode-collapse: copies": (diversity(10, 1.0, 0.11), diversity(10, 1.0, 0.09), {}),
    "posterior-collapse: by dimension": (
        [*training(), {"step": 1000, "validation/KL per dimension": [1.9, 0.0, 0.0]}],
        [*training(), {"step": 1000, "validation/KL per dimension": [2.1, 0.0, 0.0]}], {},
    ),
    "posterior-collapse: in all": (training(kl=1.9), training(kl=2.1), {}),
    "over-fitting": (validated(3, 2, 1, 1.2, 1.4), validated(3, 2, 1, 1.05, 1.09), {}),
    "too-little-data: it turned": (validated(3, 2, 1, 1.2, 1.4), validated(3, 2, 1.4, 1.3, 1.2), {"samples": 500}),
    "too-little-data: a gap": (validated(3, 2, 1.4, 1.29), validated(3, 2, 1.4, 1.27), {"samples": 500}),
    "too-little-data: of a pair": (pair(0.9, 0.1), pair(0.85, 0.15), {"samples": 500}),
    "not-learning": (training(loss=lambda t: 2.3 - 0.1 * t), training(loss=lambda t: 2.3 - 0.2 * t), {}),
    "not-learning: of a pair": (agreeing(0.14), agreeing(0.16), TEN),
    "non-finite: a figure": (training(loss=lambda t: float("nan") if t == 0.5 else 1 - t), training(), {}),
    "non-finite: an event": (
        [*training(), {"step": 3, "event": "nonfinite", "where": "the loss", "batch": [1]}],
        [*training(), {"step": 3, "event": "resumed"}], {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SIDES)
def test_a_fault_begins_at_its_threshold(name: str, tmp_path: Path) -> None:
    ill, well, run = SIDES[name]
    assert alarms(write(tmp_path / "ill", ill, **run)) == [name.split(":")[0]]
    assert alarms(write(tmp_path / "well", well, **run)) == []


def test_classes_are_counted_against_those_that_the_judge_of_the_data_knows(tmp_path: Path) -> None:
    seen = diversity(5, 1.0, 0.0)
    assert alarms(write(tmp_path / "judged", seen, dataset="mnist")) == ["mode-collapse"]
    assert alarms(write(tmp_path / "own", seen, dataset="holidays")) == []


def test_over_fitting_is_no_matter_of_the_last_evaluation_alone(tmp_path: Path) -> None:
    assert alarms(write(tmp_path, validated(3, 2, 1.5, 1, 9))) == []


def test_a_run_that_ends_while_it_still_gets_better_is_noted(tmp_path: Path) -> None:
    [finding] = doctor.examine(write(tmp_path, validated(3, 2, 1.5, 1.2), metric="loss", better="lower"))
    assert (finding.fault, finding.level) == ("still-improving", "note")
    assert doctor.examine(write(tmp_path, validated(3, 2, 1.01, 1.0), metric="loss", better="lower")) == []


def test_what_another_fault_brings_about_is_a_note_that_names_it(tmp_path: Path) -> None:
    lines = training(weakest_gradient=0.0, loss=2.3)
    found = {finding.fault: finding for finding in doctor.examine(write(tmp_path, lines))}
    assert found["vanishing-gradients"].level == "alarm" and found["not-learning"].level == "note"
    assert "vanishing gradients" in found["not-learning"].evidence["en"]
    assert "梯度消失" in found["not-learning"].evidence["zh"]


# Nothing is guessed


def test_a_check_whose_figures_are_missing_is_not_measured(tmp_path: Path) -> None:
    diagnosis = doctor.diagnose(write(tmp_path, [{"step": s, "loss": 1.0} for s in range(50, 1001, 50)]))
    measured = {"non-finite", "not-learning", "too-little-data"}
    assert set(diagnosis.unmeasured) == set(doctor.checks()) - measured
    assert "weakest_gradient" in diagnosis.unmeasured["vanishing-gradients"]
    assert "weakest_gradient" in markdown("run", diagnosis, "en")


def test_a_run_of_a_few_steps_is_judged_for_numbers_that_are_not_finite_alone(tmp_path: Path) -> None:
    lines = [{**line, "step": line["step"] // 10} for line in training(loss=2.3, weakest_gradient=0.0)]
    diagnosis = doctor.diagnose(write(tmp_path, lines))
    assert diagnosis.findings == [] and set(diagnosis.unmeasured) == set(doctor.checks()) - {"non-finite"}
    assert "300" in diagnosis.unmeasured["not-learning"]


def test_a_last_line_that_was_cut_short_counts_as_never_written(tmp_path: Path) -> None:
    run = write(tmp_path, training())
    whole = doctor.examine(run)
    with open(run / "log.jsonl", "a") as file:
        file.write('{"step": 1050, "loss": 0.')
    assert doctor.examine(run) == whole


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda run: (run / "run.json").unlink(), "has no run.json"),
        (lambda run: (run / "log.jsonl").unlink(), "has no log.jsonl"),
        (lambda run: (run / "log.jsonl").write_text(""), "has no line yet"),
        (lambda run: (run / "run.json").write_text("[1]"), "must be an object"),
        (lambda run: (run / "run.json").write_text('{"settings": 3}'), "settings"),
        (lambda run: (run / "run.json").write_text("{"), "is not JSON"),
        (lambda run: (run / "log.jsonl").write_text('{"step": 1}\nwhat\n{"step": 2}\n'), "line 2 of"),
        (lambda run: (run / "log.jsonl").write_text('{"step": "x"}\n'), "no whole number as its step"),
        (lambda run: (run / "log.jsonl").write_bytes(b"\xff\xfe\n"), "not UTF-8"),
    ],
)
def test_a_folder_that_is_no_run_is_refused_in_words(spoil: Any, said: str, tmp_path: Path) -> None:
    run = write(tmp_path, training())
    spoil(run)
    with pytest.raises(ValueError, match=re.escape(said)):
        doctor.examine(run)


def test_a_run_that_the_gallery_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(ValueError, match="still-generator"):
        doctor.gallery_run("stil-generator")


# Words and remedies


def test_every_fault_has_its_words_in_both_languages() -> None:
    faults = set(signs.CHECKS)
    assert faults == set(words.NAMES) == set(words.WHAT) == set(REMEDIES)
    assert faults == {key.split("/")[0] for key in words.EVIDENCE}
    for texts in (*words.NAMES.values(), *words.WHAT.values(), *words.EVIDENCE.values()):
        assert set(texts) == {"en", "zh"} and re.search(r"[\u4e00-\u9fff]", texts["zh"])
        assert set(re.findall(r"{\w+}", texts["en"])) == set(re.findall(r"{\w+}", texts["zh"]))


def test_causes_are_known_faults_and_come_first() -> None:
    order = list(signs.CHECKS)
    for fault, causes in signs.BROUGHT_ABOUT_BY.items():
        for cause in causes:
            assert fault not in signs.BROUGHT_ABOUT_BY.get(cause, ()), "each would hide the other"
            assert cause in order and fault in order


@pytest.mark.parametrize("plan", plans.BROKEN, ids=lambda plan: plan.name)
def test_every_remedy_is_an_option_that_the_trainer_takes_with_a_new_value(plan: plans.Plan) -> None:
    from train.__main__ import recipe_from
    from train.recipe import preset

    before = recipe_from(preset(plan.model, "tiny"), plan.options.split(), "train")
    for finding in doctor.examine(doctor.gallery_run(plan.name)):
        for language in ("en", "zh"):
            assert finding.remedy[language]
            for option in re.findall(r"^`(--[^`]+)`", finding.remedy[language], re.MULTILINE):
                after = recipe_from(before, option.split(), "train")
                assert after != before, option


def test_words_from_a_log_reach_no_terminal_and_no_page_as_commands(tmp_path: Path) -> None:
    event = {"step": 400, "event": "nonfinite", "where": "\x1b[2J<script>x</script>", "batch": [1]}
    run = write(tmp_path / "run", [*training(), event])
    doctor.report(run, tmp_path / "out")
    page = (tmp_path / "out" / "doctor.html").read_text()
    assert "\x1b" not in page and "<script>" not in page and "&lt;script&gt;" in page


# Pictures, reports, the command


def test_every_finding_of_the_gallery_is_drawn() -> None:
    drawn: dict[str, tuple[Path, doctor.Finding]] = {}
    for name in doctor.gallery():
        run = doctor.gallery_run(name)
        drawn |= {one.fault: (run, one) for one in doctor.examine(run) if one.level == "alarm"}
    assert set(drawn) == FAULTS
    for run, finding in drawn.values():
        picture = doctor.draw(run, finding)
        assert picture.size == (900, 360) and picture.mode == "RGB"
        pixels = np.asarray(picture).astype(int)
        blue = (np.abs(pixels - [37, 99, 235]).sum(2) < 60).sum()
        shown = any(curve in (run / "log.jsonl").read_text(encoding="utf-8") for curve in finding.curves)
        assert (blue > 20) == shown, f"{finding.fault} in {run.name}: {blue} pixels of curves"


def test_pictures_drawn_in_two_threads_and_two_languages_are_those_drawn_in_one() -> None:
    run = doctor.gallery_run("still-generator")
    finding = doctor.examine(run)[0]
    alone = [doctor.draw(run, finding, language).tobytes() for language in ("en", "zh")]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda language: doctor.draw(run, finding, language).tobytes(), ("en", "zh"))) == alone


def test_a_language_that_the_doctor_does_not_speak_is_refused() -> None:
    run = doctor.gallery_run("still-generator")
    with pytest.raises(ValueError, match="'fr'"):
        doctor.draw(run, doctor.examine(run)[0], "fr")


def test_the_doctor_needs_neither_torch_nor_matplotlib_to_examine() -> None:
    program = (
        "import sys; from zoo import doctor; doctor.examine(doctor.gallery_run('still-generator'));"
        "print({'torch', 'matplotlib', 'gradio'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=plans.ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "set()", done.stderr


def test_the_command_says_what_it_found_and_leaves_with_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ill, well = doctor.gallery_run("still-generator"), next(iter(sorted(HEALTHY.iterdir())))
    assert main(["doctor", str(ill), "--out", str(tmp_path / "a" / "b")]) == DRIFTED
    said = capsys.readouterr().out
    assert "ALARM: discriminator saturation" in said and "--discriminator-learning-rate" in said
    names = {path.name for path in (tmp_path / "a" / "b").iterdir()}
    assert names >= {"doctor.md", "doctor.html", "discriminator-saturation.png"}
    for page in ("doctor.md", "doctor.html"):
        text = (tmp_path / "a" / "b" / page).read_text(encoding="utf-8")
        assert set(re.findall(r"[\w-]+\.png", text)) == {name for name in names if name.endswith(".png")}
    assert main(["doctor", str(ill), "--language", "zh"]) == DRIFTED and "警报：判别器饱和" in capsys.readouterr().out
    assert main(["doctor", str(well)]) == DONE and "No alarm" in capsys.readouterr().out
    assert main(["doctor", str(ill), "--json"]) == DRIFTED
    found = json.loads(capsys.readouterr().out)
    assert not found["healthy"] and found["findings"][0]["fault"] == "discriminator-saturation"
    assert main(["doctor", str(tmp_path / "nowhere")]) == WRONG
    assert capsys.readouterr().err.startswith("zoo: ") and not capsys.readouterr().out


def test_the_guide_explains_every_finding_and_states_every_threshold() -> None:
    text = (plans.ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    for fault in doctor.checks():
        assert f"## {fault}" in text, fault
    for name in re.findall(r"^([A-Z]+(?:, [A-Z]+)*) = ", Path(signs.__file__).read_text(), re.MULTILINE):
        for one in name.split(", "):
            if isinstance(value := getattr(signs, one), int | float):
                assert f"`{one}` = {value:g}" in text, one
