"""Counter-based noise: Random123's known answers, the distributions, and how a batch is shared between processes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from zoo.noise import MAX_SEED, Noise, permutation, philox

KNOWN_ANSWERS = {  # of Random123's kat_vectors: counter, key -> the four words after ten rounds
    "zeros": ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    "ones": ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    "pi": ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
}


@pytest.mark.parametrize("case", KNOWN_ANSWERS)
def test_philox_gives_the_known_answers_of_random123(case: str) -> None:
    counter, key, answer = ([int(word, 16) for word in text.split()] for text in KNOWN_ANSWERS[case])
    assert philox(np.array([counter], np.uint32), (key[0], key[1])).tolist() == [answer]


def test_words_are_philox_of_block_and_stream_under_the_seed() -> None:
    seed, stream = (3 << 32) | 5, (7 << 32) | 11
    words = Noise(seed, stream).words(8)
    counters = np.array([[0, 0, 11, 7], [1, 0, 11, 7]], np.uint32)
    assert words.tolist() == philox(counters, (5, 3)).reshape(-1).tolist()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(0, MAX_SEED))
def test_words_do_not_depend_on_how_they_are_asked_for(pieces: list[int], seed: int) -> None:
    whole, noise = Noise(seed, 3).words(sum(pieces)), Noise(seed, 3)
    assert np.array_equal(np.concatenate([noise.words(piece) for piece in pieces]), whole)


def test_uniforms_are_multiples_of_2_to_the_minus_24_below_one_and_uniform() -> None:
    found = Noise(1).uniform_array(100_000)
    assert found.dtype == np.float32 and found.min() >= 0 and found.max() < 1
    assert np.array_equal(found * 2**24, np.round(found * 2**24))
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def test_normals_are_standard_normal() -> None:
    found = Noise(2).normal_array(100_000)
    assert found.dtype == np.float32 and np.isfinite(found).all()
    assert stats.kstest(found, "norm").pvalue > 1e-3
    assert abs(float(stats.kurtosis(found))) < 0.06


def test_integers_are_uniform_over_their_range() -> None:
    counts = np.bincount(Noise(3).integers_array(10, 100_000), minlength=10)
    assert len(counts) == 10 and stats.chisquare(counts).pvalue > 1e-3


def test_seeds_and_streams_are_independent() -> None:
    draws = [Noise(s, t).normal_array(20_000) for s, t in ((0, 0), (1, 0), (0, 1), (1 << 32, 0), (0, 1 << 32))]
    correlations = np.corrcoef(draws)[~np.eye(len(draws), dtype=bool)]
    assert np.abs(correlations).max() < 0.03


@pytest.mark.parametrize("kind", ["uniform_array", "normal_array"])
def test_ranks_together_draw_what_one_process_draws(kind: str) -> None:
    alone, ranks = Noise(4, 9), [Noise(4, 9, rank=rank, world=3) for rank in range(3)]
    for width in (1, 5, 3):  # several draws, so that positions must agree afterwards too
        whole = getattr(alone, kind)(6, width)
        assert np.array_equal(np.concatenate([getattr(rank, kind)(2, width) for rank in ranks]), whole)
    assert len({rank.words(1)[0] for rank in ranks}) == 1


def test_tensors_hold_the_same_numbers_as_arrays() -> None:
    for kind, arguments in (("uniform", (3, 2)), ("normal", (3, 2)), ("integers", (9, 3, 2))):
        tensor, array = getattr(Noise(5), kind)(*arguments), getattr(Noise(5), kind + "_array")(*arguments)
        assert torch.equal(tensor, torch.from_numpy(array))


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1])
def test_a_seed_that_a_browser_cannot_hold_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match=rf"seed is {seed}; allowed are whole numbers from 0 to {MAX_SEED}"):
        Noise(seed)


def test_a_permutation_has_every_index_once_and_differs_by_epoch_and_seed() -> None:
    orders = [permutation(seed, epoch, 1000) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    for order in orders:
        assert np.array_equal(np.sort(order), np.arange(1000))
    assert not np.array_equal(orders[0], orders[1]) and not np.array_equal(orders[0], orders[2])
    assert np.array_equal(orders[0], permutation(0, 0, 1000))
    first = [int(permutation(seed, 0, 10)[0]) for seed in range(2000)]
    assert stats.chisquare(np.bincount(first, minlength=10)).pvalue > 1e-3
