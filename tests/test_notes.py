"""Notes of instruments: the data, the WaveNet that learns them, what it plays, and how its pitch is measured."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tiny_zoo
import torch
import torchaudio

from train.recipe import preset
from zoo import card, checkpoint, entry, registry, sample, verify
from zoo.config import from_dict, to_dict
from zoo.data.load import load
from zoo.data.own import OwnDataError, open_own
from zoo.data.source import SPLITS, read
from zoo.engine.modules import Modules
from zoo.engine.wavenet import mu_law_encode
from zoo.generate import audio, digits, library, melody, notes, provenance
from zoo.generate.inputs import InputError
from zoo.generate.replay import replay
from zoo.generate.sheet import write_sheet, write_snapshot
from zoo.metrics.pitch import cents, frequency
from zoo.models.audio import wavenet
from zoo.noise import Noise

NAME = "wavenet.notes"
CONFIG = preset("wavenet", "notes").config
TINY = replace(registry.entry("wavenet").tiny, **tiny_zoo.PLAYS)
WHOLE = replace(TINY, num_instruments=16)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_zoo.make(tmp_path_factory.mktemp("notes"), NAME, "gm_notes", tiny_zoo.INSTRUMENTS, None, tiny_zoo.PLAYS)


@pytest.fixture(autouse=True)
def zoo(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return tiny_zoo.put_in_place(made.parent, monkeypatch)


def last(steps: Any) -> Any:
    *_, found = steps
    return found


# Data


def test_the_notes_of_a_pair_of_instrument_and_pitch_stay_in_one_split() -> None:
    parts = {split: load("gm_notes", split, CONFIG, sample=True) for split in SPLITS}
    assert {split: len(part) for split, part in parts.items()} == {"train": 9, "validation": 1, "test": 3}
    pairs = [set(zip(part.instruments, part.pitches, strict=True)) for part in parts.values()]  # type: ignore[attr-defined]
    assert not pairs[0] & pairs[1] and not pairs[0] & pairs[2] and not pairs[1] & pairs[2]


def test_notes_come_at_one_peak_with_their_pitch_counted_from_the_lowest() -> None:
    found: Any = load("gm_notes", "test", CONFIG, sample=True)
    batch = found.batch(np.array([0, 2]))
    assert batch["waveform"].shape == (2, 16000) and batch["waveform"].dtype == torch.float32
    np.testing.assert_allclose(batch["waveform"].abs().amax(1), 0.95, rtol=1e-5)
    given = read("gm_notes", "test", sample=True).columns
    assert (batch["pitch"] + 36).tolist() == [given["pitch"][0], given["pitch"][2]]
    assert batch["instrument"].tolist() == batch["label"].tolist() == [given["instrument"][i] for i in (0, 2)]
    assert batch["duration"].tolist() == [1.0, 1.0] and found.labels[3] == "marimba" and found.info.licence == "mit"


def test_notes_beyond_the_models_range_are_left_out_and_another_rate_is_refused() -> None:
    low: Any = load("gm_notes", "train", replace(CONFIG, num_pitches=20), sample=True)
    assert 0 < len(low) < 9 and low.pitches.max() < 20
    with pytest.raises(ValueError, match="16,000 samples a second; the model's sample_rate is 8,000"):
        load("gm_notes", "train", replace(CONFIG, sample_rate=8000), sample=True)
    with pytest.raises(ValueError, match="has no note from 100 to 102"):
        load("gm_notes", "train", replace(CONFIG, lowest_pitch=100, num_pitches=3), sample=True)


def test_ones_own_sounds_do_not_teach_notes(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8000)
    with pytest.raises(OwnDataError, match="do not say what pitch"):
        open_own(tmp_path, registry.entry("wavenet").tasks, CONFIG)


# The model


def test_a_wavenet_says_words_or_plays_notes_and_a_config_from_before_says_words() -> None:
    for fields in ({"num_pitches": 12}, {"num_digits": 0}):
        with pytest.raises(ValueError, match=r"WaveNetConfig\.num_digits is .* one of them must be 0"):
            wavenet.WaveNetConfig(**fields)
    with pytest.raises(ValueError, match="MIDI numbers end at 127"):
        wavenet.WaveNetConfig(num_digits=0, num_pitches=30, lowest_pitch=100)
    tasks = registry.entry("wavenet").tasks
    older = {k: v for k, v in to_dict(wavenet.WaveNetConfig()).items() if "pitch" not in k and "instrument" not in k}
    assert from_dict(wavenet.WaveNetConfig, older) == wavenet.WaveNetConfig()
    assert entry.with_heads(tasks, older) == (entry.AUDIO_GENERATION,)
    assert entry.with_heads(tasks, to_dict(CONFIG)) == (entry.NOTE_GENERATION,)


def test_a_model_of_notes_hears_pitch_and_instrument_and_has_no_durations() -> None:
    torch.manual_seed(0)
    model = wavenet.WaveNet(TINY).eval()
    assert [part.name for part in model.parts()] == ["condition", "step"] and model.measured == ()
    assert not {"durations", "digit.weight"} & set(model.state_dict())
    who = {"pitch": torch.tensor([0, 0, 5]), "instrument": torch.tensor([1, 2, 1])}
    condition = model.condition({**who, "duration": torch.ones(3), "frames": torch.tensor(4)})
    assert condition.shape == (3, 4, TINY.condition_dim)
    assert not torch.allclose(condition[0], condition[1]) and not torch.allclose(condition[0], condition[2])
    found = load("gm_notes", "test", WHOLE, sample=True).batch(np.arange(2))
    assert wavenet.WaveNet(WHOLE).loss(found, Noise(0))["items"] == 32000


def test_codes_in_numpy_are_those_of_torch() -> None:
    values = np.linspace(-1.2, 1.2, 4001, dtype=np.float32)
    np.testing.assert_array_equal(mu_law_encode(values, 256), wavenet.mu_law_encode(torch.from_numpy(values), 256))


# Pitch


def test_yin_hears_the_pitch_of_tones_whose_pitch_is_known() -> None:
    times = np.arange(16000) / 16000
    for pitch in (36, 47.3, 60, 69, 84):
        hertz = 440 * 2 ** ((pitch - 69) / 12)
        tone = sum(np.sin(2 * np.pi * hertz * k * times) / k for k in range(1, 6))
        assert abs(float(cents(frequency(tone, 16000), np.array(pitch)))) < 5, pitch  # type: ignore[arg-type]
    missing = np.sin(2 * np.pi * 440 * times) + np.sin(2 * np.pi * 660 * times)
    assert frequency(missing, 16000) == pytest.approx(220, rel=2e-3), "the fundamental need not be there"
    assert np.isnan(frequency(np.random.default_rng(0).standard_normal(16000), 16000))
    assert np.isnan(frequency(np.zeros(16000), 16000)) and np.isnan(frequency(np.ones(100), 16000))
    with pytest.raises(ValueError, match="allowed is up to 4000"):
        frequency(times, 16000, 50, 5000)
    with pytest.raises(ValueError, match=r"must be \(t,\)"):
        frequency(times[None], 16000)


def test_real_notes_have_the_pitch_they_are_labelled_with_by_yin_and_by_torchaudio() -> None:
    found: Any = load("gm_notes", "test", CONFIG, sample=True)
    for waveform, pitch, instrument in zip(found.waveforms, found.pitches, found.instruments, strict=True):
        assert abs(float(cents(frequency(waveform, 16000), pitch + 36))) < 25  # type: ignore[arg-type]
        if found.labels[instrument] == "marimba":  # it dies away before torchaudio has heard enough of it
            continue
        theirs = torchaudio.functional.detect_pitch_frequency(torch.from_numpy(waveform[:8000])[None], 16000)
        off = float(cents(theirs.median().numpy(), pitch + 36))
        assert abs(off - 1200 * round(off / 1200)) < 50, "torchaudio's estimator errs by octaves, not otherwise"


# Measures


def test_notes_are_measured_beside_real_ones_and_while_training_by_bits_alone() -> None:
    torch.manual_seed(0)
    data = load("gm_notes", "test", WHOLE, sample=True)
    subject = verify.Subject("wavenet", wavenet.WaveNet(WHOLE).eval(), "gm_notes", sample=True)
    found = {figure.name: figure for figure in verify.measure(subject, data, replace(verify.QUICK, clips=3))}
    assert list(found) == ["pitch accuracy", "Fréchet distance", "bits a sample"]
    assert found["pitch accuracy"].floor == 1.0 and found["pitch accuracy"].value < 0.5
    bits = found["bits a sample"]
    assert bits.samples == 48000 and bits.floor is not None and 3 < bits.floor < 5  # 32 levels
    (while_training,) = verify.measure(subject, data, verify.TRAINING)
    assert while_training.value == bits.value and while_training.floor is None


# Playing


def test_a_note_has_a_name_and_the_model_knows_which_it_plays() -> None:
    assert notes.notes(NAME)[:3] == ["C2", "C#2", "D2"] and notes.notes(NAME)[-1] == "C6"
    assert notes.instruments(NAME) == list(tiny_zoo.INSTRUMENTS)
    assert [melody.pitch_of(name) for name in ("C4", "a4", "F#3", "Bb5", "H2", "C4:2", "r")] == [
        60, 69, 54, 82, None, None, None
    ]  # fmt: skip
    assert library.choices(entry.NOTE_GENERATION) == [NAME] and not library.choices(entry.AUDIO_GENERATION)


def test_the_same_seed_plays_the_same_note_and_note_and_instrument_matter() -> None:
    one, same, other, higher = (
        last(notes.play_note(NAME, note, by, seed=3))
        for note, by in (("Bb3", "marimba"), ("A#3", "marimba"), ("Bb3", "vibraphone"), ("B3", "marimba"))
    )
    assert one.waveform.shape == (16000,) and one.sample_rate == 16000 and one.waveform.dtype == np.float32
    assert np.array_equal(one.waveform, same.waveform) and one.source.record == same.source.record
    assert not np.array_equal(one.waveform, other.waveform) and not np.array_equal(one.waveform, higher.waveform)
    assert one.source.record.operation == "notes.play_note" and one.source.seed == 3


@pytest.mark.parametrize("compiled", [True, False], ids=["numba", "NumPy"])
def test_the_pieces_of_a_note_are_the_note_and_the_first_comes_before_a_tenth_is_made(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setattr(digits.wavenet_compiled, "available", lambda: False)
    monkeypatch.setattr(audio, "PROGRESS_PAUSE", 0.0)
    *pieces, sound = notes.playing(NAME, "C4", seed=1)
    assert isinstance(sound, audio.Sound) and all(isinstance(piece, audio.Piece) for piece in pieces)
    np.testing.assert_array_equal(np.concatenate([piece.waveform for piece in pieces]), sound.waveform)  # type: ignore[union-attr]
    shares = [piece.share for piece in pieces]  # type: ignore[union-attr]
    assert shares[0] == 0 and shares == sorted(shares) and shares[-1] == 1 and shares[1] < 0.1


def test_bad_notes_are_refused_in_words_before_anything_is_loaded() -> None:
    for options, words in (
        ({"note": "H4"}, "the note is 'H4'; write a letter"),
        ({"note": "C1"}, "does not play C1; it plays from C2 to C6"),
        ({"instrument": "kazoo"}, "the instrument 'kazoo' does not exist"),
        ({"temperature": 3}, "the temperature"),
        ({"seed": -1}, "seed"),
    ):
        with pytest.raises(InputError, match=words):
            notes.play_note(NAME, **options)  # type: ignore[arg-type]
    assert not library._loaded
    with pytest.raises(InputError, match="no checkpoint is named 'wavenet.spoken-digits'"):
        notes.play_note("wavenet.spoken-digits")


def test_a_note_is_made_again_from_its_file(tmp_path: Path) -> None:
    said = sample.sample(NAME, {"note": "E4", "instrument": "marimba", "seed": 5}, tmp_path / "e4.wav")
    assert said.startswith(f"{NAME} · seed 5")
    marked = provenance.look(tmp_path / "e4.wav")
    assert marked.record.parameters == {"note": "E4", "instrument": "marimba", "temperature": 1.0}
    assert last(replay(marked)).identical


def test_a_sheet_and_a_snapshot_hold_notes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = wavenet.WaveNet(TINY).eval()
    write_sheet("wavenet", model, tmp_path / "sheet", None, tiny_zoo.INSTRUMENTS)
    waveform, rate = soundfile.read(tmp_path / "sheet.wav")
    assert rate == 16000 and len(waveform) == 8 * 8000
    shown = write_snapshot("wavenet", model, tmp_path / "shot", None, None)
    assert shown.suffix == ".flac" and len(soundfile.read(io.BytesIO(shown.read_bytes()))[0]) == 3 * 8000


def test_a_card_of_notes_says_what_they_come_from(made: Path) -> None:
    text = card.text(made)
    assert "pipeline_tag: text-to-audio" in text and "license: mit" in text and "Frank Wen" in text
    assert 'play_note("wavenet.notes", "A4", "violin", seed=7)' in text and "ten digits" not in text


def test_several_notes_are_drawn_as_each_alone() -> None:
    network = Modules(checkpoint.load(library.folder_of(NAME)).model)
    both = digits.play_batch(network, np.array([3, 30]), np.array([0, 2]), seconds=0.1, seed=4, temperature=0.8)
    assert both.shape == (2, 1600)
    one = digits.play_batch(network, np.array([3]), np.array([0]), seconds=0.1, seed=4, temperature=0.8)
    np.testing.assert_array_equal(one[0], both[0])
