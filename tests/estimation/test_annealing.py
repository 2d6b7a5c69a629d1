from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from flowdepth.estimation.annealing import Space, Walk, ladder
from flowdepth.model.objective import log_weight
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Flow
from helpers import binary_images, exact_posterior, make_encoder_optimal, ppca, small_vae

MODELS = {
    "vanilla": small_vae(0, (0, 1), disturb=0.3),
    "planar": small_vae(5, (0, 1), disturb=0.3),
    **{
        kind: small_vae(3, (0, 1), flow=Flow(kind=kind, width=2), disturb=0.3)
        for kind in ("radial", "householder", "sylvester")
    },
    "shared": small_vae(3, (0, 1), flow=Flow(parameters="shared"), disturb=0.3),
}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def space_of(vae: FlowVAE, images: Tensor, leapfrog: int = 4) -> Space:
    return Space(vae, images.expand(vae.replicas, -1, -1), leapfrog)


def steps_of(distributions: int, step: float, images: int, replicas: int = 1) -> Tensor:
    shape = (distributions - 1, replicas, images)
    return torch.full(shape, math.log(step), dtype=torch.float64)


@pytest.mark.parametrize("distributions", [1, 2, 3, 100, 10_000])
def test_a_ladder_rises_from_0_to_1_and_is_the_same_from_either_end(distributions: int) -> None:
    betas = torch.tensor(ladder(distributions), dtype=torch.float64)
    assert len(betas) == distributions + 1
    assert betas[0] == 0
    assert betas[-1] == 1
    assert (betas.diff() > 0).all()
    torch.testing.assert_close(betas + betas.flip(0), torch.ones_like(betas))


@pytest.mark.parametrize("name", MODELS)
def test_one_distribution_is_importance_sampling(name: str) -> None:
    vae, images = MODELS[name], binary_images(3)
    space, eps = space_of(vae, images), normal(2, 3, 5, 2)
    walk = space.step(space.begin(eps, steps_of(1, 0.5, 3, 2)), ladder(1), eps)
    expected = log_weight(vae, space.x, space.q, eps).total()
    assert torch.equal(walk.gathered, expected)
    assert walk.t == 1


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_is_that_of_log_w(name: str) -> None:
    space, eps = space_of(MODELS[name], binary_images(3)), normal(2, 3, 5, 2)
    chains, small = space.at(eps), 1e-6
    for axis in range(2):
        shift = torch.zeros(2, dtype=torch.float64)
        shift[axis] = small
        slope = (space.at(eps + shift).log_w - space.at(eps - shift).log_w) / (2 * small)
        torch.testing.assert_close(chains.gradient[..., axis], slope, rtol=1e-6, atol=1e-6)


def exact_base(space: Space, chains: int) -> Tensor:
    """Samples ``eps`` [1, N, C, D] of the exact posterior of probabilistic PCA."""
    exact = exact_posterior(space.model, space.x[0])
    noise = normal(*exact.mean.shape[:1], chains, space.model.latent, seed=3)
    z = exact.mean.unsqueeze(1) + noise @ exact.scale_tril.mT
    return space.q.base(z.unsqueeze(0))[0]


@pytest.mark.parametrize("leapfrog", [1, 4])
def test_moves_leave_the_exact_posterior_as_it_is(leapfrog: int) -> None:
    """A wrong acceptance, or a trajectory that is not reversible, would shift or narrow it."""
    vae = ppca(2)
    make_encoder_optimal(vae)
    images = torch.rand(4, 4, generator=torch.Generator().manual_seed(1)).double()
    space = space_of(vae, images, leapfrog)
    chains = space.at(exact_base(space, 20_000))
    before, step = chains.eps, torch.full((1, 4), 0.9, dtype=torch.float64)
    for turn in range(8):
        chains, share = space.move(chains, 1.0, step, normal(1, 4, 20_000, 4, seed=turn))
        assert (share > 0.3).all()
    assert share.min() < 0.99
    for power in (1, 2):
        apart = chains.eps.pow(power) - before.pow(power)
        error = apart.mean(-2) / apart.std(-2) * math.sqrt(20_000)
        assert error.abs().max() < 4.5


def test_moves_at_the_foot_of_the_ladder_sample_the_encoders_posterior() -> None:
    space = space_of(small_vae(3, disturb=0.3), binary_images(1))
    chains = space.at(2 * normal(1, 1, 20_000, 2) + 1)
    step = torch.full((1, 1), 1.0, dtype=torch.float64)
    for turn in range(20):
        chains, _ = space.move(chains, 0.0, step, normal(1, 1, 20_000, 4, seed=turn))
    assert chains.eps.mean().abs() < 4.5 / math.sqrt(40_000)
    assert (chains.eps.square().mean() - 1).abs() < 4.5 * math.sqrt(2 / 40_000)


def test_trajectories_that_leave_the_finite_numbers_are_refused() -> None:
    space = space_of(small_vae(3, disturb=0.3), binary_images(2))
    start = space.at(normal(1, 2, 5, 2))
    step = torch.tensor([[1e200, 0.1]], dtype=torch.float64)
    moved, share = space.move(start, 0.5, step, normal(1, 2, 5, 4, seed=1))
    assert share[0, 0] == 0
    assert share[0, 1] > 0
    for new, old in zip(moved, start, strict=True):
        assert torch.equal(new[:, 0], old[:, 0])
        assert new.isfinite().all()


def walked(space: Space, betas: list[float], adapts: bool, step: float = 3.0) -> Walk:
    walk = space.begin(normal(1, 2, 6, 2), steps_of(len(betas) - 1, step, 2))
    for t in range(len(betas) - 1):
        walk = space.step(walk, betas, normal(1, 2, 6, 4, seed=t), adapts)
    return walk


def test_step_sizes_adapt_in_a_pilot_walk_alone() -> None:
    space = space_of(small_vae(3, disturb=0.3), binary_images(2))
    counted, pilot = (walked(space, ladder(40), adapts) for adapts in (False, True))
    assert torch.equal(counted.log_steps, steps_of(40, 3.0, 2))
    assert pilot.log_steps[-1].exp().max() < 2.5
    assert pilot.accepted.sum() > counted.accepted.sum()


def test_steps_that_are_never_accepted_shrink_and_those_that_always_are_grow() -> None:
    space = space_of(small_vae(0, disturb=0.3), binary_images(2))
    large, small = (walked(space, ladder(10), True, step) for step in (1e6, 1e-6))
    for walk, sign in ((large, -1), (small, 1)):
        assert (sign * walk.log_steps.diff(dim=0) > 0).all()
