"""Text to speech by its rules: the best alignment, frames that know their phonemes, and what a visitor may type."""

from __future__ import annotations

import ast
import base64
import itertools
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import alone
import numpy as np
import pytest
import soundfile
import torch
from serving import endpoint_handler
from tiny_zoo import SPECTROGRAM, make

from zoo import card, export, hub, space
from zoo.data.load import load
from zoo.data.sequences import PRONOUNCING
from zoo.data.speech import Prompts, read_recordings
from zoo.data.spoken_text import PAUSES, SYMBOLS, phonemes_of, pronunciations, spoken_items
from zoo.generate import library, provenance, replay, speech
from zoo.generate.inputs import InputError
from zoo.metrics.recogniser import Recogniser, bigrams
from zoo.models.audio.tts import ENTRY, TTS, align, spread
from zoo.noise import Noise
from zoo.registry import entry


def test_the_alignment_is_the_best_of_all_monotonic_ones() -> None:
    scores = Noise(1).normal_array(2, 4, 7).astype(np.float64)
    found = align(scores, np.array([4, 3]), np.array([7, 5]))
    for row, (symbols, frames) in enumerate(((4, 7), (3, 5))):
        best, answer = -np.inf, None
        for cuts in itertools.combinations(range(1, frames), symbols - 1):
            ends = (0, *cuts, frames)
            total = sum(scores[row, s, ends[s] : ends[s + 1]].sum() for s in range(symbols))
            if total > best:
                best, answer = total, np.diff(ends)
        assert np.array_equal(found[row, :symbols], answer) and not found[row, symbols:].any()


def test_frames_are_told_their_phoneme_and_where_they_are_in_it_with_torch_and_without() -> None:
    means, states = Noise(1).normal_array(3, 4), Noise(2).normal_array(3, 5)
    durations = np.array([2, 1, 3])
    own = speech.spread(means, states, durations)
    both = spread(*(torch.from_numpy(a)[None] for a in (means, states, durations)), 6)[0].numpy()
    assert own.shape == (6, 11) and np.allclose(own, both, atol=1e-6)
    assert np.array_equal(own[:, :4], means[[0, 0, 1, 2, 2, 2]])
    assert np.allclose(own[:, 9], [0.25, 0.75, 0.5, 1 / 6, 0.5, 5 / 6]) and np.allclose(
        np.exp(own[:, 10]), [2, 2, 1, 3, 3, 3]
    )


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    model = TTS(ENTRY.tiny).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    symbols = torch.tensor([[1, 5, 9], [4, 8, 0]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
    alone = model.encode(symbols[1:, :2], mask[1:, :2])
    for one, other in zip(model.encode(symbols, mask), alone, strict=True):
        torch.testing.assert_close(one[1:, :2], other, rtol=1e-4, atol=1e-5)
    frames, condition = Noise(1).normal(1, 6, 8), Noise(2).normal(1, 6, 18)
    there = torch.tensor([[1.0, 1, 1, 1, 0, 0]])
    time = torch.tensor([0.3])
    longer = model.velocity(frames, time, condition, there)[:, :4]
    shorter = model.velocity(frames[:, :4], time, condition[:, :4], there[:, :4])
    torch.testing.assert_close(longer, shorter, rtol=1e-4, atol=1e-5)


def test_a_velocity_that_is_exact_leads_from_any_noise_to_the_spectrogram() -> None:
    """Along straight ways Euler's steps make no error, however few they are."""
    target = Noise(3).normal_array(12, 8)

    class Exact:
        config = SimpleNamespace(num_mels=8, temperature=1.0, sampling_steps=3)

        def run(self, part: str, **given: np.ndarray) -> tuple[np.ndarray, ...]:
            if part == "phonemes":
                return np.zeros((1, 2, 8), np.float32), np.zeros((1, 2, 4), np.float32), np.log(np.full((1, 2), 6.0))
            left = 1 - given["time"][:, None, None]
            return ((target[None] - given["frames"]) / left,)

    (found,) = speech.spoken(Exact(), [np.array([1, 2])])  # type: ignore[arg-type]
    assert found.shape == (12, 8) and np.allclose(found, target, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("Press 1, or 22...", ["press", "one", ",", "or", "two", "two", ","]),
        ("It's 5 p.m. Don't!", ["it's", "five", "p.m", ".", "don't", "."]),
        ("exclaimation-point # *", ["exclaimation", "point", "pound", "star"]),
        ("...to increase", ["to", "increase"]),
        ("你好 —", []),
    ],
)
def test_texts_are_words_and_pauses(text: str, items: list[str]) -> None:
    assert spoken_items(text) == items


def test_every_prompt_has_phonemes_that_the_voice_knows() -> None:
    for split in ("train", "validation", "test"):
        for text in read_recordings("telephone_prompts", split, sample=True).texts:
            symbols = phonemes_of(spoken_items(text), pronunciations().__getitem__)
            assert set(symbols) <= set(SYMBOLS) and symbols[0] == symbols[-1] == "."
    assert phonemes_of(["a"], pronunciations().__getitem__) == [".", "EY1", "."], (
        "a letter by itself is said by its name"
    )


def test_a_batch_holds_whole_prompts_and_leaves_long_ones_out() -> None:
    recordings = read_recordings("telephone_prompts", "test", sample=True)
    config = SimpleNamespace(sample_rate=8000, hop_length=80, max_frames=100)
    data = Prompts(recordings, config)
    assert 0 < len(data) < len(recordings.texts) and data.lengths.max() <= 8000
    batch = data.batch(np.arange(len(data)))
    for row in range(len(data)):
        frames, symbols = int(batch["num_frames"][row]), int(batch["num_symbols"][row])
        assert np.array_equal(batch["waveform"][row, : frames * 80].numpy(), data.waveforms[row])
        assert not batch["waveform"][row, frames * 80 :].any() and not batch["symbols"][row, symbols:].any()


# --- the recogniser ---


def test_a_language_model_gives_each_word_a_whole_of_probability() -> None:
    lines = bigrams([["press", "one"], ["press", "two"], ["one", "moment"]]).splitlines()
    first = lines.index("\\1-grams:")
    second = lines.index("\\2-grams:")
    single = {
        line.split()[1]: [float(part) for part in (line.split()[0], line.split()[2])]
        for line in lines[first + 1 : second - 1]
    }
    pairs = {tuple(line.split()[1:]): float(line.split()[0]) for line in lines[second + 1 : lines.index("\\end\\") - 1]}
    assert sum(10**share for word, (share, _) in single.items() if word != "<s>") == pytest.approx(1, abs=1e-3)
    for word, (_, back) in single.items():
        if word != "</s>":
            total = sum(
                10 ** (pairs[word, other] if (word, other) in pairs else back + single[other][0])
                for other in single if other != "<s>"
            )  # fmt: skip
            assert total == pytest.approx(1, abs=1e-3), word


def test_the_recogniser_understands_a_recording_that_it_may_expect() -> None:
    recordings = read_recordings("telephone_prompts", "test", sample=True)
    expected = [[item for item in spoken_items(text) if item not in PAUSES] for text in recordings.texts]
    listener = Recogniser(expected, pronunciations())
    heard = [listener.words(waveform, 8000) for waveform in recordings.waveforms]
    right = sum(one == other for one, other in zip(heard, expected, strict=True))
    assert right >= len(expected) // 2
    assert listener.words(np.zeros(8000, np.float32), 8000) != expected[0]


# --- what a visitor gets ---


@pytest.fixture
def voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Untrained, in place of the bundled checkpoints, with a vocoder and a model that pronounces."""
    folder = tmp_path / "pretrained"
    make(folder, "tts.telephone", "telephone_prompts", fields={**SPECTROGRAM, "num_symbols": len(SYMBOLS)})
    make(folder, "waveglow.telephone", "telephone_prompts", fields={**SPECTROGRAM, "segment_length": 320})
    pairs = load("cmudict", "train", entry("seq2seq").tiny, sample=True)
    make(folder, "seq2seq.g2p", "cmudict", (PRONOUNCING,), pairs.tokenizer)
    monkeypatch.setattr(hub, "PRETRAINED", folder)
    monkeypatch.delenv("ZOO_NAMESPACE", raising=False)
    library._loaded.clear()
    library._added.clear()
    return "tts.telephone"


def test_a_text_is_said_by_seed_and_slower_when_asked(voice: str) -> None:
    one, again, other, slow = (
        speech.say(voice, "Please press 2.", seed=seed, speed=speed)
        for seed, speed in ((1, 1), (1, 1), (2, 1), (1, 0.5))
    )
    assert np.array_equal(one.sound.waveform, again.sound.waveform)
    assert not np.array_equal(one.sound.waveform, other.sound.waveform)
    assert len(slow.sound.waveform) > len(one.sound.waveform)
    assert [item for item, _ in one.items] == ["please", "press", "two", "."] and not one.guessed
    assert [source.name.split(".")[0] for source in one.sources] == ["tts", "waveglow"]


def test_a_word_that_the_list_lacks_is_spelt_out_by_the_zoos_own_model(voice: str) -> None:
    found = speech.say(voice, "press zorbing")
    assert found.guessed == ("zorbing",) and [one.name.split(".")[0] for one in found.sources] == [
        "seq2seq",
        "tts",
        "waveglow",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing to say"), ("... !", "nothing to say"), ("你好", "你好.*reads English"), ("x" * 301, "300"),
        ("q" * 30, "30 letters; at most 24"), ("extension " * 30, "phonemes; at most 250"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_said(text: str, message: str, voice: str) -> None:
    with pytest.raises(InputError, match=message):
        speech.say(voice, text)


def test_a_file_of_speech_can_be_made_again(voice: str, tmp_path: Path) -> None:
    made = speech.say(voice, "Please press 2.", seed=3).sound
    (tmp_path / "said.wav").write_bytes(provenance.wav(made.waveform, made.sample_rate, made.source.record))
    *_, found = replay.replay(provenance.look(tmp_path / "said.wav"), model=voice)
    assert found.same and found.identical


def test_a_voice_asks_for_a_vocoder_of_its_own_spectrograms(voice: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no vocoder is named 'waveglow\.telefone'; perhaps you meant"):
        speech.say(voice, "press 2", vocoder="waveglow.telefone")
    finer = {**SPECTROGRAM, "segment_length": 320, "hop_length": 40}
    make(tmp_path / "pretrained", "waveglow.finer", "telephone_prompts", fields=finer)
    assert speech.say(voice, "press 2").sources[-1].name == "waveglow.telephone"
    with pytest.raises(InputError, match="needs a vocoder of its spectrograms"):
        speech.say(voice, "press 2", vocoder="waveglow.finer")


def test_where_a_voice_goes_what_it_speaks_through_goes_along(
    voice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "copy_graphs", lambda *_: True)  # whether its graphs are written is not asked here
    both = ("waveglow.telephone", "seq2seq.g2p")
    assert speech.companions(library.config_of(voice)) == both and not speech.companions(library.config_of(both[0]))
    assert set(space.checkpoints_of("audio")) == {voice, *both}
    built = space.build("endpoint", tmp_path / "out", model=voice)
    assert built.checkpoints == (voice, *both)
    assert {path.parent.name for path in built.folder.glob("zoo/pretrained/*/config.json")} == {voice, *both}


@pytest.mark.parametrize("name", ["tts.telephone", "waveglow.telephone"])
def test_the_lines_on_a_card_run_as_they_stand(
    name: str, voice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(hub.PRETRAINED / name, tmp_path / name)
    export.write_graphs(folder)
    (folder / "metrics.json").unlink()
    prompt = read_recordings("telephone_prompts", "test", sample=True).waveforms[0]
    soundfile.write(tmp_path / "speech.wav", prompt, 8000, subtype="PCM_16")
    library_lines, ours = re.findall(r"```python\n(.*?)```", card.text(folder), re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile(ast.parse(ours), "the card", "exec"), {})
    assert "zoo." not in library_lines
    alone.run(library_lines, tmp_path)
    if name.startswith("tts"):
        assert len(soundfile.read("said.wav")[0]) > 1000
        mel = np.load("mel.npy")
        assert mel.shape[0] == 1 and mel.shape[2] == 40 and np.isfinite(mel).all()
        ids = np.array([SYMBOLS.index(one) for one in phonemes_of(["hello"], pronunciations().__getitem__)])
        assert mel.shape[1] == len(speech.spoken(library.get(voice).network, [ids])[0])
    else:
        again, rate = soundfile.read("again.wav")
        assert rate == 8000 and len(again) == len(prompt) // 80 * 80 and again.std() > 0


@pytest.mark.parametrize("name", ["tts.telephone", "waveglow.telephone"])
def test_an_endpoint_answers_with_sound(name: str, voice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name != voice:
        monkeypatch.setattr(hub, "PRETRAINED", tmp_path / "one")
        shutil.copytree(tmp_path / "pretrained" / name, tmp_path / "one" / name)
    answer = endpoint_handler(monkeypatch)
    soundfile.write(tmp_path / "speech.wav", 0.1 * Noise(1).normal_array(8000), 8000)
    recording = base64.b64encode((tmp_path / "speech.wav").read_bytes()).decode()
    (made,) = answer({"inputs": "press zorbing" if name == voice else recording, "parameters": {"seed": 2}})
    record = provenance.read(base64.b64decode(made["audio"]))
    assert made["sampling_rate"] == 8000 and record.model == name and record.seed == 2
    with pytest.raises(InputError, match="reads English" if name == voice else "base64"):
        answer({"inputs": "你好" if name == voice else "no sound!"})


def test_the_sentences_that_voices_are_measured_by_are_of_known_words_and_no_prompts() -> None:
    from zoo.verify.voices import SENTENCES

    said = {tuple(spoken_items(sentence)) for sentence in SENTENCES}
    assert {word for sentence in said for word in sentence} <= pronunciations().keys()
    for split in ("train", "validation", "test"):
        for text in read_recordings("telephone_prompts", split, sample=True).texts:
            assert tuple(item for item in spoken_items(text) if item not in PAUSES) not in said
