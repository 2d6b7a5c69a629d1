from __future__ import annotations

import math
from unittest import mock

import pytest
import torch
from torch.distributions import MultivariateNormal

from flowdepth.likelihood import Estimate, estimate, summarise_weights
from flowdepth.vae import PlanarVAE
from helpers import binary_images, small_vae


def ppca(depth: int, seeds: tuple[int, ...] = (0,)) -> PlanarVAE:
    """A linear decoder under a Normal likelihood: probabilistic PCA, with a closed form."""
    return small_vae(
        depth, seeds, hidden=(), likelihood="normal", scale_start=0.8, disturb=0.2, pixels=4
    )


def closed_form(vae: PlanarVAE, images: torch.Tensor) -> torch.Tensor:
    """Return log N(x; c, W^T W + sigma^2 I) [R, N]."""
    weight = vae.output.weight.detach()
    noise = (2 * vae.observation.log_scale.detach()).exp().view(-1, 1, 1)
    covariance = weight.mT @ weight + noise * torch.eye(weight.shape[-1], dtype=weight.dtype)
    centre = vae.output.bias.detach()
    x = images.expand(vae.replicas, -1, -1)
    return MultivariateNormal(centre, covariance.unsqueeze(1)).log_prob(x)


@pytest.mark.parametrize("depth", [0, 1, 4, 16])
def test_estimate_misses_the_closed_form(depth: int) -> None:
    vae = ppca(depth)
    images = torch.rand(20, 4, generator=torch.Generator().manual_seed(1)).double()
    result = estimate(vae, images, (0,), 20_000)
    error = (result.log_p - closed_form(vae, images)) / result.mcse
    assert error.abs().max() < 4.5
    assert error.square().mean().sqrt() < 2
    assert result.mcse.max() < 0.2


def test_elbo_is_above_the_likelihood() -> None:
    vae = ppca(3)
    images = torch.rand(10, 4, generator=torch.Generator().manual_seed(1)).double()
    result = estimate(vae, images, (0,), 1000)
    assert (result.elbo < closed_form(vae, images)).all()
    assert (result.elbo < result.log_p).all()
    assert (result.reconstruction > result.elbo).all()


@pytest.mark.parametrize("depth", [0, 3])
@pytest.mark.parametrize("rows", [1, 37, 210, 10_000])
def test_chunk_size_changes_the_result(depth: int, rows: int) -> None:
    vae, images = small_vae(depth, (0, 1), disturb=0.3), binary_images(9)
    whole = estimate(vae, images, (0, 1), 70, rows=10**6)
    parts = estimate(vae, images, (0, 1), 70, rows=rows)
    for name in ("log_p", "mcse", "ess", "elbo", "reconstruction", "z_mean"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name))


def test_seed_depends_on_its_pack() -> None:
    images = binary_images(5)
    pack = small_vae(2, (4, 6), disturb=0.0)
    alone = small_vae(2, (6,), disturb=0.0)
    both, one = estimate(pack, images, (4, 6), 30), estimate(alone, images, (6,), 30)
    torch.testing.assert_close(both.log_p[1], one.log_p[0], rtol=1e-9, atol=1e-9)


def test_samples_are_rounded_or_ignored() -> None:
    vae, images = small_vae(1, disturb=0.3), binary_images(2)
    drawn = []
    with mock.patch(
        "flowdepth.likelihood.summarise_weights",
        side_effect=lambda w, *rest: drawn.append(w.shape) or summarise_weights(w, *rest),
    ):
        for samples in (1, 7, 103):
            estimate(vae, images, (0,), samples, rows=10)
    assert {shape[-1] for shape in drawn} == {1, 7, 103}


def test_encoder_runs_once_per_sample() -> None:
    vae, images = small_vae(2), binary_images(6)
    with mock.patch.object(vae, "encode", wraps=vae.encode) as encode:
        estimate(vae, images, (0,), 50, rows=10)
    assert sum(call.args[0].shape[1] for call in encode.call_args_list) == 6


def test_evaluation_builds_autograd_graphs() -> None:
    assert not estimate(small_vae(2), binary_images(2), (0,), 3).log_p.requires_grad


def weights(*values: float) -> Estimate:
    log_w = torch.tensor(values, dtype=torch.float64).view(1, 1, -1)
    return summarise_weights(log_w, torch.zeros(1, 1), torch.zeros(1, 1, 2))


def test_weights_are_summarised_wrongly() -> None:
    w = torch.tensor([0.5, 1.0, 4.0], dtype=torch.float64)
    result = weights(*w.log().tolist())
    assert result.log_p.item() == pytest.approx(w.mean().log().item())
    assert result.elbo.item() == pytest.approx(w.log().mean().item())
    assert result.ess.item() == pytest.approx((w.sum() ** 2 / (w**2).sum()).item())
    relative = w.var(correction=0).sqrt() / w.mean() / math.sqrt(3)
    assert result.mcse.item() == pytest.approx(relative.item())


def test_far_weights_underflow() -> None:
    result = weights(-1000.0, -1000.0, -1000.0)
    assert result.log_p.item() == pytest.approx(-1000)
    assert result.mcse.item() == pytest.approx(0, abs=1e-7)
    assert result.ess.item() == pytest.approx(3)


def test_single_weight_dominates_unnoticed() -> None:
    result = weights(0.0, *[-500.0] * 99)
    assert result.ess.item() == pytest.approx(1)
    assert result.mcse.item() == pytest.approx(math.sqrt(0.99))


def test_inactive_units_are_counted() -> None:
    z_mean = torch.zeros(2, 50, 3, dtype=torch.float64)
    z_mean[0, :, 1] = torch.linspace(-1, 1, 50)
    z_mean[1] = torch.linspace(-0.01, 0.01, 50).unsqueeze(-1)
    zeros = torch.zeros(2, 50)
    result = Estimate(zeros, zeros, zeros, zeros, zeros, z_mean)
    assert result.active_units().tolist() == [1, 0]


@pytest.mark.gpu
def test_cuda_disagrees_with_cpu() -> None:
    vae = ppca(4)
    images = torch.rand(10, 4).double()
    expected = closed_form(vae, images)
    result = estimate(vae.cuda(), images.cuda(), (0,), 20_000)
    assert ((result.log_p.cpu() - expected) / result.mcse.cpu()).abs().max() < 4.5
