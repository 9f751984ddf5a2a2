"""The joint model of digits: its mathematics against torch.distributions, its pairs, and what a visitor gets of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import soundfile
import tiny_zoo
import torch
from PIL import Image, ImageDraw
from torch.distributions import Bernoulli, Categorical, Independent, Laplace, Normal, kl_divergence

from zoo.__main__ import DONE, main
from zoo.checkpoint import write_json
from zoo.data.load import load
from zoo.engine.modules import Modules
from zoo.generate import joint, library, plane
from zoo.generate.inputs import InputError
from zoo.generate.provenance import look, read
from zoo.generate.replay import Replay, replay
from zoo.models.crossmodal import trimodal_digits
from zoo.models.crossmodal.trimodal_digits import TrimodalDigits, TrimodalDigitsConfig
from zoo.nn.product_of_experts import product_of_experts
from zoo.noise import Noise
from zoo.ui import crossmodal as page
from zoo.ui import joint as pages
from zoo.verify.joint import GIVEN, coherence, name_of

TINY = trimodal_digits.ENTRY.tiny
NAME = "trimodal_digits.digits"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "judges.json").write_text(json.dumps(tiny_zoo.build(folder / "pretrained")))
    tiny_zoo.make(folder / "pretrained", NAME, "trimodal_digits", tiny_zoo.DIGITS)
    return folder


@pytest.fixture
def zoo(made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tiny_zoo.put_in_place(made / "pretrained", monkeypatch, made / "judges.json")


def shaken() -> TrimodalDigits:
    """The tiny model in evaluation mode, every parameter random, so that no term hides behind a zero."""
    torch.manual_seed(0)
    model, noise = TrimodalDigits(TINY), Noise(11)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * noise.normal(*parameter.shape))
    return model.eval().requires_grad_(False)


def batch(n: int) -> dict[str, torch.Tensor]:
    noise = Noise(5)
    return {
        "word": noise.integers(10, n),
        "image": noise.uniform(n, 1, 28, 28) * 2 - 1,
        "waveform": noise.uniform(n, TINY.length) - 0.5,
    }


def seven() -> Image.Image:
    picture = Image.new("RGB", (280, 280), "white")
    ImageDraw.Draw(picture).line([(90, 60), (190, 60), (130, 220)], fill="black", width=18)
    return picture


def word_of_noise(seconds: float = 0.5, rate: int = 8000) -> tuple[np.ndarray, int]:
    """Half a second of noise between two silences: something is said there."""
    quiet = np.zeros(rate // 5, np.float32)
    return np.concatenate([quiet, 0.1 * Noise(3).normal_array(int(seconds * rate)), quiet]), rate


def last(results: Iterator[Any]) -> Any:
    *_, final = results
    return final


# The mathematics


def test_the_product_of_experts_has_the_density_of_the_product_but_for_a_constant() -> None:
    noise = Noise(1)
    means, deviations = noise.normal(3, 4, 2), noise.uniform(3, 4, 2) + 0.2
    mean, precision = product_of_experts(list(means), list(deviations.square().reciprocal()))
    points = noise.normal(50, 4, 2)
    ratio = Normal(means[:, None], deviations[:, None]).log_prob(points).sum(0)
    ratio = ratio - Normal(mean, precision.rsqrt()).log_prob(points)
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-4, atol=1e-4)


def test_an_expert_of_no_precision_says_nothing() -> None:
    mean, precision = product_of_experts([np.array([1.0, 2.0]), np.array([9.0, 9.0])], [np.array([4.0, 4.0]), 0.0])
    assert mean.tolist() == [1.0, 2.0] and precision.tolist() == [4.0, 4.0]


def test_the_loss_is_the_negative_bound_of_torch_distributions() -> None:
    model, given, n = shaken(), batch(12), 12
    found = model.loss(given, Noise(7))
    noise = Noise(7)
    chosen = noise.integers(7, n) + 1
    assert len(chosen.unique()) > 3, "several sets are among them"
    moments = [
        model.encode_words(given["word"]), model.encode_pictures(given["image"]), model.encode_sounds(given["waveform"])
    ]  # fmt: skip
    mel, places, kl = model.spectrogram(given["waveform"]), [], torch.zeros(n)
    epsilon = noise.normal(n, 2)
    for row in range(n):
        inside = [i for i in range(3) if int(chosen[row]) & (1 << i)]
        precisions = [(-moments[i][1][row, :2]).exp() for i in inside]
        variance = 1 / torch.stack(precisions).sum(0)
        weighed = [moments[i][0][row, :2] * p for i, p in zip(inside, precisions, strict=True)]
        mean = variance * torch.stack(weighed).sum(0)
        kl[row] = kl_divergence(Normal(mean, variance.sqrt()), Normal(0.0, 1.0)).sum()
        places.append(mean + variance.sqrt() * epsilon[row])
    place, styles = torch.stack(places), []
    for mean, log_variance in moments[1:]:
        posterior = Normal(mean[:, 2:], (0.5 * log_variance[:, 2:]).exp())
        styles.append(posterior.mean + posterior.stddev * noise.normal(n, TINY.style_dim))
        kl = kl + kl_divergence(posterior, Normal(0.0, 1.0)).sum(1)
    pixels = (model.decode_pictures(place, styles[0]) + 1) / 2
    word = -Categorical(logits=model.decode_words(place)).log_prob(given["word"])
    grey = (given["image"] + 1) / 2  # of a grey pixel, the mean over the two values of a binary one
    picture = -Independent(Bernoulli(pixels, validate_args=False), 3).log_prob(grey)
    sound = -Independent(Laplace(model.decode_sounds(place, styles[1]), model.log_scale.exp()), 2).log_prob(mel)
    expected = TINY.word_weight * word + picture + TINY.sound_weight * sound + kl
    torch.testing.assert_close(found["loss"], expected.mean(), rtol=1e-4, atol=1e-2)
    for name, value in (("word", word), ("picture", picture), ("sound", sound), ("kl", kl)):
        torch.testing.assert_close(found[name], value.mean(), rtol=1e-4, atol=1e-3)


def test_a_sample_is_placed_by_the_modalities_of_its_set_alone() -> None:
    """The gradient of the word's loss reaches an encoder only from samples in whose set its modality is."""
    model = TrimodalDigits(replace(TINY, agreement=0.0))
    for seed in range(40):
        chosen = int(Noise(seed).integers(7, 1)) + 1
        model.zero_grad()
        one = {key: value[:1] for key, value in batch(2).items()}
        moments = {}
        for name in ("words", "pictures", "mels"):
            encode = getattr(TrimodalDigits, f"encode_{name}")

            def keep(value: Any, name: str = name, encode: Any = encode, kept: dict[str, Any] = moments) -> Any:
                mean, log_variance = encode(model, value)
                mean.retain_grad()
                kept[name] = mean
                return mean, log_variance

            setattr(model, f"encode_{name}", keep)
        model.loss(one, Noise(seed))["loss"].backward()
        reached = [bool(moments[name].grad[:, :2].abs().sum() > 0) for name in ("words", "pictures", "mels")]
        assert reached == [bool(chosen & (1 << i)) for i in range(3)]


def test_in_training_what_is_not_in_the_set_is_decoded_with_a_style_from_the_auxiliary_prior() -> None:
    torch.manual_seed(0)
    model, given, seen = TrimodalDigits(TINY), batch(200), []
    with torch.no_grad():
        model.auxiliary[0] = torch.tensor([[3.0], [2 * math.log(0.1)]])
    chosen = Noise(3).integers(7, 200) + 1
    model.picture_decoder.register_forward_hook(
        lambda module, inputs, made: seen.append(inputs[0][:, -TINY.style_dim :])
    )
    for train in (True, False):
        model.train(train).loss(given, Noise(3))
    outside = (chosen >> 1 & 1) == 0
    same = (seen[0] == seen[1]).all(1)
    assert torch.equal(same, ~outside) and 0.2 < outside.float().mean() < 0.7, "a bound is of every sample's own style"
    drawn = seen[0][outside]
    assert abs(drawn.mean() - 3) < 0.02 and abs(drawn.std() - 0.1) < 0.02
    assert not TrimodalDigits(TINY).auxiliary.any(), "it begins as the prior"
    model.train().loss(given, Noise(3))["loss"].backward()
    assert model.auxiliary.grad is not None and model.auxiliary.grad.abs().min() > 0, "and is learnt"


def test_pictures_and_sounds_are_drawn_to_the_product_of_all_three() -> None:
    torch.manual_seed(0)
    model, given = TrimodalDigits(TINY).train(), batch(20)
    mel = model.spectrogram(given["waveform"])
    moments = [model.encode_words(given["word"]), model.encode_pictures(given["image"]), model.encode_mels(mel)]
    experts = [Normal(mean[:, :2], (0.5 * log_variance[:, :2]).exp()) for mean, log_variance in moments]
    precision = torch.stack([one.variance.reciprocal() for one in experts]).sum(0)
    mean = torch.stack([one.mean / one.variance for one in experts]).sum(0) / precision
    joint = Normal(mean, precision.rsqrt())
    apart = sum(kl_divergence(joint, one).sum(1) for one in experts[1:])
    assert isinstance(apart, torch.Tensor)
    found = model.loss(given, Noise(0))
    torch.testing.assert_close(found["apart"], apart.mean(), rtol=1e-4, atol=1e-4)
    free = TrimodalDigits(replace(TINY, agreement=0.0)).train()
    free.load_state_dict(model.state_dict())
    more = found["loss"] - free.loss(given, Noise(0))["loss"]
    torch.testing.assert_close(more, TINY.agreement * apart.mean(), rtol=1e-3, atol=1e-2)


def test_words_begin_with_equal_shares_of_the_prior_and_apart_from_one_another() -> None:
    mean, log_variance = TrimodalDigits(TINY).encode_words(torch.arange(10))
    inside = 1 - (-0.5 * mean.square().sum(1)).exp()  # the mass of a standard normal's disc
    torch.testing.assert_close(inside, (torch.arange(10) + 0.5) / 10)
    distances = torch.cdist(mean, mean) + 9 * torch.eye(10)
    assert distances.min() > 3 * trimodal_digits._BEGIN
    torch.testing.assert_close(log_variance.exp().sqrt(), torch.full((10, 2), trimodal_digits._BEGIN))


def test_sizes_that_do_not_divide_are_errors() -> None:
    with pytest.raises(ValueError, match=r"num_mels is 20; allowed are multiples of 8"):
        replace(TINY, num_mels=20)
    with pytest.raises(ValueError, match=r"image_size is 30; allowed are multiples of 4"):
        replace(TINY, image_size=30)


def test_a_few_steps_lower_the_loss() -> None:
    torch.manual_seed(0)
    model, given = TrimodalDigits(TINY), batch(16)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for step in range(12):
        loss = model.loss(given, Noise(2, step))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]


# Pairs


def test_a_picture_stands_beside_a_recording_of_the_same_digit_and_each_epoch_pairs_anew() -> None:
    data: Any = load("trimodal_digits", "train", TINY, sample=True)
    rows = np.arange(len(data))
    first, second = data.recordings(rows, 0), data.recordings(rows, 1)
    for clips in (first, second):
        assert (data.clips.digits[clips] == data.targets).all()
    assert (first != second).mean() > 0.5
    again: Any = load("trimodal_digits", "train", TINY, sample=True)
    assert (again.recordings(rows, 1) == second).all() and (again.recordings(rows, 0) == first).all()
    one, two = data.batch(rows[:9], 3), again.batch(rows[4:9], 3)
    for key in ("word", "label", "image", "waveform"):
        assert torch.equal(one[key][4:], two[key]), "what a batch holds does not depend on what stands beside it"
    assert torch.equal(one["word"], one["label"]) and one["waveform"].shape == (9, TINY.length)
    assert one["waveform"].abs().max() <= 1 and one["waveform"].abs().amax(1).min() > 0.1


def test_held_out_pictures_stand_beside_every_recording_in_turn_and_always_the_same() -> None:
    data: Any = load("trimodal_digits", "test", TINY, sample=True)
    rows = np.arange(len(data))
    clips = data.recordings(rows)
    assert (data.clips.digits[clips] == data.targets).all() and set(clips) == set(range(len(data.clips)))
    assert (clips == data.recordings(rows, 5)).all()
    assert torch.equal(data.batch(rows[:4])["waveform"], data.batch(rows[:4], 5)["waveform"])


def test_recordings_of_another_rate_are_refused() -> None:
    with pytest.raises(ValueError, match="sample_rate is 16000; the recordings have 8000"):
        load("trimodal_digits", "test", replace(TINY, sample_rate=16000), sample=True)


# What it makes


def test_any_set_of_modalities_gives_all_three_and_a_seed_gives_the_same(zoo: Path) -> None:
    sound = word_of_noise()
    for what in (
        joint.given("seven"), joint.given("", seven()), joint.given("", None, sound), joint.given("七", seven()),
        joint.given("7", None, sound), joint.given("", seven(), sound), joint.given("7", seven(), sound), joint.given(),
    ):  # fmt: skip
        found, again = (joint.give(NAME, what, seed=4) for _ in range(2))
        assert found.place == again.place and found.word in tiny_zoo.DIGITS
        assert found.picture.tobytes() == again.picture.tobytes() and found.picture.size == (224, 224)
        assert (found.sound.waveform == again.sound.waveform).all()
        assert found.sound.waveform.shape == (TINY.length,) and np.abs(found.sound.waveform).max() <= 1
        assert sum(found.probabilities.values()) == pytest.approx(1)
        other = joint.give(NAME, what, seed=5)
        assert other.picture.tobytes() != found.picture.tobytes()
        assert (other.place == found.place) == bool(what.records), "only what is made of nothing is at another place"


def test_what_is_given_together_is_placed_by_the_product_of_what_each_says(zoo: Path) -> None:
    network = library.get(NAME).network
    images = Noise(1).uniform_array(4, 1, 28, 28) * 2 - 1
    words, waveforms = np.array([3, 1, 4, 1]), Noise(2).uniform_array(4, TINY.length) - np.float32(0.5)
    moments = [
        network.run("encode_words", words=words), network.run("encode_pictures", images=images),
        network.run("encode_sounds", waveforms=waveforms),
    ]  # fmt: skip
    weights = np.stack([np.exp(-log_variance[:, :2]) for _, log_variance in moments])
    means = np.stack([mean[:, :2] for mean, _ in moments])
    for inside, given in (
        ([0, 1], {"words": words, "images": images}),
        ([1, 2], {"images": images, "waveforms": waveforms}),
        ([0, 1, 2], {"words": words, "images": images, "waveforms": waveforms}),
    ):
        expected = np.average(means[inside], axis=0, weights=weights[inside])
        np.testing.assert_allclose(plane.places_of(network, **given), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="nothing is given"):
        plane.places_of(network)


CLIPPED = (np.sign(np.sin(np.arange(4000) * 0.3)).astype(np.float32), 8000)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("hello",), "'hello' is no whole number"),
        (("42",), "'42' has 2 digits; this model knows one at a time"),
        (("-1",), "is no whole number"),
        (("x" * 201,), "200"),
        (("", Image.new("RGB", (50, 50), "white")), "nothing is drawn there"),
        (("", "a name"), "must be a picture"),
        (("", None, (np.zeros(4000, np.float32), 8000)), "the recording is silent"),
        (("", None, CLIPPED), "the recording is clipped: 100% of its samples"),
        (("", None, (word_of_noise()[0], 50)), "the sample rate is 50"),
        (("", None, (word_of_noise()[0], 500_000)), "the sample rate is 500,?000"),
        (("", None, (np.ones(40, np.float32), 8000)), "clipped|lasts 0.0"),
        (("", None, (np.full(4000, np.nan, np.float32), 8000)), "no numbers"),
        (("", None, (np.zeros(0, np.float32), 8000)), "no samples"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_words_before_anything_is_loaded(
    given: tuple[Any, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "get", lambda *_: pytest.fail("loaded"))
    with pytest.raises(InputError, match=words):
        joint.given(*given)


@pytest.mark.parametrize("place", [(4.1, 0), (0, float("nan")), ("a", 0), (None, 0)])
def test_a_place_off_the_plane_is_refused(place: tuple[Any, Any]) -> None:
    with pytest.raises(InputError, match="the place's [xy]"):
        joint.at(NAME, *place)


def test_a_pure_tone_at_full_scale_is_not_taken_for_clipped() -> None:
    tone = np.sin(np.arange(8000) * 0.7).astype(np.float32)
    assert joint.given("", None, (tone, 8000)).heard is not None


def test_the_steps_read_with_the_judges_and_a_typed_word_is_believed(zoo: Path) -> None:
    found = last(joint.chain(joint.given("7", seven()), seed=1))
    assert (found.words, found.picture.source.record.parents[0].operation) == ("seven", "crossmodal.read_number")
    drawn, sound = joint.given("", seven()), joint.given("", None, word_of_noise())
    readings = [joint.crossmodal.recognise_seen(drawn.seen)]
    readings.append(joint.crossmodal.recognise_speech(*word_of_noise()))
    for what, reading in zip((drawn, sound), readings, strict=True):
        assert last(joint.chain(what, seed=1)).words == joint.in_english(reading.digits)
    surest = max(readings, key=lambda one: max(one.probabilities.values()))
    both = last(joint.chain(joint.given("", seven(), word_of_noise()), seed=1))
    assert both.words == joint.in_english(surest.digits)
    assert both.sound.source.record.parents[0] == surest.source.record
    drawn_by_lot = [last(joint.chain(joint.given(), seed=seed)).words for seed in (1, 2)]
    assert drawn_by_lot == [joint.in_english(str(Noise(seed, stream=2).integers_array(10, 1)[0])) for seed in (1, 2)]


# Made again


def test_a_picture_and_a_sound_are_made_again_to_the_byte_and_their_place_is_found_again(zoo: Path) -> None:
    for what in (joint.given(), joint.given("7"), joint.given("", seven()), joint.given("三", seven())):
        found = joint.give(NAME, what, seed=2)
        for path in pages._shown(found)[1:]:
            again = last(replay(look(path)))
            assert isinstance(again, Replay) and again.identical and again.holds
            assert again.marked.record.parents == what.records


def test_a_place_that_is_not_that_of_what_was_given_does_not_hold(zoo: Path) -> None:
    found = joint.give(NAME, joint.given("7"), seed=2)
    elsewhere = joint.at(NAME, 0.5, -0.5, seed=2)
    record = replace(elsewhere.source.record, parents=found.source.record.parents)
    (path,) = pages._shown(replace(elsewhere, source=replace(elsewhere.source, record=record)))[1:2]
    again = last(replay(look(path)))
    assert again.identical and not again.holds
    assert [one.what for one in again.differences if one.grave] == ["chain"]


def test_a_recording_is_not_kept_and_the_place_of_it_is_not_checked(zoo: Path) -> None:
    found = joint.give(NAME, joint.given("7", None, word_of_noise()), seed=2)
    again = last(replay(look(pages._shown(found)[2])))
    assert again.identical and again.holds and [one.what for one in again.differences] == ["recording"]


def test_the_map_shows_at_each_place_what_is_made_there_and_is_made_again(zoo: Path) -> None:
    found = joint.map_picture(NAME)
    side, step = plane.MAP_SIDE, found.sheet.width // plane.MAP_SIDE
    places = plane.grid_of_places(side)
    network = library.get(NAME).network
    for row, column in ((0, 0), (3, 11), (side - 1, side - 1)):
        place = joint.place_on_map((column + 0.5) / side, (row + 0.5) / side)
        np.testing.assert_allclose(places[row * side + column], place, atol=1e-3)
        made = plane.forms_of(network, np.array([place], np.float32), np.zeros((1, 2, TINY.style_dim), np.float32))
        shown = np.asarray(found.sheet)[row * step : (row + 1) * step : 2, column * step : (column + 1) * step : 2]
        assert np.abs(shown.astype(int) - (made.images[0, 0] + 1) * 127.5).max() < 2
    assert joint.place_on_map(0.5, 0.5) == (0, 0) and joint.place_on_map(1, 0)[0] < joint.REACH
    (path,) = pages._map_of(NAME)
    assert last(replay(look(path))).identical


# Coherence


class Known:
    """A network that knows the digit from a picture's grey or a sound's level, and writes it so; or always 3."""

    config = SimpleNamespace(style_dim=1, window_length=256, hop_length=256, num_mels=8, sample_rate=8000)

    def __init__(self, *, stubborn: bool) -> None:
        self.stubborn = stubborn

    def run(self, part: str, **inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        values = next(iter(inputs.values()))
        flat = values.reshape(len(values), -1)
        if part.startswith("encode"):
            digits = flat[:, 0] if part == "encode_words" else (flat[:, 0] * 10).round()
            digits = np.stack([digits, 0 * digits, 0 * digits], 1)[:, : 2 + (part != "encode_words")]
            return digits.astype(np.float32), np.zeros_like(digits, dtype=np.float32)
        digits = np.full(len(values), 3) if self.stubborn else values[:, 0].round().clip(0, 9).astype(int)
        if part == "decode_words":
            return (np.eye(10, dtype=np.float32)[digits],)
        if part == "decode_pictures":
            return (np.broadcast_to(digits[:, None, None, None] / np.float32(10), (len(digits), 1, 28, 28)),)
        return (np.broadcast_to(digits[:, None, None] / np.float32(10) - 1, (len(digits), 8, 8)),)


class Levels:
    """Thirty triples, each of one grey and one level that say its digit."""

    def __len__(self) -> int:
        return 30

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, torch.Tensor]:
        digits = torch.from_numpy(indices % 10)
        shares = digits.float() / 10
        return {
            "label": digits, "word": digits, "image": shares[:, None, None, None].expand(-1, 1, 28, 28),
            "waveform": shares[:, None].expand(-1, 64),
        }  # fmt: skip


@pytest.mark.parametrize(("stubborn", "share"), [(False, 1.0), (True, 0.1)])
def test_coherence_is_the_share_that_is_the_same_digit(
    stubborn: bool, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.verify.joint.sound_of", lambda network, mel: mel[0])  # the level, as it is
    readers = {
        "picture": lambda images: (images[:, 0, 0, 0] * 10).round().astype(int),
        "sound": lambda levels: ((levels[:, 0] + 1) * 10).round().astype(int),
    }
    found = coherence(Known(stubborn=stubborn), Levels(), readers, 30, 20)
    names = {name_of(given, target) for given in GIVEN for target in joint.MODALITIES if target not in given}
    assert len(names) == 9 and found.keys() == names | {"nothing"}
    assert all(found[name] == pytest.approx(share) for name in names)
    assert found["nothing"] == 1.0, "three that always say 3 agree"


def test_the_matrix_is_dark_where_the_share_is_high_and_only_where_something_is_made() -> None:
    figures = [{"name": f"word → {target}", "value": value} for target, value in (("picture", 1.0), ("sound", 0.1))]
    assert joint.coherence_matrix([{"name": "joint coherence", "value": 0.5}]) is None
    picture = joint.coherence_matrix([*figures, {"name": "joint coherence", "value": 0.5}])
    assert picture is not None
    wide, high = joint._CELL
    corner = [joint._MARGIN + column * wide + 4 for column in range(3)]
    greys = [np.asarray(picture.convert("L"))[joint._HEAD + 4, left] for left in corner]
    assert greys[0] == 255 and greys[1] < 100 < greys[2] < 255
    assert picture.height == joint._HEAD + 2 * high


# The page, the command line


def test_the_page_has_its_endpoints_and_few_controls(zoo: Path) -> None:
    built = page.build()
    found = {str(one.api_name) for one in built.fns.values() if one.api_visibility == "public"}
    assert found == {"from_text", "from_drawing", "from_speech", "join_digits", "join_at"}
    tabs = {block.elem_id: block for block in built.blocks.values() if isinstance(block, gr.Tab)}
    for name in ("tab_by_joint", "tab_by_map"):
        assert 1 <= len(list(controls(tabs[name]))) <= 5


def controls(block: Any) -> Iterator[Any]:
    """What a visitor can change without opening anything."""
    kinds = gr.Textbox | gr.Number | gr.Slider | gr.Dropdown | gr.Audio | gr.ImageEditor
    if isinstance(block, gr.Accordion):
        return
    if isinstance(block, kinds) and getattr(block, "interactive", True) is not False:
        yield block
    for child in getattr(block, "children", ()):
        yield from controls(child)


def test_without_a_joint_model_the_page_is_that_of_the_steps(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choices = library.choices
    monkeypatch.setattr(library, "choices", lambda task: [] if task == page.ANY_TO_ANY else choices(task))
    found = {str(one.api_name) for one in page.build().fns.values() if one.api_visibility == "public"}
    assert found == {"from_text", "from_drawing", "from_speech"}


def test_both_ways_stand_side_by_side_and_a_click_on_the_map_gives_all_three(zoo: Path, tmp_path: Path) -> None:
    seven().save(tmp_path / "seven.png")
    soundfile.write(tmp_path / "word.wav", *word_of_noise())
    words, picture, sound, steps, drawn, said, lines = last(
        pages.join_digits(NAME, "", str(tmp_path / "seven.png"), str(tmp_path / "word.wav"), 3.0)
    )
    assert words.startswith(joint.in_words(joint.at(NAME, **read(picture).parameters, seed=3).word))
    assert [line.split(" · ")[0] for line in lines.splitlines()] == [NAME, "dcgan.mnist", "wavenet.spoken-digits"]
    for path, operation in (
        (picture, "joint.at"), (sound, "joint.at"), (drawn, "image.draw_number"), (said, "audio.speak")
    ):  # fmt: skip
        record = read(path)
        assert (record.operation, record.seed) == (operation, 3)
    assert " · " in steps
    (path,) = pages._map_of(NAME)
    with Image.open(path) as shown:
        size = shown.size
    event: Any = SimpleNamespace(index=[size[0] * 0.75, size[1] * 0.25])
    x, y = pages._clicked(path, event)
    assert x == pytest.approx(0.6745, abs=1e-3) and y == pytest.approx(0.6745, abs=1e-3)
    *_, picture, sound, line = last(pages.join_at(NAME, x, y, 3))
    assert read(picture).parameters == {"x": x, "y": y} and line.startswith(f"{NAME} · seed 3")
    with pytest.raises(InputError):
        pages._clicked(None, event)


def test_the_page_shows_the_matrix_that_the_card_states(zoo: Path) -> None:
    assert pages._matrix(NAME) is None and pages._matrix("") is None
    stated = json.loads((zoo / NAME / "metrics.json").read_text())
    try:
        write_json(zoo / NAME / "metrics.json", {"figures": [{"name": "word → picture", "value": 0.9}]})
        assert Image.open(pages._matrix(NAME)).width > 400
    finally:
        write_json(zoo / NAME / "metrics.json", stated)


def test_the_command_line_makes_all_three(zoo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seven().save("seven.png")
    asked = ["sample", NAME, "--text", "7", "--picture", "seven.png", "--said", "made.wav", "--out", "made.png"]
    assert main(asked) == DONE
    assert " · " in capsys.readouterr().out
    for name in ("made.png", "made.wav"):
        record = read(tmp_path / name)
        assert record.operation == "joint.at" and len(record.parents) == 2
        assert last(replay(look(tmp_path / name))).holds


def test_the_configured_sizes_are_those_of_the_default_model() -> None:
    config = TrimodalDigitsConfig()
    model = Modules(TrimodalDigits(config).eval())
    made = plane.forms_of(model, np.zeros((1, 2), np.float32), np.zeros((1, 2, config.style_dim), np.float32))
    assert made.images.shape == (1, 1, 28, 28) and made.mels.shape == (1, 48, 48)
    assert plane.sound_of(model, made.mels[0]).shape == (config.length,) == (6144,)
