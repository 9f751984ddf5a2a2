"""The Music Transformer: attention by distance against its formula, probabilities that sum to one, and its measures."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from zoo import verify
from zoo.data.chorales import (
    KEYS,
    MAX_SHIFT,
    RANGES,
    SILENCE,
    Chorales,
    Note,
    notes_of,
    open_chorales,
    pitches_of,
    shifts_of,
    tokens_of,
)
from zoo.data.load import load
from zoo.data.source import INFOS
from zoo.engine.modules import Modules
from zoo.generate.counterpoint import write_batch
from zoo.metrics.piano_roll import key_nats, roll_of
from zoo.metrics.voice_leading import in_place, parallels
from zoo.models.audio.music_transformer import ENTRY, MusicTransformer, RelativeAttention
from zoo.noise import Noise
from zoo.verify import chorales as measures

TINY = replace(ENTRY.tiny, tokens=3, max_distance=3, dropout=0.4)
NAME = "jsb_chorales"


def shaken(config: Any, *, training: bool = False) -> MusicTransformer:
    """A model whose every parameter is random, so that no term hides behind a zero."""
    torch.manual_seed(0)
    model, noise = MusicTransformer(config), Noise(11)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * noise.normal(*parameter.shape)
    return model.train(training).requires_grad_(False)


def free(model: MusicTransformer, n: int, t: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What `listen` is told of pieces of which nothing is known."""
    return torch.full((n, t), model.nothing), torch.zeros(n, dtype=torch.int64)


def melodies(model: MusicTransformer, n: int, t: int) -> torch.Tensor:
    return torch.from_numpy(Noise(5).integers_array(model.config.tokens, n, t))


def pieces(model: MusicTransformer, n: int, t: int) -> torch.Tensor:
    return torch.from_numpy(Noise(6).integers_array(model.config.tokens, n, t, 4))


# Attention


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("farthest", [2, 5, 30])
def test_relative_attention_is_the_formula_written_out(causal: bool, farthest: int) -> None:
    """softmax((Q K + S) / root d) V, a query and a key at a time; distances beyond the farthest one are alike."""
    config = replace(ENTRY.tiny, max_distance=farthest)
    torch.manual_seed(0)
    attention = RelativeAttention(config, causal=causal).requires_grad_(False)
    attention.relative.normal_()
    n, t, d, heads = 2, 7, config.embedding_dim, config.num_heads
    x = torch.randn(n, t, d)
    seen = torch.ones(n, 1, t, t, dtype=torch.bool)
    seen = seen.tril() if causal else seen
    seen[1, :, :, 5] = causal and seen[1, :, :, 5]
    queries, keys, values = attention.qkv(x).view(n, t, 3, heads, d // heads).unbind(2)
    wanted = torch.zeros(n, t, heads, d // heads)
    for b, i, h in product(range(n), range(t), range(heads)):
        scores = []
        for j in range(t):
            apart = min(i - j, farthest - 1) if causal else max(-farthest + 1, min(j - i, farthest - 1)) + farthest - 1
            vector = attention.relative[h, apart] if not causal or j <= i else torch.zeros(d // heads)
            score = queries[b, i, h] @ (keys[b, j, h] + vector) / math.sqrt(d // heads)
            scores.append(score if seen[b, 0, i, j] else torch.tensor(-math.inf))
        wanted[b, i, h] = torch.stack(scores).softmax(0) @ values[b, :, h]
    torch.testing.assert_close(attention(x, seen), attention.proj(wanted.flatten(2)))


def test_a_frame_over_caches_is_the_frame_of_the_whole_piece() -> None:
    model = shaken(replace(TINY, num_layers=3))
    n, t = 3, 11
    voices, condition = pieces(model, n, t), model.listen(melodies(model, n, t), torch.tensor([11, 9, 4]))
    whole = model(voices, condition)
    caches = [torch.zeros(n, model.config.num_heads, 16, 8) for _ in range(2 * model.config.num_layers)]
    before = torch.full((n, 4), model.nothing)
    for frame in range(t):
        hidden, *caches = model.step(before, condition[:, frame], torch.tensor(frame), *caches)
        given = model.sing(hidden, before, voices[:, frame])
        torch.testing.assert_close(given, whole[:, frame], atol=1e-5, rtol=1e-5)
        before = voices[:, frame]


# Relations of pitch


def test_what_is_read_of_a_frame_is_its_notes_and_their_places_above_the_bass() -> None:
    model = shaken(replace(ENTRY.tiny))
    frame = torch.tensor([40, 35, 28, 16])  # 24, 19 and 12 semitones above the bass
    parts = [model.notes.weight[90 * voice + int(token)] for voice, token in enumerate(frame)]
    parts += [model.figures.weight[13 * voice + figure] for voice, figure in enumerate((0, 7, 0))]
    torch.testing.assert_close(model.read_frame(frame), torch.stack(parts).sum(0))
    frame = torch.tensor([40, 0, 28, model.nothing])
    parts = [model.notes.weight[90 * voice + int(token)] for voice, token in enumerate(frame)]
    parts += [model.figures.weight[13 * voice + 12] for voice in range(3)]
    torch.testing.assert_close(model.read_frame(frame), torch.stack(parts).sum(0))


def test_a_voices_logits_are_those_of_a_key_and_those_of_a_step() -> None:
    """Written out for one voice: what the others did, how far they stood apart, and where its own note was."""
    model = shaken(replace(ENTRY.tiny, order=(0, 3, 1, 2)))
    hidden, before, voices = torch.randn(16), torch.tensor([44, 40, 32, 20]), torch.tensor([45, 0, 30, 60])
    state = hidden + model.turn.weight[1]  # the alto, after soprano and bass
    for voice, move, apart in ((0, 1, 4), (3, 13, 4)):  # up by one; by more than an octave; 44 - 40, 20 - 40 + 24
        state = state + model.notes.weight[90 * voice + int(voices[voice])] + model.moves.weight[28 * voice + move + 13]
        state = state + model.intervals.weight[13 * (4 * voice + 1) + apart]
    state = state + model.proj(torch.nn.functional.gelu(model.fc(model.norm1(state)), approximate="tanh"))
    state = model.norm2(state)
    keys, steps = model.head(state), model.step_head(state)
    wanted = [keys[0], *(keys[k] + steps[max(-13, min(k - 40, 13)) + 13] for k in range(1, 89))]
    torch.testing.assert_close(model.sing(hidden, before, voices)[1], torch.stack(wanted))
    silent = model.sing(hidden, torch.tensor([44, 0, 32, 20]), voices)[1]
    state = hidden + model.turn.weight[1]
    for voice, move in ((0, 1), (3, 13)):
        state = state + model.notes.weight[90 * voice + int(voices[voice])] + model.moves.weight[28 * voice + move + 13]
        state = state + model.intervals.weight[13 * (4 * voice + 1) + 12]
    state = state + model.proj(torch.nn.functional.gelu(model.fc(model.norm1(state)), approximate="tanh"))
    torch.testing.assert_close(silent, model.head(model.norm2(state)), msg="a step from silence is none")


# Probability


def test_the_probabilities_of_all_frames_sum_to_one() -> None:
    """Three tokens, four voices: 81 frames after any beginning, each probability the product of its voices'."""
    model = shaken(TINY)
    ways = torch.tensor(list(product(range(3), repeat=4)))
    begun = pieces(model, 1, 3).repeat(len(ways), 1, 1)
    whole = torch.cat([begun, ways[:, None]], dim=1)
    for melody, length in (free(model, 81, 4), (begun.new_ones(81, 4), torch.full((81,), 4))):
        nats = model.negative_log_likelihood(whole, melody, length)
        assert float((-nats[:, 3].sum(1)).exp().sum()) == pytest.approx(1, abs=1e-5)
        assert nats[:, 3].sum(1).max() > nats[:, 3].sum(1).min() + 1, "and they are not all the same"


def test_two_frames_are_a_distribution_too() -> None:
    model = shaken(replace(TINY, tokens=2))
    both = torch.tensor(list(product(range(2), repeat=8))).view(-1, 2, 4)
    nats = model.negative_log_likelihood(both, *free(model, 256, 2))
    assert float((-nats.sum((1, 2))).exp().sum()) == pytest.approx(1, abs=1e-5)


def test_a_voice_sees_the_past_and_those_before_it_in_the_order_and_nothing_else() -> None:
    model = shaken(TINY)
    voices = pieces(model, 1, 5)
    condition = model.listen(*free(model, 1, 5))
    before = model(voices, condition)
    for frame, voice in product(range(5), range(4)):
        other = voices.clone()
        other[0, frame, voice] = (other[0, frame, voice] + 1) % 3
        changed = (model(other, condition) - before).abs().amax(-1)[0] > 1e-6
        wanted = torch.zeros(5, 4, dtype=torch.bool)
        wanted[frame + 1 :] = True
        later = model.config.order[model.config.order.index(voice) + 1 :]
        wanted[frame, list(later)] = True
        assert torch.equal(changed, wanted), (frame, voice)


def test_harmony_sees_the_whole_melody_and_nothing_after_its_end() -> None:
    model = shaken(TINY)
    melody, length = melodies(model, 1, 6), torch.tensor([4])
    before = model.listen(melody, length)
    for frame in range(6):
        other = melody.clone()
        other[0, frame] = (other[0, frame] + 1) % 3
        changed = ((model.listen(other, length) - before).abs().amax(-1) > 1e-6)[0, :4]
        assert changed.all() if frame < 4 else not changed.any()


def test_without_a_melody_the_length_alone_is_known_if_it_is_told() -> None:
    model = shaken(TINY)
    nothing, untold = free(model, 1, 12)
    known = model.listen(nothing, torch.tensor([12]))
    assert torch.equal(model.listen(nothing, untold)[0, 0], model.listen(nothing, untold)[0, 4]), "a bar has 4 quarters"
    assert not torch.equal(known, model.listen(nothing, untold))
    assert not torch.equal(known[0, 3], known[0, 7]), "how many frames are left"


def test_in_training_melodies_are_read_as_in_evaluation() -> None:
    model = shaken(replace(TINY, dropout=0.0))
    melody, length = melodies(model, 3, 6), torch.tensor([6, 0, 4])
    melody[1] = model.nothing
    evaluated = model.listen(melody, length)
    torch.testing.assert_close(model.train().listen(melody, length), evaluated)


def test_the_loss_counts_what_is_not_told_and_no_padding() -> None:
    config = replace(TINY, dropout=0.0)
    voices, length = pieces(shaken(config), 3, 6), torch.tensor([6, 4, 5])
    for given, columns in ((1.0, slice(1, None)), (0.0, slice(None))):
        model = shaken(replace(config, given=given), training=True)
        found = model.loss({"voices": voices, "length": length}, Noise(3))
        told = Noise(3).uniform(3)
        melody = voices[..., 0] if given else torch.full_like(voices[..., 0], model.nothing)
        known = torch.where(told < (1 + given) / 2, length, 0)
        nats = model.negative_log_likelihood(voices, melody, known)
        kept = torch.cat([nats[i, : int(n), columns].flatten() for i, n in enumerate(length)])
        torch.testing.assert_close(found["loss"], kept.mean())
        assert int(found["items"]) == len(kept)


def test_an_order_that_leaves_a_voice_out_is_refused() -> None:
    with pytest.raises(ValueError, match=r"order is \(0, 1, 2, 2\); it must name 0, 1, 2 and 3, each once"):
        replace(TINY, order=(0, 1, 2, 2))


# Measures


def small() -> Any:
    """Chorales of a few frames over five keys, as the data set gives them."""
    drawn = Noise(9).integers_array(3, 60, 4)
    chorales = [drawn[:5] + (drawn[:5] > 0) * 30, drawn[5:12] + 30, drawn[12:21] + 30]
    return Chorales(INFOS[NAME], "", chorales, 1, moves=False)


def test_the_bound_holds_for_the_sets_of_keys_by_every_way_to_sing_them() -> None:
    """Three frames of two keys: P(X(2..3) | X(1)) by brute force over all voices, against the figure."""
    model = shaken(replace(TINY, grid=4, tokens=KEYS + 1))
    chorale = np.array([[5, 5, 4, 4], [5, 4, 4, 0], [4, 4, 4, 4]])
    data = Chorales(INFOS[NAME], "", [chorale], 4, moves=False)
    ways = [measures.ways_to_sing(frame) for frame in chorale]
    assert [len(one) for one in ways] == [50, 50, 15]
    whole = torch.tensor(list(product(*ways)))
    found = [
        model.negative_log_likelihood(part, *free(model, len(part), 3)).double().sum((1, 2))
        for part in whole.split(5000)
    ]
    joint = float((-torch.cat(found)).logsumexp(0))
    first = torch.tensor(ways[0])[:, None]
    begun = float((-model.negative_log_likelihood(first, *free(model, 50, 1)).double().sum((1, 2))).logsumexp(0))
    truth = -(joint - begun) / 2
    subject = verify.Subject("music_transformer", model, NAME, sample=True)
    figures = {
        figure.name: figure.value for figure in measures._likelihood(subject, data, [], verify.TRAINING, lambda: None)
    }
    assert measures.first_frame(model, chorale[0]) == pytest.approx(begun, abs=1e-6)
    own = float(model.negative_log_likelihood(torch.tensor(chorale)[None], *free(model, 1, 3)).double().sum())
    assert figures["nats a quarter"] == pytest.approx((own + begun) / 2, abs=1e-5)
    assert 0 < truth < figures["nats a quarter"]


def test_a_model_of_sixteenths_pays_for_all_up_to_the_last_quarter() -> None:
    model = shaken(replace(TINY, grid=1, tokens=KEYS + 1))
    data = small()
    subject = verify.Subject("music_transformer", model, NAME, sample=True)
    figures = {
        figure.name: figure.value for figure in measures._likelihood(subject, data, [], verify.TRAINING, lambda: None)
    }
    quarters = sixteenths = 0.0
    for chorale in data.chorales:
        voices = torch.tensor(chorale)[None]
        nats = model.negative_log_likelihood(voices, *free(model, 1, len(chorale))).double().sum(-1)[0]
        quarters += float(nats[: {5: 5, 7: 5, 9: 9}[len(chorale)]].sum()) + measures.first_frame(model, chorale[0])
        sixteenths += float(nats[1:].sum())
    assert figures["nats a quarter"] == pytest.approx(quarters / (1 + 1 + 2), rel=1e-5)
    assert figures["nats a sixteenth"] == pytest.approx(sixteenths / (4 + 6 + 8), rel=1e-5)


def test_the_floor_is_each_key_by_itself() -> None:
    learnt = [np.array([[1, 0], [1, 0], [0, 0], [1, 1]], bool)]
    rolls = [np.array([[1, 0], [0, 1], [1, 1]], bool)]
    # key 0: after sounding it sounded 1 of 2 times, after silence 1 of 1; key 1: after silence 1 of 3, else not seen
    wanted = -(math.log(1 - 2 / 4) + math.log(2 / 5) + math.log(2 / 3) + math.log(1 / 2)) / 2
    assert key_nats(learnt, rolls) == pytest.approx(wanted)
    tokens = np.array([[3, 3, 1, 0], [0, 0, 0, 0]])
    assert roll_of(tokens, 3).tolist() == [[True, False, True], [False, False, False]]


def test_every_measure_of_the_tiny_model_on_the_sample() -> None:
    config = replace(ENTRY.tiny, grid=1, context_length=640)
    model = shaken(config)
    data: Any = load(NAME, "test", config, sample=True)
    data.chorales = [chorale[:40] for chorale in data.chorales]
    data.lengths = np.array([40] * len(data))
    subject = verify.Subject("music_transformer", model, NAME, sample=True)
    found = {figure.name: figure for figure in verify.measure(subject, data, replace(verify.QUICK, clips=2))}
    assert list(found) == [
        "nats a quarter", "nats a sixteenth", "notes on the beat", "same notes as Bach", "voices in place",
        "parallel fifths and octaves",
    ]  # fmt: skip
    assert all(figure.floor is not None and math.isfinite(figure.value) for figure in found.values())
    assert 2.0 < found["nats a sixteenth"].floor < found["nats a quarter"].floor < 13.0  # type: ignore[operator]
    assert found["voices in place"].floor > 0.95 > 0.2 > found["voices in place"].value  # type: ignore[operator]
    again = {figure.name: figure.value for figure in verify.measure(subject, data, replace(verify.QUICK, clips=2))}
    assert again == {name: figure.value for name, figure in found.items()}


def test_parallels_and_places_by_hand() -> None:
    voices = np.array([[72, 67, 64, 48], [74, 69, 65, 50], [74, 69, 62, 50], [77, 69, 65, 53], [65, 69, 65, 53]])
    # 1: soprano over bass in octaves (24 semitones), alto in fifths over the bass; 2 nothing moves but one voice;
    # 3: soprano and bass up in octaves; 4: one voice moves
    assert parallels(voices) == (2, 2)
    assert parallels(np.array([[72, -1, -1, 60], [60, -1, -1, 48]])) == (1, 1)
    assert parallels(np.array([[72, -1, -1, 60], [60, -1, -1, 72]])) == (0, 1), "in opposite directions"
    assert in_place(voices, RANGES).tolist() == [True, True, True, True, False]
    assert in_place(np.array([[82, 60, 55, 40], [-1, 60, 55, 40]]), RANGES).tolist() == [False, True]


def test_the_commonest_chord_of_each_note() -> None:
    chorales = [
        np.array([[9, 7, 5, 3], [9, 7, 5, 2], [9, 7, 5, 3], [8, 7, 5, 2], [8, 6, 4, 1], [8, 6, 4, 1], [8, 6, 4, 1]])
    ]
    assert measures.commonest(chorales) == {9: (7, 5, 3), 8: (6, 4, 1), SILENCE: (6, 4, 1)}


# Data


@pytest.mark.parametrize("grid", [1, 4])
def test_chorales_are_tokens_of_four_voices_padded_with_silence(grid: int) -> None:
    config = SimpleNamespace(grid=grid, context_length=640)
    data = open_chorales(NAME, "test", config, sample=True)
    batch = data.batch(np.arange(4))
    voices, length = batch["voices"].numpy(), batch["length"].numpy()
    assert voices.shape[2] == 4 and voices.dtype == np.int64 and voices.min() == SILENCE and voices.max() <= KEYS
    for row, size, chorale in zip(voices, length, data.chorales, strict=False):
        assert np.array_equal(row[:size], chorale) and not row[size:].any()
        assert in_place(pitches_of(chorale), RANGES).mean() > 0.9
    assert np.array_equal(tokens_of(pitches_of(voices)), voices)
    whole = open_chorales(NAME, "test", SimpleNamespace(grid=1, context_length=640), sample=True)
    assert all(np.array_equal(a, b[::grid]) for a, b in zip(data.chorales, whole.chorales, strict=True))


def test_a_training_chorale_is_in_another_key_each_epoch_and_the_same_in_the_same_one() -> None:
    train = open_chorales(NAME, "train", ENTRY.tiny, sample=True)
    rows = np.arange(len(train))
    first = [train.batch(rows, epoch)["voices"].numpy() for epoch in range(12)]
    assert all(np.array_equal(one, train.batch(rows, epoch)["voices"].numpy()) for epoch, one in enumerate(first))
    for index in range(len(train)):
        chorale = train.chorales[index]
        moved = [one[index, : len(chorale)] for one in first]
        shifts = {int((one - chorale)[chorale > 0].min()) for one in moved}
        assert all(np.array_equal(one, np.where(chorale > 0, chorale + s, 0)) for one in moved
                   for s in [int((one - chorale)[chorale > 0].min())])  # fmt: skip
        assert shifts <= set(shifts_of(chorale)) and 0 in shifts_of(chorale) and max(map(abs, shifts)) <= MAX_SHIFT
        assert len(shifts_of(chorale)) < 3 or len(shifts) > 1
        assert all(
            in_place(pitches_of(one), RANGES).mean() >= in_place(pitches_of(chorale), RANGES).mean() for one in moved
        )
    held = open_chorales(NAME, "validation", ENTRY.tiny, sample=True)
    assert np.array_equal(held.batch(np.array([1]), 3)["voices"][0, : held.lengths[1]], held.chorales[1])


def test_a_chorale_that_is_too_long_for_the_model_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a chorale of \d+ frames; this model sees at most 20"):
        open_chorales(NAME, "test", SimpleNamespace(grid=4, context_length=20), sample=True)


def test_notes_are_what_stays_the_same() -> None:
    pitches = np.array([[60, -1, 50, 40], [60, -1, 50, 41], [62, 55, 50, 41], [62, 55, -1, 41]])
    assert notes_of(pitches, 4) == [
        Note(0, 0, 8, 60), Note(2, 0, 12, 50), Note(3, 0, 4, 40), Note(3, 4, 12, 41), Note(0, 8, 8, 62),
        Note(1, 8, 8, 55),
    ]  # fmt: skip


# Writing


def test_a_given_melody_is_kept_to_the_last_note_and_a_seed_gives_the_same_piece() -> None:
    model = shaken(replace(TINY, tokens=KEYS + 1))
    melody = np.array([[40, 40, 42, 0, 44, 44, 45], [50, 51, 52, 53, 0, 0, 0]])
    lengths = np.array([7, 4])
    first, second, other = (write_batch(Modules(model), melody, lengths, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first, second) and not np.array_equal(first, other)
    assert np.array_equal(first[..., 0], melody)
    assert not first[1, 4:].any(), "silence after the end"
    assert first[0, :, 1:].any()


def test_pieces_side_by_side_are_those_written_alone_by_the_same_choices() -> None:
    """At temperature 0 nothing is drawn: a piece does not hang on its neighbours, nor on the room in the caches."""
    model = shaken(replace(TINY, tokens=KEYS + 1))
    melody = np.concatenate([melodies(model, 1, 70).numpy(), melodies(model, 2, 70).numpy()[1:]])
    together = write_batch(Modules(model), melody, np.array([70, 66]), seed=0, temperature=0.0)
    for row, size in ((0, 70), (1, 66)):
        alone = write_batch(Modules(model), melody[row : row + 1], np.array([size]), seed=9, temperature=0.0)
        assert np.array_equal(together[row, :size], alone[0])


def test_what_is_written_is_drawn_from_the_model() -> None:
    """With top-p so small that one token is left, every choice is the likeliest one given the choices before it."""
    model = shaken(replace(TINY, tokens=KEYS + 1))
    written = write_batch(Modules(model), None, np.array([9]), seed=1, top_p=1e-6)
    voices = torch.from_numpy(written)
    logits = model(voices, model.listen(free(model, 1, 9)[0], torch.tensor([9])))
    assert torch.equal(logits.argmax(-1), voices)


def test_more_frames_than_the_model_sees_are_refused() -> None:
    with pytest.raises(ValueError, match="161 frames do not fit; this model sees at most 160"):
        write_batch(Modules(shaken(TINY)), None, np.array([161]), seed=0)


def test_a_few_steps_of_learning_find_the_keys_and_the_steps_of_chorales() -> None:
    """Below what each key's frequency gives, ln 88 at first, on chorales that were not learnt from."""
    config = replace(ENTRY.tiny, given=0.3)
    torch.manual_seed(0)
    model = MusicTransformer(config)
    train, held = (open_chorales(NAME, split, config, sample=True) for split in ("train", "test"))
    batch = held.batch(np.arange(6))
    before = float(model.eval().loss(batch, Noise(1))["loss"])
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=2e-2)
    for step in range(50):
        loss = model.loss(train.batch(np.arange(8) + 8 * (step % 3), step // 3), Noise(2, step))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = float(model.eval().loss(batch, Noise(1))["loss"])
    assert before == pytest.approx(math.log(89), abs=0.1) and after < 2.6, after
