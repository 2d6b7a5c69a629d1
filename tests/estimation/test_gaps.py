from __future__ import annotations

import torch
from torch import Tensor

from flowdepth.estimation.gaps import Bounds, bounds
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Gaps
from helpers import (
    binary_images,
    closed_form,
    make_encoder_optimal,
    posterior_precision,
    ppca,
    small_vae,
)

SETTINGS = Gaps(images=1, steps=500, learning_rate=0.03, samples=10_000)
FEW = SETTINGS.model_copy(update={"steps": 6, "samples": 50})


def grey_images(count: int) -> Tensor:
    return torch.rand(count, 4, generator=torch.Generator().manual_seed(1)).double()


def correlated(depth: int) -> FlowVAE:
    """Probabilistic PCA whose posterior no diagonal Gaussian fits well."""
    vae = ppca(depth)
    with torch.no_grad():
        vae.output.weight[0, 1] = 0.5 * vae.output.weight[0, 0]
        vae.output.weight *= 2
    return vae


def diagonal_gap(vae: FlowVAE) -> float:
    """KL from the best diagonal Gaussian, which has the diagonal of the precision."""
    precision, _ = posterior_precision(vae)
    return 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision)).item()


def found(vae: FlowVAE, images: Tensor, settings: Gaps = SETTINGS) -> Bounds:
    return bounds(vae, images, tuple(range(vae.replicas)), settings)


def approximation(vae: FlowVAE, images: Tensor) -> Tensor:
    return closed_form(vae, images) - found(vae, images).optimised_elbo


def test_gap_is_that_of_the_best_diagonal_gaussian() -> None:
    vae, images = correlated(0), grey_images(8)
    expected = diagonal_gap(vae)
    assert expected > 0.3
    assert (approximation(vae, images) - expected).abs().max() < 0.03


def test_perfect_encoder_has_no_amortisation_gap() -> None:
    vae, images = correlated(0), grey_images(8)
    make_encoder_optimal(vae)
    result = found(vae, images)
    assert (closed_form(vae, images) - result.elbo - diagonal_gap(vae)).abs().max() < 0.03
    assert (result.optimised_elbo - result.elbo).abs().max() < 0.02


def test_layers_close_the_approximation_gap() -> None:
    flat, deep = (approximation(correlated(depth), grey_images(4)) for depth in (0, 6))
    assert (flat > 0.8 * diagonal_gap(correlated(0))).all()
    assert (deep < 0.1 * diagonal_gap(correlated(6))).all()


def test_optimising_does_not_lower_the_bound() -> None:
    result = found(small_vae(3, (0, 1), disturb=0.5), binary_images(4))
    assert (result.optimised_elbo > result.elbo - 0.01).all()


def test_model_is_left_unchanged() -> None:
    vae = small_vae(2, disturb=0.3)
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    found(vae, binary_images(3), FEW)
    for name, value in vae.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(parameter.grad is None for parameter in vae.parameters())
    assert all(parameter.requires_grad for parameter in vae.parameters())


def test_seed_has_the_same_bounds_in_any_pack() -> None:
    x = binary_images(3)
    pack = bounds(small_vae(2, (4, 6)), x, (4, 6), FEW)
    alone = bounds(small_vae(2, (6,)), x, (6,), FEW)
    torch.testing.assert_close(pack.optimised_elbo[1], alone.optimised_elbo[0])


def test_too_few_steps_show_in_the_last_improvement() -> None:
    vae, images = ppca(0), grey_images(6)
    short, long = (
        found(vae, images, SETTINGS.model_copy(update={"steps": steps})) for steps in (20, 600)
    )
    missed = (long.optimised_elbo - short.optimised_elbo).mean()
    assert short.last_improvement.mean() > 0.25 * missed > 0.02
    assert long.last_improvement.mean().abs() < 0.01


def test_one_step_is_enough_to_run() -> None:
    for steps in (1, 2, 3):
        result = found(small_vae(1), binary_images(2), FEW.model_copy(update={"steps": steps}))
        assert result.last_improvement.isfinite().all()
