from __future__ import annotations

import math

import pytest
import torch
from scipy.integrate import dblquad

from flowdepth.estimation.energies import (
    NAMES,
    RESTARTS,
    Fit,
    divergence,
    energy,
    fit,
    grid,
    log_normaliser,
)


def at(name: str, *point: float) -> float:
    return energy(name, torch.tensor(point, dtype=torch.float64)).item()


def test_energies_are_those_of_the_paper() -> None:
    """Values worked out by hand from table 1, inside the frame of figure 3."""
    assert at("U1", 2, 0) == pytest.approx(-math.log1p(math.exp(-0.5 * (4 / 0.6) ** 2)))
    assert at("U2", 1, 1) == pytest.approx(0, abs=1e-12)
    assert at("U2", 0, 0.4) == pytest.approx(0.5)
    dip = 3.0
    assert at("U3", 1, 1) == pytest.approx(-math.log1p(math.exp(-0.5 * (dip / 0.35) ** 2)))
    step = 3 / (1 + math.exp(-0 / 0.3))
    assert at("U4", 1, 1) == pytest.approx(-math.log1p(math.exp(-0.5 * (step / 0.35) ** 2)))


@pytest.mark.parametrize("name", NAMES)
def test_normaliser_takes_in_all_the_mass(name: str) -> None:
    coarse, fine = log_normaliser(name, 351), log_normaliser(name)
    assert coarse == pytest.approx(fine, abs=1e-6)
    points = grid(7.0, 301)
    border = torch.cat([points[0], points[-1], points[:, 0], points[:, -1]])
    assert (-energy(name, border)).max() < -25


def test_normaliser_agrees_with_scipy() -> None:
    value, _ = dblquad(lambda y, x: math.exp(-at("U1", x, y)), 0, 6, 0, 6, epsabs=1e-5)
    assert math.log(4 * value) == pytest.approx(log_normaliser("U1"), abs=1e-4)


@pytest.fixture(scope="module")
def fits() -> dict[int, Fit]:
    return {depth: fit(depth, steps=300, restarts=2) for depth in (1, 6)}


def test_divergence_is_not_negative_and_falls_with_depth(fits: dict[int, Fit]) -> None:
    best = {}
    for depth, fitted in fits.items():
        kl, error = divergence(fitted, 20_000)
        assert (kl > -4 * error).all()
        best[depth] = kl.min(1).values
    assert (best[6] < best[1]).all()


def test_density_integrates_to_one(fits: dict[int, Fit]) -> None:
    fitted = fits[6].restart(1, 0)
    points = grid(12.0, 601)
    density = fitted.log_prob(points.view(1, 1, -1, 2)).exp()
    assert density.sum().item() * (24 / 600) ** 2 == pytest.approx(1, abs=0.01)


def test_same_seed_gives_the_same_fit() -> None:
    first, second = (fit(2, steps=5) for _ in range(2))
    assert torch.equal(first.mean, second.mean)
    assert first.mean.shape == (len(NAMES), RESTARTS, 2)
    assert not torch.equal(first.flow.w[0, 0], first.flow.w[0, 1])
