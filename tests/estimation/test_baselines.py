from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch

from flowdepth.data.inputs import observed
from flowdepth.data.prepare import prepare
from flowdepth.data.prepared import Images
from flowdepth.estimation.baselines import baseline, independent_pixels, principal_components
from flowdepth.settings.sections import Dataset, Model

GREY = Model(latent=3, likelihood="normal")


def images(train: list[list[int]], test: list[list[int]], levels: int = 2) -> Images:
    rows, others = (torch.tensor(split, dtype=torch.uint8) for split in (train, test))
    return Images(rows, others, others, 1, rows.shape[1], levels, levels, 0, None, {})


def test_independent_pixels_cost_what_counting_gives() -> None:
    found = independent_pixels(images([[1, 0], [1, 0], [0, 0]], [[1, 0], [0, 1]]))
    expected = [-math.log(3 / 5) - math.log(4 / 5), -math.log(2 / 5) - math.log(1 / 5)]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_independent_pixels_of_redrawn_images_use_their_grey_means() -> None:
    redrawn = prepare(Dataset(binarisation="dynamic"))
    once = prepare(Dataset(binarisation="static"))
    assert independent_pixels(redrawn).mean() == pytest.approx(
        independent_pixels(once).mean().item(), rel=0.01
    )


def test_principal_components_are_the_normal_of_the_largest_variances() -> None:
    """Tipping and Bishop 1999: the smallest eigenvalues are replaced by their mean."""
    grey = prepare(Dataset(binarisation="none"))
    train, test = (observed(grey, split, torch.float64).numpy() for split in ("train", "test"))
    values, vectors = np.linalg.eigh(np.cov(train.T))
    values[:-3] = values[:-3].mean()
    normal = scipy.stats.multivariate_normal(train.mean(0), vectors * values @ vectors.T)
    found = principal_components(grey, 3).numpy()
    np.testing.assert_allclose(found, -normal.logpdf(test), rtol=1e-9)
    columns = baseline(grey, GREY)
    assert columns["baseline"] == "probabilistic PCA"
    bits = columns["baseline_nll"] / (64 * math.log(2)) + math.log2(17)
    assert columns["baseline_bits_per_dim"] == pytest.approx(bits)


@pytest.mark.parametrize("latent", [2, 40])
def test_more_components_than_pixels_leave_one_direction_of_noise(latent: int) -> None:
    drawn = np.random.default_rng(0).integers(0, 4, (30, 3)).tolist()
    assert principal_components(images(drawn, drawn, 4), latent).isfinite().all()


def test_training_images_without_noise_have_no_baseline() -> None:
    black = images([[0, 0, 0]] * 5, [[0, 0, 1]])
    assert math.isnan(baseline(black, GREY)["baseline_nll"])
