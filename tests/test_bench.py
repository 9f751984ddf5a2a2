"""The benchmarks of training run, say what they compare, and compare like with like. No test looks at a clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from zoo import runtime

ROOT = Path(__file__).parent.parent
BENCH = ROOT / "tests" / "bench"
KEYS = {"name", "ours", "peer", "ratio", "ratio_range", "unit", "repeats", "threads", "peer_threads", "others"}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`tests/bench/training.py` as a module; its neighbours are importable for the test alone."""
    monkeypatch.syspath_prepend(str(BENCH))
    import training

    return training


def test_every_row_runs_and_prints_valid_lines() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    options = ["--tiny", "--repeats", "1", "--seconds", "0.01", "--patience", "1"]
    command = [sys.executable, str(BENCH / "training.py"), *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        assert KEYS | {"hardware", "torch"} <= line.keys()
        assert line["ours"] > 0 and line["peer"] > 0 and line["repeats"] == 1
        assert line["ratio"] == pytest.approx(line["ours"] / line["peer"], rel=0.02)
    names = [line["name"] for line in lines]
    assert len(set(names)) == len(names)
    for start in ("dcgan, same networks, fp32", "dcgan, our networks, fp32", "wgan_gp, fp32", "gpt, fp32", "vae, fp32"):
        assert any(name.startswith(start) for name in names), start
    assert any("bf16, against" in name for name in names) == runtime.has_amx()
    loops = [line for line in lines if line["name"].startswith("loop against bare loop")]
    assert len(loops) == 3
    for line in loops:
        assert line["overhead"] == pytest.approx(sum(line["overhead_of"].values()), abs=1e-3)


@pytest.mark.slow
def test_generation_is_compared_with_its_peers_and_draws_what_they_draw() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, str(BENCH / "generation.py"), "gpt-0.8M", "dcgan", "wavenet"]
    options = ["--repeats", "1", "--seconds", "0.01"]
    done = subprocess.run([*command, *options], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    lines = {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert lines["gpt-0.8M, greedy tokens equal to transformers'"]["value"]["32"] == 1.0
    assert min(lines["wavenet, codes equal to the peers'"]["value"]) > 0.99
    assert sum(line.keys() >= KEYS for line in lines.values()) == 9


def test_the_peers_gpts_have_as_many_parameters_as_ours(bench: ModuleType) -> None:
    from zoo.models.text.gpt import GPT

    ours = sum(p.numel() for p in GPT(bench.GPT_SIZES).parameters())
    peers = bench.gpt_peers(bench.GPT_SIZES, bench.GPT_SIZES.vocab_size)
    assert [sum(p.numel() for p in peer.parameters()) for peer in peers] == [ours, ours]
    assert 10.6e6 < ours < 10.8e6


def test_a_doubling_by_transposed_convolution_is_the_same_function_with_the_same_gradients(bench: ModuleType) -> None:
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(3, 5, 3, padding=1).double()
    plain = torch.nn.Sequential(torch.nn.Upsample(scale_factor=2), convolution)
    folded = bench.ours.Doubling(convolution)
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 5, 8, 12, dtype=torch.float64)
    inputs = (x, convolution.weight, convolution.bias)
    torch.testing.assert_close(folded(x), plain(x))
    for ours, theirs in zip(
        torch.autograd.grad((folded(x) * weight).sum(), inputs),
        torch.autograd.grad((plain(x) * weight).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_our_wrapped_networks_are_the_peers(bench: ModuleType) -> None:
    from peers import pytorch_gan

    torch.manual_seed(3)
    theirs, their_judge = pytorch_gan.ConvGenerator(), pytorch_gan.ConvDiscriminator()
    own = bench.ours.PeerGenerator()
    judge = own.discriminator()
    with torch.no_grad():
        for mine, other in ((own, theirs), (judge, their_judge)):
            for parameter, given in zip(mine.parameters(), other.parameters(), strict=True):
                parameter.copy_(given)
        for network in (theirs, own):
            network.train()
        for network in (their_judge, judge):
            network.eval()  # its dropout draws
        latents = torch.randn(4, pytorch_gan.LATENT)
        pictures = theirs(latents)
        torch.testing.assert_close(own(latents), pictures, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(judge(pictures), their_judge(pictures).squeeze(1), atol=1e-5, rtol=1e-4)


def test_the_tuned_penalty_has_the_gradients_of_the_published_one(bench: ModuleType) -> None:
    from peers import pytorch_gan

    torch.manual_seed(1)
    theirs = pytorch_gan.DenseCritic()
    own = bench.wasserstein.PeerGenerator().discriminator()
    own.load_state_dict(theirs.state_dict())
    real, fake = torch.rand(8, 1, 28, 28), torch.rand(8, 1, 28, 28)
    gradients = []
    for critic in (theirs, own):
        mixture = (0.5 * real + 0.5 * fake).requires_grad_(True)
        (slope,) = torch.autograd.grad(critic(mixture).sum(), mixture, create_graph=True)
        penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        weights = [p for p in critic.parameters() if p.dim() > 1]
        gradients.append(torch.autograd.grad(penalty, weights))
    for ours, published in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, published)


def test_repeats_disturbed_by_others_give_way_to_calm_ones(bench: ModuleType) -> None:
    import timing

    others = iter([0.9, 0.0, 0.4, 0.01, 0.0])
    readings = iter(reading for share in others for reading in ((0.0, 0.0, 0.0), (1.0, 1.0 + 10 * share, 10.0)))
    speeds = iter([1.0, 1.0, 1.0, 2.0, 4.0, 8.0, 16.0])  # two to warm up, five repeats
    contender = timing.Contender("one", lambda steps: steps / next(speeds), 3, 1)
    found = timing.rates([contender], timing.Budget(repeats=3, seconds=1.0, patience=2), lambda: next(readings))
    assert sorted(found.rates["one"]) == [3 * 2.0, 3 * 8.0, 3 * 16.0]
    assert found.others == pytest.approx(0.01)


def test_the_pages_of_speed_say_what_was_measured(bench: ModuleType) -> None:
    import table

    for name, page, make in table.PAGES:
        written = (table.DOCS / f"{page}.md").read_text(encoding="utf-8")
        assert written == table.filled(written, make(table.measured(name)))


def test_sounds_that_are_made_sample_by_sample_are_heard_at_once() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, str(BENCH / "first_sound.py"), "--repeats", "1"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    lines = {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}
    for case in ("one digit", "eight digits", "one note"):
        assert 0 < lines[f"wavenet, {case}, NumPy: first sound"]["value"] < 5
        assert lines[f"wavenet, {case}, NumPy: seconds of one core a second of sound"]["value"] > 0
