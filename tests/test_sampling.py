"""Choosing tokens: transformers' processors are the oracle; the draw itself is held to the exact distribution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zoo.engine.modules import Modules
from zoo.generate.sampling import choose, keep_top_k, keep_top_p, penalise, probabilities
from zoo.models.text.gpt import ENTRY
from zoo.noise import Noise

ROWS, VOCABULARY = 16, 40


@pytest.fixture(scope="module")
def logits() -> np.ndarray:
    return (Noise(1).normal_array(ROWS, VOCABULARY) * 3).astype(np.float32)


@pytest.fixture(scope="module")
def processors() -> object:
    from transformers.generation import logits_process

    return logits_process


def test_temperature_is_that_of_transformers(logits: np.ndarray, processors: object) -> None:
    for temperature in (0.1, 0.8, 1.0, 2.0):
        expected = processors.TemperatureLogitsWarper(temperature)(None, torch.from_numpy(logits))
        grid = (np.arange(2000) + 0.5) / 2000
        for row in range(3):
            drawn = choose(np.repeat(logits[row : row + 1], 2000, axis=0), grid, temperature=temperature)
            shares = np.bincount(drawn, minlength=VOCABULARY) / 2000
            assert np.abs(shares - expected[row].softmax(0).numpy()).max() < 1e-3


@pytest.mark.parametrize("k", [1, 2, 7, VOCABULARY, VOCABULARY + 5])
def test_top_k_keeps_what_transformers_keeps(logits: np.ndarray, processors: object, k: int) -> None:
    expected = processors.TopKLogitsWarper(top_k=k)(None, torch.from_numpy(logits)).numpy()
    assert np.array_equal(keep_top_k(logits, k), expected)


def test_top_k_of_zero_keeps_all_and_ties_are_kept_as_by_transformers(logits: np.ndarray, processors: object) -> None:
    assert keep_top_k(logits, 0) is logits
    tied = np.array([[1.0, 3.0, 3.0, 3.0, 0.0]], np.float32)
    expected = processors.TopKLogitsWarper(top_k=2)(None, torch.from_numpy(tied)).numpy()
    assert np.array_equal(keep_top_k(tied, 2), expected)


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.9, 0.95, 0.999])
def test_top_p_keeps_what_transformers_keeps(logits: np.ndarray, processors: object, p: float) -> None:
    expected = processors.TopPLogitsWarper(top_p=p)(None, torch.from_numpy(logits).double()).numpy()
    assert np.array_equal(keep_top_p(logits.astype(np.float64), p), expected)


def test_top_p_keeps_the_smallest_set_that_reaches_p_and_one_token_at_least(logits: np.ndarray) -> None:
    assert keep_top_p(logits, 1.0) is logits
    assert (np.isfinite(keep_top_p(logits, 1e-6)).sum(axis=1) == 1).all()
    for p in (0.3, 0.9):
        for row, kept in zip(probabilities(logits), keep_top_p(logits, p), strict=True):
            chosen = np.sort(row[np.isfinite(kept)])[::-1]
            assert chosen.sum() >= p - 1e-9 and chosen[:-1].sum() < p
            assert chosen.min() >= row[~np.isfinite(kept)].max()


@pytest.mark.parametrize("penalty", [1.0, 1.3, 2.0])
def test_the_repetition_penalty_is_that_of_transformers(logits: np.ndarray, processors: object, penalty: float) -> None:
    seen = Noise(2).integers_array(VOCABULARY, ROWS, 9)
    expected = processors.RepetitionPenaltyLogitsProcessor(penalty)(torch.from_numpy(seen), torch.from_numpy(logits))
    found = penalise(logits, [np.unique(row) for row in seen], penalty)
    assert np.allclose(found, expected.numpy(), rtol=1e-6)


def test_penalising_changes_no_logits_in_place(logits: np.ndarray) -> None:
    before = logits.copy()
    penalise(logits, [np.arange(5)] * ROWS, 1.5)
    choose(logits, np.full(ROWS, 0.5), temperature=0.5, top_k=3, top_p=0.5)
    assert np.array_equal(logits, before)


def test_all_together_is_the_chain_of_transformers(logits: np.ndarray, processors: object) -> None:
    chained = torch.from_numpy(logits).double()
    for step in (
        processors.TemperatureLogitsWarper(0.7),
        processors.TopKLogitsWarper(top_k=12),
        processors.TopPLogitsWarper(0.8),
    ):
        chained = step(None, chained)
    count = 4000
    grid = (np.arange(count) + 0.5) / count
    for row in range(ROWS):
        many = np.repeat(logits[row : row + 1].astype(np.float64), count, axis=0)
        drawn = choose(many, grid, temperature=0.7, top_k=12, top_p=0.8)
        shares = np.bincount(drawn, minlength=VOCABULARY) / count
        assert np.abs(shares - chained[row].softmax(0).numpy()).max() < 1 / count


def test_a_forbidden_token_is_never_drawn_even_at_the_ends_of_the_uniforms() -> None:
    logits = np.array([[-np.inf, 0.0, -np.inf, 0.0, -np.inf]])
    for uniform in (0.0, 2.0**-24, 0.4999, 0.5, 1 - 2.0**-24):
        for options in ({}, {"top_k": 3}, {"top_p": 0.99}, {"temperature": 0.01}, {"temperature": 0.0}):
            assert choose(logits, np.array([uniform]), **options)[0] in (1, 3)


def test_temperature_zero_takes_the_likeliest(logits: np.ndarray) -> None:
    for uniform in (0.0, 0.999):
        assert np.array_equal(choose(logits, np.full(ROWS, uniform), temperature=0.0), logits.argmax(axis=1))


def test_draws_from_counter_noise_pass_a_chi_square_test(logits: np.ndarray) -> None:
    from scipy.stats import chi2

    count, row = 20_000, logits[:1] / 2
    drawn = choose(np.repeat(row, count, axis=0), Noise(7).uniform_array(count))
    expected = probabilities(row)[0] * count
    kept = expected >= 5
    observed = np.bincount(drawn, minlength=VOCABULARY)
    statistic = ((observed - expected)[kept] ** 2 / expected[kept]).sum()
    assert statistic < chi2.ppf(0.999, kept.sum() - 1)


def test_cached_steps_give_the_logits_of_the_whole_text() -> None:
    torch.manual_seed(0)
    model = ENTRY.model(ENTRY.tiny).eval()
    ids = Noise(3).integers_array(ENTRY.tiny.vocab_size, 2, 9)
    with torch.no_grad():
        expected = model(torch.from_numpy(ids))[:, -1].numpy()
    network = Modules(model)
    state = network.start(2)
    for part in (ids[:, :4], ids[:, 4:5], ids[:, 5:9]):
        found, state = network.step(part, state)
    assert found.dtype == np.float32 and np.allclose(found, expected, atol=1e-5)
