"""The Fréchet distance against the textbook formula, and the judges' pins."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

from zoo import checkpoint, hub
from zoo.metrics import judges
from zoo.metrics.frechet import Gaussian, fit, frechet_distance
from zoo.noise import Noise


def features(seed: int, n: int, d: int) -> np.ndarray:
    """Correlated features with a mean of their own."""
    noise = Noise(seed)
    return noise.normal_array(n, d) @ noise.normal_array(d, d) + noise.normal_array(1, d)


@pytest.mark.parametrize(("n", "d"), [(500, 1), (500, 8), (300, 64), (20, 64)])  # the last has singular covariances
def test_the_frechet_distance_is_the_textbook_formula(n: int, d: int) -> None:
    a, b = features(1, n, d), features(2, n + 50, d)
    ours = frechet_distance(fit(a), fit(b))
    cov_a, cov_b = (np.atleast_2d(np.cov(x.astype(np.float64), rowvar=False)) for x in (a, b))
    difference = a.mean(0, dtype=np.float64) - b.mean(0, dtype=np.float64)
    root = scipy.linalg.sqrtm(cov_a @ cov_b)  # the matrix square root that Heusel et al. write down
    expected = difference @ difference + np.trace(cov_a + cov_b) - 2 * np.trace(np.real(root))
    assert ours == pytest.approx(expected, rel=1e-3 if n < d else 1e-6)


def test_the_frechet_distance_of_diagonal_gaussians_is_their_closed_form() -> None:
    mean_a, mean_b = np.array([1.0, -2.0]), np.array([0.5, 0.0])
    deviation_a, deviation_b = np.array([2.0, 0.5]), np.array([1.0, 3.0])
    found = frechet_distance(Gaussian(mean_a, np.diag(deviation_a**2)), Gaussian(mean_b, np.diag(deviation_b**2)))
    assert found == pytest.approx(((mean_a - mean_b) ** 2).sum() + ((deviation_a - deviation_b) ** 2).sum(), rel=1e-12)


def test_the_frechet_distance_to_itself_is_zero_and_symmetric() -> None:
    a, b = fit(features(3, 400, 16)), fit(features(4, 400, 16))
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-8 * np.trace(a.covariance))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


@pytest.mark.parametrize("shape", [(1, 4), (0, 4), (4,), (2, 2, 2)])
def test_features_without_a_covariance_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a covariance needs at least 2 rows"):
        fit(np.zeros(shape))


def test_a_pin_is_kept_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "PINS", tmp_path / "judges.json")
    judges.PINS.write_text("{}")
    assert judges.judge_of("mnist") is None
    judges.pin("mnist", judges.Judge("resnet.mnist", "ab" * 32))
    assert judges.judge_of("mnist") == judges.Judge("resnet.mnist", "ab" * 32)


@pytest.mark.parametrize("dataset", sorted(json.loads(judges.PINS.read_text())))
def test_every_pinned_judge_is_bundled_with_the_pinned_weights(dataset: str) -> None:
    judge = judges.judge_of(dataset)
    assert judge is not None
    folder = hub.PRETRAINED / judge.name
    assert checkpoint.sha256_of(folder / "model.safetensors") == judge.sha256
    assert checkpoint.read_json(folder / "recipe.json")["dataset"] == dataset
