from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import Tensor

from flowdepth.estimation import gaps
from flowdepth.estimation.gaps import InferenceGap, inference_gap, optimise
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Flow, Gaps
from helpers import (
    Dying,
    KilledError,
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


def split(vae: FlowVAE, images: Tensor, settings: Gaps = SETTINGS) -> InferenceGap:
    return inference_gap(vae, images, tuple(range(vae.replicas)), settings)


def test_gap_is_that_of_the_best_diagonal_gaussian() -> None:
    vae, images = correlated(0), grey_images(8)
    expected, exact = diagonal_gap(vae), closed_form(vae, images)
    assert expected > 0.3
    result = split(vae, images)
    assert (exact - result.optimised_elbo - expected).abs().max() < 0.03
    error = result.approximation - expected
    assert (error.abs() < 4.5 * result.log_p_mcse + 0.01).all()
    torch.testing.assert_close(
        result.approximation + result.amortisation, result.log_p - result.elbo
    )


def test_perfect_encoder_has_no_amortisation_gap() -> None:
    vae, images = correlated(0), grey_images(8)
    make_encoder_optimal(vae)
    result = split(vae, images)
    assert (closed_form(vae, images) - result.elbo - diagonal_gap(vae)).abs().max() < 0.03
    assert result.amortisation.abs().max() < 0.02


def test_layers_close_the_approximation_gap() -> None:
    flat, deep = (split(correlated(depth), grey_images(4)) for depth in (0, 6))
    assert (flat.approximation > 0.8 * diagonal_gap(correlated(0))).all()
    assert (deep.approximation < 0.1 * diagonal_gap(correlated(6))).all()


def test_gaps_are_not_negative() -> None:
    vae = small_vae(3, (0, 1), disturb=0.5)
    result = split(vae, binary_images(4))
    assert (result.approximation > -4 * result.log_p_mcse).all()
    assert (result.amortisation > -0.01).all()


def test_model_is_left_unchanged() -> None:
    vae = small_vae(2, disturb=0.3)
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    split(vae, binary_images(3), FEW)
    for name, value in vae.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(parameter.grad is None for parameter in vae.parameters())
    assert all(parameter.requires_grad for parameter in vae.parameters())


def test_image_has_the_same_gaps_whatever_its_companions() -> None:
    vae = small_vae(2, disturb=0.3)
    both, one = split(vae, binary_images(5), FEW), split(vae, binary_images(5)[:2], FEW)
    for name in ("elbo", "optimised_elbo", "log_p", "last_improvement"):
        torch.testing.assert_close(getattr(both, name)[:, :2], getattr(one, name))


def test_seed_has_the_same_gaps_in_any_pack() -> None:
    x = binary_images(3)
    pack = inference_gap(small_vae(2, (4, 6)), x, (4, 6), FEW)
    alone = inference_gap(small_vae(2, (6,)), x, (6,), FEW)
    torch.testing.assert_close(pack.optimised_elbo[1], alone.optimised_elbo[0])
    torch.testing.assert_close(pack.log_p[1], alone.log_p[0])


def test_optimising_gives_every_image_its_own_flow() -> None:
    vae = small_vae(2, flow=Flow(parameters="shared"), disturb=0.3)
    x = binary_images(3).unsqueeze(0)
    *_, q = optimise(vae, x, vae.encode(x), (0,), FEW)
    assert q.flow.w.shape == (1, 3, 2, 2)
    assert not torch.equal(q.flow.w[0, 0], q.flow.w[0, 1])
    assert not torch.equal(q.flow.b[0, 0], q.flow.b[0, 1])


def test_too_few_steps_show_in_the_last_improvement() -> None:
    vae, images = ppca(0), grey_images(6)
    short, long = (
        split(vae, images, SETTINGS.model_copy(update={"steps": steps})) for steps in (20, 600)
    )
    missed = (long.optimised_elbo - short.optimised_elbo).mean()
    assert short.last_improvement.mean() > 0.25 * missed > 0.02
    assert long.last_improvement.mean().abs() < 0.01


def test_one_step_is_enough_to_run() -> None:
    for steps in (1, 2, 3):
        result = split(small_vae(1), binary_images(2), FEW.model_copy(update={"steps": steps}))
        assert result.last_improvement.isfinite().all()


@pytest.mark.parametrize("steps", [1, 3, 4, 5])
def test_killed_split_ends_the_same_and_repeats_no_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    monkeypatch.setattr(gaps, "_STEPS_PER_STREAM", 2)
    vae, images = small_vae(2, (0, 1), disturb=0.3), binary_images(3)
    whole = split(vae, images, FEW)
    with pytest.raises(KilledError):
        inference_gap(vae, images, (0, 1), FEW, bookmark=Dying(tmp_path / "a", steps))
    rest = Dying(tmp_path / "a", FEW.steps - steps)
    resumed = inference_gap(vae, images, (0, 1), FEW, bookmark=rest)
    for field in fields(InferenceGap):
        assert torch.equal(getattr(resumed, field.name), getattr(whole, field.name))


def test_log_p_is_taken_from_the_better_sampler() -> None:
    """An encoder that is far off has few effective samples; the optimised posterior has many."""
    vae, images = ppca(0), grey_images(4)
    with torch.no_grad():
        vae.head.bias += 1.5
    result = split(vae, images)
    assert result.from_optimised.all()
    assert (result.log_p - closed_form(vae, images)).abs().max() < 0.05
