"""WaveGlow by its rules: it runs backwards exactly, its likelihood is one, and what surrounds a vocoder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import torchaudio
from scipy import linalg, signal
from tiny_zoo import SPECTROGRAM, make

from zoo.data.speech import Recordings, Segments, read_recordings
from zoo.generate import library, provenance, replay, vocoder
from zoo.generate.griffin_lim import griffin_lim
from zoo.generate.inputs import InputError
from zoo.generate.short_time import mel_filters
from zoo.metrics.spectral_distance import WINDOWS, spectral_distance
from zoo.models.audio.waveglow import ENTRY, WaveGlow, WaveGlowConfig
from zoo.nn.linear_prediction import LinearPrediction
from zoo.nn.log_mel import CENTRE, LEAST, SPREAD, HopLogMel
from zoo.noise import Noise


@pytest.fixture
def flow() -> WaveGlow:
    torch.manual_seed(0)
    model = WaveGlow(ENTRY.tiny)
    for parameter in model.couplings.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # no coupling is the identity any more
    return model.eval()


def test_synthesis_undoes_analysis(flow: WaveGlow) -> None:
    waveforms = 0.3 * Noise(1).normal(2, 320)
    mel = flow.spectrogram(waveforms)
    with torch.no_grad():
        code, _ = flow.analyse(waveforms, mel)
        assert (flow.synthesise(mel, code) - waveforms).abs().max() < 1e-5
        assert (flow.analyse(flow.synthesise(mel, waveforms), mel)[0] - waveforms).abs().max() < 1e-5


def test_the_log_determinant_is_that_of_the_jacobian(flow: WaveGlow) -> None:
    waveforms = 0.3 * Noise(2).normal(2, 64)
    mel = flow.spectrogram(waveforms)
    _, stated = flow.analyse(waveforms, mel)
    for row in range(2):
        own = mel[row : row + 1]
        jacobian = torch.autograd.functional.jacobian(
            lambda x, own=own: flow.analyse(x[None], own)[0][0], waveforms[row]
        )
        assert torch.linalg.slogdet(jacobian)[1].item() == pytest.approx(stated[row].item(), abs=1e-3)


def test_the_likelihood_is_the_normal_density_of_the_code_times_the_determinant(flow: WaveGlow) -> None:
    waveforms, noise = 0.3 * Noise(3).normal(2, 320), Noise(4)
    found = flow.negative_log_likelihood(waveforms, noise)
    spread = waveforms + (2 / 65536) * (Noise(4).uniform(2, 320) - 0.5)
    code, determinant = flow.analyse(spread, flow.spectrogram(waveforms))
    density = torch.distributions.Normal(0, 1).log_prob(code).sum(1) + determinant
    torch.testing.assert_close(found, -density, rtol=1e-4, atol=1e-2)


def test_an_untrained_flow_gives_the_density_of_its_filters() -> None:
    """At the start couplings are the identity and mixes rotations: what is not foretold is normal noise."""
    torch.manual_seed(0)
    model = WaveGlow(ENTRY.tiny)
    waveforms = 0.3 * Noise(5).normal(8, 320)
    taps, gain = model.prediction(model.spectrogram(waveforms))
    spread = waveforms + (2 / 65536) * (Noise(6).uniform(8, 320) - 0.5)
    left = model.prediction.whiten(spread, taps)
    density = torch.distributions.Normal(0, gain.repeat_interleave(16, 1)).log_prob(left).sum(1)
    torch.testing.assert_close(model.negative_log_likelihood(waveforms, Noise(6)), -density, rtol=1e-4, atol=1e-2)


# --- what of a sample those before it foretell ---


@pytest.fixture
def voice() -> tuple[LinearPrediction, torch.Tensor, torch.Tensor]:
    """Filters of WaveGlow's own sizes, and two coloured noises, float32 (2, 4000), with their spectrograms."""
    config = WaveGlowConfig()
    sizes = (config.sample_rate, config.window_length, config.hop_length, config.num_mels)
    noise = np.random.default_rng(7).normal(size=(2, 4000))
    coloured = signal.lfilter([0.02], np.poly([0.95 * np.exp(0.4j), 0.95 * np.exp(-0.4j), 0.6, -0.7]).real, noise)
    waveforms = torch.from_numpy(coloured.astype(np.float32))
    return LinearPrediction(*sizes, config.order), waveforms, HopLogMel(*sizes)(waveforms)


def test_filters_solve_the_normal_equations(voice: Any) -> None:
    """scipy solves for the taps that foretell best, of the autocorrelation that the spectrum has by the plain sum."""
    prediction, _, mel = voice
    taps, gain = prediction(mel)
    filters = torchaudio.functional.melscale_fbanks(129, 40.0, 4000.0, 40, 8000).double().numpy()
    window = np.hanning(257)[:-1]
    for frame in (0, 17, 49):
        magnitudes = (np.exp(mel[1, frame].double().numpy() * SPREAD + CENTRE) @ np.linalg.pinv(filters)).clip(1e-4)
        spectrum = np.concatenate([magnitudes, magnitudes[-2:0:-1]]) ** 2 / (window**2).sum()
        lags = np.fft.ifft(spectrum).real[:65]
        lags[0] = lags[0] * (1 + 1e-5) + 1e-9
        best = linalg.solve_toeplitz(lags[:-1], -lags[1:])
        assert np.abs(taps[1, frame].numpy() - best).max() < 1e-3 * np.abs(best).max()
        assert gain[1, frame].item() ** 2 == pytest.approx(lags[0] + best @ lags[1:], rel=1e-3)


def test_whitening_and_colouring_are_scipys_filters_and_undo_each_other(voice: Any) -> None:
    prediction, waveforms, mel = voice
    taps, gain = prediction(mel)
    left = prediction.whiten(waveforms, taps)
    same = taps[:, :1].expand_as(taps)  # one filter for all frames, as scipy has
    for row in range(2):
        filters = np.concatenate([[1.0], same[row, 0].double().numpy()])
        white = prediction.whiten(waveforms, same)[row].numpy()
        assert np.abs(white - signal.lfilter(filters, [1.0], waveforms[row].double().numpy())).max() < 1e-5
        again = prediction.colour(left, same)[row].numpy()
        wanted = signal.lfilter([1.0], filters, left[row].double().numpy())
        assert np.abs(again - wanted).max() < 1e-5 * np.abs(wanted).max()
    assert (prediction.colour(left, taps) - waveforms).abs().max() < 1e-5
    assert np.abs(vocoder.coloured(left.numpy(), taps.numpy(), 80) - waveforms.numpy()).max() < 1e-5
    share = left.square().mean() / waveforms.square().mean()
    assert share < 0.15, "little is left of what the filters foretell"
    assert 0.5 < (left.unflatten(1, (-1, 80)) / gain[..., None]).square().mean() < 2, "and about as much as is said"


def test_silence_has_mild_filters() -> None:
    config = WaveGlowConfig()
    sizes = (config.sample_rate, config.window_length, config.hop_length, config.num_mels)
    taps, gain = LinearPrediction(*sizes, config.order)(HopLogMel(*sizes)(torch.zeros(1, 800)))
    assert taps.isfinite().all() and (gain > 1e-5).all() and (gain < 1e-3).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hop_length": 81}, "multiples of 8"),
        ({"segment_length": 4001}, "multiples of 80"),
        ({"flows": 16, "early_every": 1}, "two channels must be left"),
    ],
)
def test_sizes_that_do_not_divide_are_errors(fields: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WaveGlowConfig(**fields)


def test_log_mels_are_torchaudios() -> None:
    waveforms = 0.3 * Noise(7).normal(2, 800)
    found = HopLogMel(8000, 256, 80, 40)(waveforms)
    peer = torchaudio.transforms.MelSpectrogram(
        8000, n_fft=256, hop_length=80, f_min=40.0, n_mels=40, power=1.0, center=False
    )(torch.nn.functional.pad(waveforms, (88, 88)))
    expected = (peer.clamp_min(LEAST).log() - CENTRE) / SPREAD
    assert found.shape == (2, 10, 40)
    torch.testing.assert_close(found, expected.transpose(1, 2), rtol=1e-4, atol=1e-4)


def test_mel_filters_without_torch_are_torchaudios() -> None:
    peer = torchaudio.functional.melscale_fbanks(129, 40.0, 4000.0, 40, 8000).numpy()
    assert np.abs(mel_filters(256, 40, 8000) - peer).max() < 1e-5


def test_griffin_lim_comes_as_near_as_torchaudios() -> None:
    waveform = read_recordings("telephone_prompts", "test", sample=True).waveforms[0]
    waveform = waveform[: len(waveform) // 80 * 80]
    mel = HopLogMel(8000, 256, 80, 40)(torch.from_numpy(waveform)[None])[0].numpy()
    own = griffin_lim(mel, 256, 80, 8000, seed=1)
    assert own.shape == waveform.shape and own.dtype == np.float32
    assert np.array_equal(own, griffin_lim(mel, 256, 80, 8000, seed=1))
    linear = torchaudio.transforms.InverseMelScale(129, 40, 8000, 40.0, 4000.0)(
        torch.from_numpy(np.exp(mel.astype(np.float32) * SPREAD + CENTRE)).T[None]
    )
    torch.manual_seed(0)
    peer = torchaudio.transforms.GriffinLim(256, 32, hop_length=80, power=1.0)(linear)[0].numpy()
    peer = np.pad(peer, (0, len(waveform)))[40 : 40 + len(waveform)]  # its frames are centred on its hops
    assert spectral_distance(own, waveform, 8000) < 1.05 * spectral_distance(peer, waveform, 8000)


def test_levelling_brings_a_waveform_to_a_spectrogram_and_keeps_one_that_has_it() -> None:
    spectrogram = HopLogMel(8000, 256, 80, 40)
    time = np.arange(8000) / 8000
    wanted = (0.5 * np.sin(2 * np.pi * 440 * time) * (1 - time) + 0.2 * np.sin(2 * np.pi * 1900 * time) * time).astype(
        np.float32
    )
    mel = spectrogram(torch.from_numpy(wanted)[None])[0].numpy()
    assert np.abs(vocoder.levelled(wanted, mel, 256, 80, 8000)[100:-100] - wanted[100:-100]).max() < 0.02
    quiet = 0.3 * wanted + 0.02 * Noise(0).normal_array(8000)
    made = vocoder.levelled(quiet, mel, 256, 80, 8000)
    before, after = (np.abs(spectrogram(torch.from_numpy(one)[None])[0].numpy() - mel).mean() for one in (quiet, made))
    assert after < 0.3 * before
    assert np.corrcoef(made, wanted)[0, 1] > 0.95, "its phases are kept"


def test_spectral_distance_is_that_of_torchs_transform() -> None:
    one, other = (0.3 * Noise(seed).normal_array(3000) for seed in (1, 2))
    expected = []
    for seconds in WINDOWS:
        size = 2 ** round(math.log2(seconds * 8000))
        both = [
            torch.stft(
                torch.from_numpy(w).double(), size, size // 4, window=torch.hann_window(size, dtype=torch.float64),
                center=False, return_complex=True,
            ).abs()
            for w in (one, other)
        ]  # fmt: skip
        logs = [m.clamp_min(1e-3).log() for m in both]
        expected.append(((both[1] - both[0]).norm() / both[1].norm() + (logs[0] - logs[1]).abs().mean()).item())
    assert spectral_distance(one, other, 8000) == pytest.approx(float(np.mean(expected)), rel=1e-6)
    assert spectral_distance(one, one, 8000) == 0
    with pytest.raises(ValueError, match="shapes"):
        spectral_distance(one, other[:-1], 8000)


def test_segments_lie_in_their_recordings_and_move_with_the_epoch() -> None:
    waveforms = [np.arange(1000, dtype=np.float32), np.arange(2000, 2050, dtype=np.float32)]
    recordings = Recordings(
        read_recordings("telephone_prompts", "test", sample=True).info, "", waveforms, ["a", "b"], 8000
    )
    data = Segments(recordings, 100, 8000, training=True)
    assert len(data) == 11
    rows = np.arange(11)
    first, again, later = (data.batch(rows, epoch)["waveform"].numpy() for epoch in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, later)
    for row in first[:10]:
        assert np.array_equal(row, np.arange(row[0], row[0] + 100)) and row[-1] < 1000
    inside = np.flatnonzero(first[10])
    assert np.array_equal(first[10, inside[0] : inside[0] + 50], waveforms[1]) and len(inside) == 50
    plain = Segments(recordings, 100, 8000, training=False).batch(rows)["waveform"].numpy()
    assert np.array_equal(plain[:10].ravel(), np.arange(1000)) and np.array_equal(plain[10, :50], waveforms[1])


def test_a_recording_of_another_rate_is_refused() -> None:
    recordings = read_recordings("telephone_prompts", "test", sample=True)
    with pytest.raises(ValueError, match="8000 samples a second, and the model 16000"):
        Segments(recordings, 100, 16000, training=False)


# --- what a visitor gets ---


@pytest.fixture
def model(tmp_path: Path) -> str:
    fields = {**SPECTROGRAM, "segment_length": 320}
    return library.add(str(make(tmp_path, "waveglow.telephone", "telephone_prompts", fields=fields)))


def test_a_recording_comes_back_at_the_models_rate_and_by_seed(model: str) -> None:
    waveform = 0.1 * Noise(1).normal_array(16_000)
    one, again, other = (vocoder.resynthesise(model, waveform, 16_000, seed=seed) for seed in (3, 3, 4))
    assert one.vocoded.waveform.shape == one.original.waveform.shape == one.griffin_lim.waveform.shape == (8000,)
    assert np.abs(one.original.waveform).max() == pytest.approx(vocoder.PEAK, abs=1e-3)
    assert np.array_equal(one.vocoded.waveform, again.vocoded.waveform)
    assert not np.array_equal(one.vocoded.waveform, other.vocoded.waveform)
    assert one.distances[0] == spectral_distance(one.vocoded.waveform, one.original.waveform, 8000)


@pytest.mark.parametrize("frames", [1, 41, 130])
def test_a_long_spectrogram_is_vocoded_part_by_part_as_at_once(frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network = library.get("waveglow.telephone").network
    (mel,) = network.run("spectrogram", waveforms=Noise(1).normal_array(1, 80 * frames) / 8)
    whole = vocoder.vocode(network, mel, seed=2)
    monkeypatch.setattr(vocoder, "_FRAMES", 40)
    shares = list(vocoder.vocoding(network, mel, seed=2))
    assert len(shares) >= -(-frames // 40) and shares == sorted(shares)
    assert np.allclose(vocoder.vocode(network, mel, seed=2), whole, atol=2e-5)


@pytest.mark.parametrize(
    ("waveform", "rate", "message"),
    [
        (np.zeros(8000, np.float32), 8000, "silent"),
        (np.ones(100, np.float32), 8000, "0.01 seconds; 0.1 to 10"),
        (np.ones(88_000, np.float32), 8000, "11.00 seconds; 0.1 to 10"),
        (np.full(8000, np.nan, np.float32), 8000, "no numbers"),
        (np.ones((8000, 2), np.float32), 8000, "shape"),
    ],
)
def test_what_cannot_be_vocoded_is_said(waveform: np.ndarray, rate: int, message: str, model: str) -> None:
    with pytest.raises(InputError, match=message):
        vocoder.resynthesise(model, waveform, rate)


def test_a_file_says_that_it_came_from_a_recording_which_is_not_kept(model: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 0.1 * Noise(1).normal_array(8000), 8000)
    made = vocoder.resynthesise(model, *soundfile.read(tmp_path / "a.wav"), seed=3).vocoded
    (tmp_path / "b.wav").write_bytes(provenance.wav(made.waveform, made.sample_rate, made.source.record))
    *_, found = replay.replay(provenance.look(tmp_path / "b.wav"))
    assert found.data is None and "a voice is not kept" in found.differences[0].words()
