"""Drums: what is learnt from, the network's layers by their definitions, its measures, and beats that are made."""

from __future__ import annotations

import base64
import json
import math
import shutil
import subprocess
import sys
import wave
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny_zoo
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from serving import endpoint_handler
from torch import Tensor, nn

from train.algorithms.adversarial import Adversarial
from train.algorithms.gradients import squared_slope
from train.algorithms.wasserstein import Wasserstein
from zoo import card, checkpoint, export, hub, sample, space, verify
from zoo.checkpoint import sha256_of
from zoo.data import drums as data
from zoo.data.audio import PEAK
from zoo.data.load import load
from zoo.data.own import open_own
from zoo.data.source import Table, read
from zoo.entry import SOUND_GENERATION
from zoo.evidence import evidence
from zoo.export import browser
from zoo.generate import drums, library
from zoo.generate.inputs import InputError
from zoo.generate.provenance import look, wav
from zoo.generate.replay import replay
from zoo.metrics import judges
from zoo.metrics.waveforms import best_correlations, hum
from zoo.models.audio import wavegan
from zoo.models.audio.mel_resnet import MelResNet, MelResNetConfig
from zoo.noise import Noise
from zoo.verify import sounds as measures

TINY = wavegan.ENTRY.tiny
LENGTH = SimpleNamespace(length=16384)
NAME = "wavegan.drums"


@pytest.fixture(autouse=True)
def _alone() -> Any:
    """Seeded, on one thread, with an Accelerate of its own."""
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    torch.set_num_threads(threads)
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny untrained generator of drums, and nothing else."""
    folder = tmp_path_factory.mktemp("zoo")
    tiny_zoo.make(folder, NAME, "drums", tiny_zoo.DRUMS)
    return folder


@pytest.fixture
def zoo(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return tiny_zoo.put_in_place(made, monkeypatch)


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MelResNetConfig:
    """An untrained judge of drums, pinned."""
    config = MelResNetConfig(
        sample_rate=16000, window_length=512, hop_length=128, num_mels=16, frames=16, num_classes=7, width=4
    )
    folder = tmp_path / "judges" / "mel_resnet.drums"
    folder.mkdir(parents=True)
    checkpoint.save(folder, MelResNet(config), "mel_resnet", "drums", labels=tiny_zoo.DRUMS, dtype="float32")
    pins = {"drums": {"name": "mel_resnet.drums", "sha256": sha256_of(folder / "model.safetensors")}}
    (tmp_path / "judges.json").write_text(json.dumps(pins))
    monkeypatch.setattr(judges, "PINS", tmp_path / "judges.json")
    monkeypatch.setattr(hub, "PRETRAINED", tmp_path / "judges")
    verify.judge_network.cache_clear()
    return config


# What is learnt from


def test_only_single_hits_under_free_licences_are_used() -> None:
    columns = {
        "label": [0, 0, 1, 2, 1, 1],
        "license": ["CC0-1.0", "GPL-2.0", "CC-BY-3.0", "CC0-1.0", "GPL-2.0-or-later", "CC-BY-SA-3.0"],
        "instrument": ["Kick", "Kick", "Snare Roll", "Stick", "Snare", "Snare"],
    }
    table = Table(read("drums", "test", sample=True).info, columns, {"label": ("kick", "snare", "rim")}, "")
    assert data._usable(table) == [0, 5]


def test_the_licence_is_that_of_the_rows_in_use_that_asks_most(monkeypatch: pytest.MonkeyPatch) -> None:
    table = read("drums", "train", sample=True)
    assert {*table.columns["license"]} <= {*data.LICENCES}, "no sound under the GPL ships"
    assert load("drums", "train", LENGTH, sample=True).info.licence == "cc-by-sa-3.0"
    whole = data.read

    def without_share_alike(*arguments: Any, **options: Any) -> Table:
        found = whole(*arguments, **options)
        plain = [
            licence if licence != "CC-BY-SA-3.0" else "GPL-2.0"
            for licence in (one.removesuffix("-US") for one in found.columns["license"])
        ]
        return replace(found, columns={**found.columns, "license": plain})

    monkeypatch.setattr(data, "read", without_share_alike)
    assert data.drum_sounds("drums", "train", sample=True).info.licence == "cc-by-3.0"


def test_the_louder_and_softer_hits_of_a_drum_stay_in_one_split_and_each_split_has_every_class() -> None:
    drums_ = [f"drum {number}" for number in (0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)]
    targets = np.array([0] * 11 + [1] * 9)
    folds = data._folds(drums_, targets, np.array([0, 5]))
    for drum in set(drums_):
        assert len({int(fold) for fold, own in zip(folds, drums_, strict=True) if own == drum}) == 1
    assert np.array_equal(folds, data._folds(drums_, targets, np.array([0, 5]))), "the same each time"
    assert [int((folds[:11] == fold).sum()) for fold in (0, 1, 2)] == [9, 1, 1]
    assert [int((folds[11:] == fold).sum()) for fold in (0, 1, 2)] == [8, 1, 0], "the test file has enough of them"
    train, validation, test = (load("drums", split, LENGTH, sample=True) for split in ("train", "validation", "test"))
    assert train.labels == validation.labels == test.labels == tiny_zoo.DRUMS
    for split in (train, validation, test):
        assert set(split.targets) == set(range(7))
    prints = [{sound.tobytes() for sound in split.waveforms} for split in (train, validation, test)]
    assert not prints[0] & prints[1] and not prints[0] & prints[2] and not prints[1] & prints[2]


def test_sounds_have_one_length_one_peak_and_fade_into_silence() -> None:
    found = load("drums", "test", LENGTH, sample=True)
    batch = found.batch(np.arange(len(found)))
    waveform = batch["waveform"].numpy()
    assert waveform.shape == (len(found), 16384) and waveform.dtype == np.float32
    np.testing.assert_allclose(np.abs(waveform).max(1), PEAK, rtol=1e-5)
    assert np.abs(waveform[:, -16:]).max() < 1e-3 and batch["length"].tolist() == [16384] * len(found)
    again = found.batch(np.arange(len(found)), epoch=5)
    assert torch.equal(batch["waveform"], again["waveform"]), "only training hears them changed"
    ramp = data.one_shot(np.ones(800, np.float32), 1000)
    assert (ramp[:700] == np.float32(PEAK)).all() and not ramp[800:].any()
    assert (np.diff(ramp[700:800]) < 0).all() and ramp[799] < 1e-3
    assert len(data.one_shot(np.ones(5000, np.float32), 1000)) == 1000
    assert np.isfinite(data.one_shot(np.zeros(0, np.float32), 10)).all()


def test_what_training_hears_is_a_function_of_sound_and_epoch() -> None:
    one, other = (load("drums", "train", LENGTH, sample=True) for _ in range(2))
    first = one.batch(np.array([3, 1, 2]), epoch=4)["waveform"]
    other.batch(np.arange(8), epoch=9)
    assert torch.equal(first, other.batch(np.array([3, 1, 2]), epoch=4)["waveform"])
    assert torch.equal(first[1], one.batch(np.array([1]), epoch=4)["waveform"][0]), "whatever the company"
    assert not torch.equal(first, one.batch(np.array([3, 1, 2]), epoch=5)["waveform"])


def test_a_sound_is_changed_by_at_most_four_semitones_and_the_rest_of_its_pitch_stays() -> None:
    time = np.arange(8192) / 16000
    tone = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    info = read("drums", "test", sample=True).info
    found = data.OneShots(info, "", ("tone",), [tone], np.zeros(1, np.int64), 16000, 16384, training=True)
    ratios, signs = [], []
    for epoch in range(40):
        sound = found.changed(0, epoch)
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(16384)))
        ratios.append(12 * math.log2(spectrum.argmax() * 16000 / 16384 / 440))
        signs.append(float(sound[: 16000 // 440 // 4].mean()) > 0)
        np.testing.assert_allclose(np.abs(sound).max(), PEAK, rtol=1e-5)
        heard = np.flatnonzero(np.abs(sound) > 1e-4)[-1] + 1
        assert heard <= math.ceil(8192 * 2 ** (4 / 12)) + 64
    assert -4.1 < min(ratios) < -3 and 3 < max(ratios) < 4.1 and 10 < sum(signs) < 30


# The network, by its definitions


def naive_transposed(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int, more: int) -> Tensor:
    """A transposed convolution by its definition: each input adds its kernel, `stride` apart; the edges are cut."""
    n, inputs, t = x.shape
    outputs, size = weight.shape[1:]
    whole = torch.zeros(n, outputs, (t - 1) * stride + size + more, dtype=x.dtype)
    for at in range(t):
        for row in range(inputs):
            whole[:, :, at * stride : at * stride + size] += x[:, row, at, None, None] * weight[row]
    return whole[:, :, padding : padding + stride * t] + bias[:, None]


def test_the_generator_is_transposed_convolutions_by_their_definition() -> None:
    model = wavegan.WaveGAN(TINY).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    latents, labels = Noise(1).normal(3, TINY.latent_dim).double(), torch.tensor([0, 6, 2])
    x = model.project(torch.cat([latents, model.embed(labels)], dim=1)).view(3, 8, 16)
    for layer in model.layers:
        x = naive_transposed(x.clamp_min(0), wavegan.even(layer.weight), layer.bias, wavegan.STRIDE, 11, 1)
    torch.testing.assert_close(model(latents, labels), x[:, 0].tanh())
    assert model(latents, labels).shape == (3, TINY.length)


def test_a_level_input_gives_a_level_output_and_no_hum() -> None:
    torch.manual_seed(1)
    layer = wavegan.Longer(3, 2, 1.0)
    level = torch.randn(1, 3, 1).expand(-1, -1, 32)
    inside = layer(level)[:, :, 28:-28]
    torch.testing.assert_close(inside, inside[:, :, :1].expand_as(inside))
    hums = nn.functional.conv_transpose1d(level, layer.weight, layer.bias, 4, 11, 1)[:, :, 28:-28]
    assert hums.std(2).min() > 0.05, "as it does with kernels as they are"
    kernels = wavegan.even(layer.weight)
    torch.testing.assert_close(wavegan.even(kernels), kernels), "once is enough"
    for phase in range(4):
        own = kernels[:, :, phase::4].sum(2)
        torch.testing.assert_close(own, layer.weight.sum(2) / 4)


def test_a_layer_shifted_by_k_samples_is_filled_in_a_mirror() -> None:
    x = torch.arange(6.0)[None, None]
    assert wavegan.shifted(x, 2)[0, 0].tolist() == [2, 1, 0, 1, 2, 3]
    assert wavegan.shifted(x, -2)[0, 0].tolist() == [2, 3, 4, 5, 4, 3]
    assert torch.equal(wavegan.shifted(x, 0), x)
    values = torch.randn(2, 3, 20)
    for by in range(-2, 3):
        oracle = np.pad(values.numpy(), ((0, 0), (0, 0), (2, 2)), mode="reflect")[:, :, 2 - by : 22 - by]
        np.testing.assert_array_equal(wavegan.shifted(values, by).numpy(), oracle)


def test_phase_shuffle_draws_every_shift_alike_and_only_in_training() -> None:
    layer, x = wavegan.PhaseShuffle(2), torch.randn(4, 3, 32)
    shifts = {by: wavegan.shifted(x, by) for by in range(-2, 3)}
    counts = dict.fromkeys(shifts, 0)
    for _ in range(500):
        found = layer(x)
        (by,) = (by for by, moved in shifts.items() if torch.equal(found, moved))
        counts[by] += 1
    assert all(60 < count < 140 for count in counts.values()), counts
    torch.manual_seed(5)
    first = layer(x)
    torch.manual_seed(5)
    assert torch.equal(first, layer(x)), "from the generator that the loop seeds"
    assert torch.equal(layer.eval()(x), x) and torch.equal(wavegan.PhaseShuffle(0)(x), x)


def test_the_discriminator_is_the_sum_of_what_it_hears_and_what_it_sees_and_knows_the_class() -> None:
    critic = wavegan.Discriminator(TINY).eval()
    sounds, labels = Noise(1).uniform(4, TINY.length) * 2 - 1, torch.tensor([0, 1, 2, 6])
    features = critic.layers(sounds[:, None]).flatten(1)
    assert critic.look is not None and critic.logit.embed is not None
    heard = critic.logit.score(features).squeeze(1) + (critic.logit.embed(labels) * features).sum(1)
    torch.testing.assert_close(critic(sounds, labels), heard + critic.look(sounds, labels))
    alone = wavegan.Discriminator(replace(TINY, mel_width=0))
    assert alone.look is None and alone(sounds, labels).shape == (4,)
    with pytest.raises(ValueError, match="labels are missing"):
        critic(sounds)
    free = wavegan.Discriminator(replace(TINY, num_classes=0))
    assert free(sounds).shape == (4,)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"length is 1000; with 3 stages allowed are multiples of 64"):
        replace(TINY, length=1000)
    with pytest.raises(ValueError, match=r"shuffle is 8; a layer of 4 samples"):
        replace(TINY, length=64, shuffle=8, mel_width=0)
    with pytest.raises(ValueError, match=r"the spectrogram of mel_width asks for 1024 samples"):
        replace(TINY, length=256)


def test_the_drums_fit_into_four_megabytes() -> None:
    from train.recipe import preset

    with torch.device("meta"):
        model = wavegan.WaveGAN(preset("wavegan", "drums").config)
    assert 1_000_000 < checkpoint.count_parameters(model) < 2_000_000


# Its adversary's rules, on sounds


def test_the_penalty_is_the_squared_slope_and_is_added_when_it_is_due() -> None:
    """The discriminator's gradients with and without the penalty differ by half gamma times its own, by autograd."""
    gradients, slopes = {}, {}
    sounds, labels = Noise(1).uniform(4, TINY.length) - 0.5, torch.tensor([0, 1, 2, 3])
    batch = {"waveform": sounds, "label": labels}
    for penalty in (0.0, 3.0):
        torch.manual_seed(0)
        model = wavegan.WaveGAN(replace(TINY, shuffle=0))
        rule = Adversarial(slope_penalty=penalty, slope_every=4, discriminator_learning_rate=0.0)
        update: Any = rule.prepare(model, Accelerator(cpu=True), 0.0)
        kept: list[dict[str, Tensor]] = []
        step = update.d_optimizer.step
        named = dict(update.modules["discriminator"].named_parameters())

        def keep(step: Any = step, named: Any = named, kept: Any = kept) -> None:
            kept.append({name: p.grad.clone() for name, p in named.items() if p.grad is not None})
            step()

        update.d_optimizer.step = keep
        found = update(batch, Noise(2, stream=8))
        gradients[penalty] = kept[0]
        slopes[penalty] = found.get("slope_penalty")
        later = update(batch, Noise(2, stream=9))
        assert penalty == 0 or float(later["slope_penalty"]) == 0, "only every fourth batch"
    assert slopes[0.0] is None
    critic: Any = update.modules["discriminator"]
    seen = sounds.clone().requires_grad_(True)
    logits = critic(seen, labels)
    (slope,) = torch.autograd.grad(logits.sum(), seen, create_graph=True)
    expected = slope.square().sum(1).mean()
    torch.testing.assert_close(squared_slope(logits, seen), expected)
    torch.testing.assert_close(slopes[3.0], 4 * expected.detach())
    names = [name for name, _ in critic.named_parameters()]
    own = torch.autograd.grad(0.5 * 3.0 * 4 * expected, list(critic.parameters()), allow_unused=True)
    compared = 0
    for name, gradient in zip(names, own, strict=True):
        if gradient is not None:
            difference = gradients[3.0][name] - gradients[0.0][name]
            torch.testing.assert_close(difference, gradient, rtol=2e-3, atol=1e-4 * float(gradient.abs().max()))
            compared += 1
    assert compared > 6
    with pytest.raises(ValueError, match="slope_every is 0"):
        Adversarial(slope_every=0)


@pytest.mark.parametrize("rule", [Adversarial(slope_penalty=0.1, slope_every=2), Wasserstein(critic_steps=2)])
def test_both_games_are_played_with_sounds(rule: Adversarial | Wasserstein) -> None:
    model = wavegan.WaveGAN(TINY)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    update: Any = rule.prepare(model, Accelerator(cpu=True), 1.0)
    found = load("drums", "train", TINY, sample=True)
    for step in range(2):
        figures = update(found.batch(np.arange(4), step), Noise(3, stream=step))
        assert all(value.isfinite() for value in figures.values())
    assert all(not torch.equal(p, before[name]) for name, p in model.named_parameters())


# Measures


def test_the_best_correlation_is_numpys_largest_over_all_shifts() -> None:
    made, known = Noise(1).normal_array(3, 50), Noise(2).normal_array(4, 60)
    known[2] = np.roll(np.pad(-0.2 * made[1], (0, 10)), 7)
    rows, values = best_correlations(made, known)
    for sound, row, value in zip(made, rows, values, strict=True):
        norms = np.linalg.norm(known, axis=1) * np.linalg.norm(sound)
        oracle = [np.abs(np.correlate(other, sound, "full")).max() for other in known] / norms
        assert row == int(np.argmax(oracle)) and value == pytest.approx(float(max(oracle)), abs=1e-5)
    assert rows[1] == 2 and values[1] == pytest.approx(1.0, abs=1e-5), "neither loudness, sign nor time counts"
    assert best_correlations(np.zeros((1, 50)), known)[1].tolist() == [0.0]


def test_a_hum_stands_out_by_what_it_was_added_with() -> None:
    rate, noise = 16000, 0.1 * Noise(1).normal_array(40, 16384)
    assert abs(hum(noise, rate, (4000.0, 1000.0))) < 3
    line = np.sin(2 * np.pi * 1000 * np.arange(16384) / rate).astype(np.float32)
    quiet, loud = (hum(noise + level * line, rate, (4000.0, 1000.0)) for level in (0.01, 0.1))
    assert quiet > 8 and loud - quiet == pytest.approx(20, abs=1.5)
    elsewhere = np.sin(2 * np.pi * 2500 * np.arange(16384) / rate).astype(np.float32)
    assert abs(hum(noise + elsewhere, rate, (4000.0, 1000.0))) < 3


def test_real_sounds_are_measured_as_good_as_real_and_copies_are_found(
    judged: MelResNetConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A "generator" that plays training sounds: a distance as the floor's, and every sound is a copy."""
    config = replace(TINY, length=2048, stages=3)
    training = load("drums", "train", config, sample=True)

    class Player(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config, self.latent_dim, self.num_classes, self.sample_rate = config, 8, 7, 16000
            self.unused = nn.Parameter(torch.zeros(1))

        def generate(self, latents: Tensor, labels: Tensor) -> Tensor:
            rows = data_rows(training.targets, labels.tolist())
            return torch.from_numpy(training.waveforms[rows])

        def parts(self) -> Any:
            return wavegan.WaveGAN(config).parts()

    data_rows = measures.of_classes
    subject = verify.Subject("wavegan", Player().eval(), "drums", sample=True)
    test = load("drums", "test", config, sample=True)
    figures = {one.name: one for one in verify.measure(subject, test, replace(verify.QUICK, pictures=60))}
    assert [*figures][:2] == ["judge agreement", "Fréchet distance"]
    assert figures["near-copies"].value == 1.0 and figures["near-copies"].floor == 0.0
    assert figures["data copying"].value == 1.0 and figures["data copying"].floor == 0.5
    distance = figures["Fréchet distance"]
    assert distance.floor is not None and distance.value == pytest.approx(distance.floor, rel=1e-6)
    assert figures["kernel distance"].value == pytest.approx(figures["kernel distance"].floor, abs=1e-6)
    assert figures["hum"].value == pytest.approx(figures["hum"].floor or 0.0, abs=3)
    assert 0 < figures["time of a sound"].value < 5
    while_training = verify.measure(subject, test, replace(verify.TRAINING, pictures=60))
    assert [one.name for one in while_training] == ["judge agreement", "Fréchet distance"]
    assert all(one.floor is None for one in while_training)


def test_a_generator_that_has_collapsed_shows_it(judged: MelResNetConfig) -> None:
    model = wavegan.WaveGAN(replace(TINY, length=2048)).eval()
    nn.init.zeros_(model.project.weight)
    validation = load("drums", "validation", model.config, sample=True)
    subject = verify.Subject("wavegan", model, "drums", sample=True)
    assert evidence(subject, validation, lambda: None)["duplicates"] == 1.0
    nn.init.normal_(model.project.weight)
    for layer in model.layers:
        nn.init.normal_(layer.weight, std=0.2)
    assert evidence(subject, validation, lambda: None)["duplicates"] < 0.2


def test_sounds_that_no_judge_knows_are_compared_by_their_spectrograms() -> None:
    model = wavegan.WaveGAN(TINY).eval()
    test = load("drums", "test", TINY, sample=True)
    (figure,) = verify.measure(verify.Subject("wavegan", model, ""), test, replace(verify.TRAINING, pictures=100))
    assert figure.name == "Fréchet distance" and figure.unit == "spectrogram" and figure.value > 0


def test_the_judge_may_be_told_how_high_a_point_lies() -> None:
    """Without it a shape moved by bands is nearly the same to a convolution; with it, it is another."""
    config = MelResNetConfig(num_mels=16, frames=32, width=4, pitched=True)
    judge = MelResNet(config).eval()
    pictures = torch.randn(2, 1, 16, 32)
    seen = judge._seen(pictures)
    assert seen.shape == (2, 2, 16, 32) and torch.equal(seen[:, :1], pictures)
    torch.testing.assert_close(seen[1, 1, :, 5], torch.linspace(-1, 1, 16))
    assert torch.equal(MelResNet(replace(config, pitched=False))._seen(pictures), pictures)
    assert judge(torch.randn(2, 500)).shape == (2, 10)


def test_noise_in_the_judges_training_is_as_loud_as_its_config_says() -> None:
    for loudest in (-15.0, -40.0):
        judge = MelResNet(MelResNetConfig(loudest_noise=loudest))
        silence, length = torch.zeros(400, 4000), torch.full((400,), 4000)
        levels = 20 * torch.log10(judge._place(silence, length, Noise(1)).std(1))
        assert -71 < levels.min() < -67 and loudest - 3 < levels.max() < loudest + 0.5


# One's own sounds


def test_ones_own_sounds_are_cut_to_the_models_length_and_changed_in_training_alone(tmp_path: Path) -> None:
    import soundfile

    for name, pitch in (("ding", 880.0), ("dong", 220.0)):
        (tmp_path / name).mkdir()
        for i in range(12):
            time = np.arange(3000 + 100 * i) / 16000
            wave = np.sin(2 * np.pi * (pitch + 5 * i) * time) * np.exp(-8 * time)
            soundfile.write(tmp_path / name / f"{i}.wav", wave, 16000)
    own = open_own(tmp_path, (SOUND_GENERATION,), replace(TINY, length=4096, num_classes=2))
    train, test = own.split("train"), own.split("test")
    assert train.labels[:2] == ("ding", "dong") and len(train) + len(test) <= 24
    assert train.batch(np.arange(4))["waveform"].shape == (4, 4096)
    assert not torch.equal(train.batch(np.arange(2), 0)["waveform"], train.batch(np.arange(2), 1)["waveform"])
    assert torch.equal(test.batch(np.arange(1), 0)["waveform"], test.batch(np.arange(1), 1)["waveform"])


# Hits and kits


def test_a_seed_gives_a_sound_and_another_seed_another(zoo: Path) -> None:
    one, again, other = (drums.hit(NAME, "snare", seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.waveform, again.waveform) and not np.array_equal(one.waveform, other.waveform)
    assert not np.array_equal(one.waveform, drums.hit(NAME, "kick", seed=3).waveform)
    assert one.sample_rate == 16000 and one.waveform.dtype == np.float32
    assert np.abs(one.waveform).max() == pytest.approx(PEAK, rel=1e-5)
    assert one.source.record.operation == "drums.hit" and one.source.record.parameters == {"instrument": "snare"}


def test_a_kit_is_the_hits_of_its_seeds(zoo: Path) -> None:
    found = drums.kit(NAME, seed=5, seeds={"snare": 9})
    assert [*found] == list(tiny_zoo.DRUMS) == drums.instruments(NAME)
    for name, sound in found.items():
        alone = drums.hit(NAME, name, seed=9 if name == "snare" else 5)
        assert np.array_equal(sound.waveform, alone.waveform) and sound.source.record == alone.source.record
    written = drums.kit(NAME, seed=5, seeds='{"snare": 9}')
    assert all(np.array_equal(written[name].waveform, found[name].waveform) for name in found)


def test_a_model_without_classes_has_one_instrument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PRETRAINED", tmp_path)
    tiny_zoo.make(tmp_path, "wavegan.own", "", fields={"num_classes": 0})
    library._loaded.clear()
    assert drums.instruments("wavegan.own") == [drums.UNNAMED]
    assert drums.hit("wavegan.own", drums.UNNAMED, seed=1).waveform.shape == (TINY.length,)
    assert drums.beat("wavegan.own", {drums.UNNAMED: "x" * 16}).waveform.any()
    with pytest.raises(InputError, match="has none of the instruments of 'rock'; it has sound"):
        drums.beat("wavegan.own", "rock")


# Beats

CLICK = np.array([1.0, -0.5, 0.25], np.float32)
ROW = "x...x...x...x..."


def test_hits_land_on_their_samples_and_every_second_step_swings() -> None:
    rate, sixteenth = 16000, 16000 * 60 / 125 / 4  # 1,920 samples
    straight = drums.rendered({"wood": ROW}, {"wood": CLICK}, rate, tempo=125, swing=0, bars=2)
    at = np.flatnonzero(straight > 0.5)
    assert at.tolist() == [round(step * sixteenth) for step in range(0, 32, 4)]
    assert len(straight) == at[-1] + len(CLICK)
    swung = drums.rendered({"wood": "xx" * 8}, {"wood": CLICK}, rate, tempo=125, swing=2 / 3, bars=1)
    gaps = np.diff(np.flatnonzero(swung > 0.5))
    assert gaps.tolist() == [2560, 1280] * 7 + [2560], "two thirds make triplets"
    odd = drums.rendered({"wood": ".x" + "." * 14}, {"wood": CLICK}, 44100, tempo=97, swing=0.5, bars=1)
    assert int(np.flatnonzero(odd)[0]) == round(1.25 * 44100 * 60 / 97 / 4)


def test_a_beat_is_the_sum_of_its_hits_at_their_levels() -> None:
    sounds = {"kick": 0.1 * Noise(1).normal_array(5000), "tom": 0.1 * Noise(2).normal_array(9000)}
    rows = {"kick": "x......x........", "tom": "..x............x"}
    together = drums.rendered(rows, sounds, 16000, tempo=140, swing=0.3, bars=2)
    expected = np.zeros(len(together), np.float64)
    for name, steps in rows.items():
        for bar in range(2):
            for step, mark in enumerate(steps):
                if mark == "x":
                    start = round((16 * bar + step + 0.15 * (step % 2)) * 16000 * 60 / 140 / 4)
                    expected[start : start + len(sounds[name])] += drums.LEVELS[name] * sounds[name]
    np.testing.assert_allclose(together, expected, atol=1e-6)


def test_a_sum_that_would_clip_is_made_softer_as_a_whole() -> None:
    sounds = {name: np.full(4000, 0.9, np.float32) for name in ("kick", "snare", "tom", "percussion")}
    rows = dict.fromkeys(sounds, "x" * 16)
    loud = drums.rendered(rows, sounds, 16000, tempo=200, swing=0, bars=1)
    assert np.abs(loud).max() == pytest.approx(PEAK, rel=1e-5)
    soft = drums.rendered(rows, {n: s / 100 for n, s in sounds.items()}, 16000, tempo=200, swing=0, bars=1)
    ratio = loud[soft != 0] / soft[soft != 0]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)
    assert np.abs(soft).max() < 0.5, "what is soft stays so"


def test_an_open_hat_ends_where_the_closed_one_begins() -> None:
    ring = np.full(16000, 0.2, np.float32)
    rows = {"hihat_open": "x...............", "hihat_closed": "....x..........."}
    tick = np.zeros(10, np.float32)
    found = drums.rendered(rows, {"hihat_open": ring, "hihat_closed": tick}, 16000, tempo=120, swing=0, bars=1)
    begins, level = 8000, np.float32(0.2 * drums.LEVELS["hihat_open"])
    assert (found[:begins] == level).all() and not found[begins + round(drums.RELEASE * 16000) :].any()
    assert (np.diff(found[begins : begins + 90]) < 0).all()
    alone = drums.rendered({"hihat_open": rows["hihat_open"]}, {"hihat_open": ring}, 16000, tempo=120, swing=0, bars=1)
    assert (alone == level).all() and len(alone) == 16000


@pytest.mark.parametrize("name", drums.GROOVES)
def test_every_groove_is_a_pattern_that_can_be_played_and_made_again(zoo: Path, name: str) -> None:
    groove = drums.GROOVES[name]
    assert drums.rows_of(list(tiny_zoo.DRUMS), groove.rows) == {
        row: groove.rows[row] for row in tiny_zoo.DRUMS if row in groove.rows
    }
    sound = drums.beat(NAME, name, seed=2, bars=1)
    record = sound.source.record
    assert (record.parameters["tempo"], record.parameters["swing"]) == (groove.tempo, groove.swing)
    assert np.abs(sound.waveform).max() <= PEAK + 1e-6
    *_, again = replay(look(wav(sound.waveform, sound.sample_rate, record)))
    assert again.identical and not again.differences
    written = drums.beat(NAME, json.dumps(dict(groove.rows)), tempo=groove.tempo, swing=groove.swing, seed=2, bars=1)
    assert np.array_equal(written.waveform, sound.waveform)


def test_a_beat_plays_the_kit_of_its_seeds(zoo: Path) -> None:
    kit = drums.kit(NAME, seed=4, seeds={"snare": 8})
    rows = {"kick": "x...............", "snare": "........x......."}
    sound = drums.beat(NAME, rows, tempo=90, bars=1, seed=4, seeds={"snare": 8, "kick": 4})
    own = {name: one.waveform for name, one in kit.items()}
    np.testing.assert_array_equal(sound.waveform, drums.rendered(rows, own, 16000, tempo=90.0, swing=0.0, bars=1))
    assert sound.source.record.parameters["seeds"] == '{"snare": 8}', "what is the kit's own seed is not said twice"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"pattern": "rok"}, "it must be JSON such as .* or one of rock, house"),
        ({"pattern": "[1]"}, "it must be JSON"),
        ({"pattern": "{" * 3000}, "it must be JSON"),
        ({"pattern": None}, "it must be JSON"),
        ({"pattern": 7}, "must be text"),
        ({"pattern": "x" * 5000}, "at most 4,000"),
        ({"pattern": "{}"}, "the pattern is empty; set at least one step"),
        ({"pattern": {"kick": "." * 16}}, "the pattern is empty"),
        ({"pattern": {"kik": "x" * 16}}, "the instrument 'kik' does not exist; perhaps you meant 'kick'"),
        ({"pattern": {"kick": "x" * 15}}, "must be 16 characters"),
        ({"pattern": {"kick": "x" * 15 + "X"}}, "'x' to hit and '.' to rest"),
        ({"pattern": {"kick": [1, 0]}}, "must be 16 characters"),
        ({"tempo": 59}, "from 60 to 200"),
        ({"tempo": 201}, "from 60 to 200"),
        ({"tempo": "fast"}, "from 60 to 200"),
        ({"swing": 1.1}, "from 0 to 1"),
        ({"bars": 0}, "from 1 to 8"),
        ({"bars": 2.5}, "a whole number from 1 to 8"),
        ({"seed": -1}, "the seed is -1"),
        ({"seeds": "[]"}, "the table of seeds"),
        ({"seeds": {"gong": 1}}, "'gong' does not exist"),
        ({"seeds": {"kick": 0.5}}, "the seed is 0.5"),
    ],
)
def test_what_cannot_be_played_is_refused_before_anything_is_loaded(
    zoo: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], words: str
) -> None:
    monkeypatch.setattr(library, "get", lambda *_: pytest.fail("loaded"))
    with pytest.raises(InputError, match=words):
        drums.beat(NAME, **{"pattern": "rock", **given})


def test_an_unknown_instrument_or_model_is_refused_in_words(zoo: Path) -> None:
    with pytest.raises(InputError, match=r"the instrument 'gong' does not exist.*kick"):
        drums.hit(NAME, "gong")
    with pytest.raises(InputError, match="no checkpoint is named 'wavegan.drum'; perhaps you meant 'wavegan.drums'"):
        drums.hit("wavegan.drum", "kick")


def test_a_recording_is_heard_from_its_first_loud_sample_on() -> None:
    time = np.arange(4000) / 8000
    tone = np.sin(2 * np.pi * 200 * time) * np.exp(-10 * time)
    found = drums.heard(np.concatenate([np.zeros(3000), tone]), 8000, 16000, 16384)
    assert found.shape == (16384,) and np.abs(found).max() == pytest.approx(PEAK, rel=1e-4)
    assert np.abs(found[:100]).max() > 0.05 and not found[8100:].any()
    with pytest.raises(InputError, match="silent"):
        drums.heard(np.zeros(4000), 8000, 16000, 16384)


# The command line


def test_the_command_line_makes_a_beat_or_one_sound(zoo: Path, tmp_path: Path) -> None:
    said = sample.sample(NAME, {"pattern": "house", "bars": 1, "seed": 3}, tmp_path / "beat.wav")
    assert said.startswith(f"{NAME} · seed 3") and look(tmp_path / "beat.wav").record.operation == "drums.beat"
    sample.sample(NAME, {"instrument": "tom"}, tmp_path / "tom.wav")
    assert look(tmp_path / "tom.wav").record.parameters == {"instrument": "tom"}
    with pytest.raises(ValueError, match="--pattern and what goes with it are for beats"):
        sample.sample(NAME, {"instrument": "tom", "tempo": 90.0}, tmp_path / "no.wav")


# Elsewhere


def test_an_endpoint_drums_and_another_hears_it(zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drummer = endpoint_handler(monkeypatch)
    ((one,), (whole,)) = (
        drummer({"inputs": "snare", "parameters": {"seed": 3}}),
        drummer({"inputs": {"kick": ROW}, "parameters": {"tempo": 90, "bars": 1, "seed": 3, "seeds": {"kick": 4}}}),
    )
    for answer, sound in (
        (one, drums.hit(NAME, "snare", seed=3)),
        (whole, drums.beat(NAME, {"kick": ROW}, tempo=90, bars=1, seed=3, seeds={"kick": 4})),
    ):
        assert answer["sampling_rate"] == 16000
        assert base64.b64decode(answer["audio"]) == wav(sound.waveform, sound.sample_rate, sound.source.record)
    with pytest.raises(ValueError, match="it must be JSON such as .* or one of rock"):
        drummer({"inputs": "polka"})

    config = {"sample_rate": 16000, "num_mels": 16, "frames": 32, "num_classes": 7}
    tiny_zoo.make(tmp_path, "mel_resnet.drums", "drums", tiny_zoo.DRUMS, fields=config)
    monkeypatch.setattr(hub, "PRETRAINED", tmp_path)
    library._loaded.clear()
    heard = endpoint_handler(monkeypatch)({"inputs": one["audio"]})
    assert {answer["label"] for answer in heard} == set(tiny_zoo.DRUMS)
    assert sum(answer["score"] for answer in heard) == pytest.approx(1)


def test_the_card_says_what_it_makes_under_which_licence_and_gives_lines_that_run(zoo: Path, tmp_path: Path) -> None:
    text = card.text(zoo / NAME)
    assert "pipeline_tag: text-to-audio" in text and "license: cc-by-sa-3.0" in text
    assert "Emanuel Rumpf (CC BY 3.0)" in text and "Jim Harney (CC BY-SA 3.0)" in text
    assert "fewer than two hundred sounds" in text and "--pattern rock" in text
    folder = shutil.copytree(zoo / NAME, tmp_path / NAME)
    export.write_graphs(folder)
    lines = card.text(folder).partition("```python\n")[2].partition("```")[0]
    assert "onnxruntime" in lines and "torch" not in lines
    subprocess.run([sys.executable, "-c", lines], cwd=tmp_path, check=True, timeout=120)
    with wave.open(str(tmp_path / "sounds.wav")) as sounds:
        assert (sounds.getframerate(), sounds.getnframes()) == (16000, 7 * TINY.length)


def test_each_set_of_sounds_has_limits_of_its_own_on_its_judges_card(tmp_path: Path) -> None:
    digits, hits = (
        card.text(tiny_zoo.make(tmp_path, f"mel_resnet.{name}", dataset, labels))
        for name, dataset, labels in (
            ("digits", "spoken_digits", tiny_zoo.DIGITS), ("drums", "drums", tiny_zoo.DIGITS)
        )
    )  # fmt: skip
    assert "six speakers" in digits and "six speakers" not in hits
    assert "five kits" in hits and "five kits" not in digits


@pytest.mark.parametrize("name", ["audio", "all"])
def test_a_space_with_sounds_carries_the_drums(zoo: Path, name: str) -> None:
    assert space.checkpoints_of(name) == (NAME,)


def test_the_page_without_a_server_says_that_it_has_no_panel_for_drums(zoo: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(zoo / NAME, tmp_path / NAME)
    export.write_graphs(folder)
    assert browser._obstacle(folder) == "kind"
