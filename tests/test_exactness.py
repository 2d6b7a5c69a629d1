"""The estimator and the flow against exact values and an independent implementation."""

from __future__ import annotations

import math

import pytest
import torch
from pyro.distributions.transforms import ConditionalPlanar
from scipy.stats import binomtest
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from flowdepth.compute.streams import normals
from flowdepth.estimation.importance import Estimate, estimate, summarise_weights
from flowdepth.estimation.quadrature import exact_log_likelihood
from flowdepth.estimation.thresholds import K_HAT_LIMIT
from flowdepth.model.flows.planar import Layers
from flowdepth.model.objective import log_weight
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Flow
from helpers import binary_images, closed_form, ppca, small_vae


def widened(depth: int, seeds: tuple[int, ...], latent: int) -> FlowVAE:
    """A model whose ``q_0`` is wider than the posteriors, so that few weights are large."""
    vae = small_vae(depth, seeds, latent=latent, disturb=0.1)
    with torch.no_grad():
        vae.head.bias[..., latent : 2 * latent] += 1.5
    return vae


@pytest.mark.parametrize("latent", [1, 2])
@pytest.mark.parametrize("depth", [0, 1, 4])
def test_estimate_agrees_with_the_integral(depth: int, latent: int) -> None:
    seeds = (0, 1, 2)
    vae, images = widened(depth, seeds, latent), binary_images(15)
    result = estimate(vae, images, seeds, 10_000)
    exact = exact_log_likelihood(vae, images)
    trusted = result.k_hat < K_HAT_LIMIT
    away = ((result.log_p - exact.log_p) / result.mcse)[trusted]
    assert trusted.double().mean().item() > 0.5
    assert exact.error.max().item() < 0.01 * result.mcse.min().item()
    assert result.mcse[trusted].median().item() < 0.02
    assert away.abs().max().item() < 4
    assert 0.7 < away.square().mean().sqrt().item() < 1.3


def repeated(vae: FlowVAE, images: Tensor, repeats: int, samples: int) -> Estimate:
    """Estimates [repeats, N] for one replica, each from its own noise."""
    x = images.unsqueeze(0)
    noise = torch.Generator().manual_seed(vae.depth)
    shape = (1, len(images), repeats * samples, vae.latent)
    eps = torch.randn(shape, generator=noise, dtype=images.dtype)
    with torch.no_grad():
        log_w = log_weight(vae, x, vae.encode(x), eps).total()
    log_w = log_w.view(len(images), repeats, samples).transpose(0, 1)
    none = torch.zeros(log_w.shape[:2])
    return summarise_weights(log_w, none, none.unsqueeze(-1))


@pytest.mark.parametrize("depth", [0, 4])
def test_stated_interval_covers_as_often_as_it_claims(depth: int) -> None:
    vae = ppca(depth)
    images = torch.rand(5, 4, generator=torch.Generator().manual_seed(1)).double()
    exact = closed_form(vae, images)
    result = repeated(vae, images, 400, 1000)
    trusted = result.k_hat < K_HAT_LIMIT
    covered = ((result.log_p - exact).abs() < 1.96 * result.mcse)[trusted]
    assert trusted.double().mean().item() > 0.95
    assert binomtest(int(covered.sum()), len(covered), 0.95).pvalue > 0.001


@pytest.mark.parametrize("depth", [0, 4])
def test_estimate_is_below_the_exact_value_in_expectation(depth: int) -> None:
    """``p_S(x)`` is unbiased, and its logarithm low by half its relative variance."""
    vae = ppca(depth)
    images = torch.rand(5, 4, generator=torch.Generator().manual_seed(1)).double()
    away = repeated(vae, images, 4000, 10).log_p - closed_form(vae, images)
    error = away.std(0) / len(away) ** 0.5
    assert (away.mean(0) < 3 * error).all()
    assert (away.mean(0) < -3 * error).any()
    ratio = away.exp()
    assert ((ratio.mean(0) - 1).abs() < 4 * ratio.std(0) / len(away) ** 0.5).all()
    assert ratio.std(0).max().item() > 0.1


@pytest.mark.parametrize("parameters", ["amortised", "shared"])
@pytest.mark.parametrize("depth", [0, 1, 5])
def test_density_at_given_points_is_that_known_from_sampling(depth: int, parameters: str) -> None:
    seeds = (0, 1)
    vae = small_vae(depth, seeds, disturb=0.3, flow=Flow(parameters=parameters))
    x = binary_images(4).expand(2, -1, -1)
    q = vae.encode(x)
    w = log_weight(vae, x, q, normals(seeds, "eps", shape=(4, 6, 2), dtype=x.dtype, device="cpu"))
    torch.testing.assert_close(q.log_prob(w.z_k), w.posterior, rtol=0, atol=1e-9)


@pytest.mark.parametrize("depth", [0, 4])
def test_density_on_a_grid_integrates_to_one(depth: int) -> None:
    vae = small_vae(depth, disturb=0.2)
    axis = torch.linspace(-9, 9, 401, dtype=torch.float64)
    q = vae.encode(binary_images(2).unsqueeze(0))
    points = torch.cartesian_prod(axis, axis).expand(1, 2, -1, -1)
    mass = q.log_prob(points).exp().sum(-1) * (axis[1] - axis[0]) ** 2
    torch.testing.assert_close(mass, torch.ones_like(mass), rtol=0, atol=1e-4)


def pyro_stack(z: Tensor, u: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """``z_K`` and the log-determinant by pyro, for points ``z`` [..., D], layer by layer."""
    ladj = torch.zeros(z.shape[:-1], dtype=z.dtype)
    for k in range(u.shape[-2]):
        layer = (b[..., k, None], u[..., k, :], w[..., k, :])
        transform = ConditionalPlanar(lambda context: context).condition(layer)
        before, z = z, transform(z)
        ladj = ladj + transform.log_abs_det_jacobian(before, z)
    return z, ladj


@pytest.mark.parametrize(("depth", "latent"), [(1, 1), (1, 2), (1, 8), (3, 2), (16, 5)])
def test_layers_agree_with_pyro(depth: int, latent: int) -> None:
    """In float64 with ``-12 < w . u < 18``: pyro cancels below, and cuts softplus off above."""
    noise = torch.Generator().manual_seed(depth + 100 * latent)
    shapes = [(1, latent), (depth, latent), (depth, latent), (depth,)]
    z, u, w, b = (torch.randn(4000, *s, generator=noise).double() for s in shapes)
    a = (u * w).sum(-1)
    ours = Layers(u, w, b).forward(z)
    theirs = pyro_stack(z.squeeze(1), u, w, b)
    accurate = ((a > -12) & (a < 18)).all(-1)
    assert accurate.sum().item() > 3900
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.squeeze(1)[accurate], other[accurate], rtol=0, atol=1e-8)


@pytest.mark.parametrize("depth", [0, 1, 6])
def test_estimate_agrees_with_pyro(depth: int) -> None:
    """The same noise through pyro's flow and torch's densities: nothing of ours but the nets."""
    vae, images = small_vae(depth, disturb=0.4), binary_images(5)
    result = estimate(vae, images, (0,), 300)
    with torch.no_grad():
        q = vae.encode(images.unsqueeze(0))
        for n, image in enumerate(images):
            eps = normals((0,), "importance", n, shape=(300, 2), dtype=image.dtype, device="cpu")[0]
            base = Normal(q.mu[0, n], (0.5 * q.log_var[0, n]).exp())
            z_0 = base.mean + base.stddev * eps
            z, ladj = pyro_stack(
                z_0, *(part[0, n].expand(300, *part[0, n].shape) for part in q.flow)
            )
            log_q = base.log_prob(z_0).sum(-1) - ladj
            logits = vae.decode(z.view(1, 1, 300, 2))[0, 0]
            log_p = Bernoulli(logits=logits).log_prob(image).sum(-1) + Normal(0.0, 1.0).log_prob(
                z
            ).sum(-1)
            expected = (log_p - log_q).logsumexp(0).item() - math.log(300)
            assert result.log_p[0, n].item() == pytest.approx(expected, abs=1e-9)
