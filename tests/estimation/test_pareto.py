from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from flowdepth.estimation.pareto import nested_sizes, pareto_k
from flowdepth.estimation.thresholds import K_HAT_LIMIT


def chance() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_shape_of_a_pareto_tail_is_found(shape: float) -> None:
    # w = u^-k has the shape k exactly
    log_w = -shape * np.log(chance().uniform(size=(60, 4000)))
    found = pareto_k(log_w)
    assert found.mean() == pytest.approx(shape, abs=0.05)
    assert found.std() < 0.2


def test_bounded_weights_are_sound_and_their_inverses_are_not() -> None:
    # Bounded weights with a heavy lower tail: harmless, the other way round they would not be.
    log_w = 2 * np.log(chance().uniform(size=(5, 4000)))
    assert (pareto_k(log_w) < 0.2).all()
    assert (pareto_k(-log_w) > K_HAT_LIMIT).all()


def test_scale_of_the_weights_leaves_the_shape_unchanged() -> None:
    log_w = chance().normal(size=(3, 1000))
    np.testing.assert_allclose(pareto_k(log_w - 5000), pareto_k(log_w), rtol=1e-6)


def test_every_image_has_the_shape_of_its_own_weights() -> None:
    log_w = chance().normal(0, [[[0.1], [1.0], [3.0]]], (2, 3, 500))
    alone = [[pareto_k(row) for row in block] for block in log_w]
    np.testing.assert_array_equal(pareto_k(log_w), alone)


@pytest.mark.parametrize("samples", [1, 2, 20, 24])
def test_too_few_samples_have_no_shape(samples: int) -> None:
    assert np.isnan(pareto_k(chance().normal(size=(4, samples)))).all()


def test_twenty_five_samples_are_enough_for_a_shape() -> None:
    assert np.isfinite(pareto_k(chance().normal(size=(4, 25)))).all()


FLAT = {
    "equal": np.zeros(100),
    "equal but for rounding": 1e-6 * np.arange(300.0),
    "equal at the top": np.minimum(np.linspace(-5, 5, 100), 0),
    "not numbers": np.full(100, np.nan),
}


@pytest.mark.parametrize("log_w", FLAT.values(), ids=FLAT)
def test_flat_tail_has_no_shape(log_w: NDArray[np.float64]) -> None:
    assert np.isnan(pareto_k(log_w))


STEEP = {
    "underflow": np.r_[0.0, np.full(999, -800.0)],
    "ties below one": np.r_[0.0, np.full(999, -80.0)],
    "far apart": 500 * np.sort(chance().normal(size=5000)),
}


@pytest.mark.parametrize("log_w", STEEP.values(), ids=STEEP)
def test_single_weight_that_decides_has_a_large_shape(log_w: NDArray[np.float64]) -> None:
    assert pareto_k(log_w) > 5


def test_nested_sizes_end_with_the_whole_once() -> None:
    assert nested_sizes(1) == (1,)
    assert nested_sizes(50) == (1, 2, 5, 10, 20, 50)
    assert nested_sizes(70) == (1, 2, 5, 10, 20, 50, 70)
