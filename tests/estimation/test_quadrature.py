from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import dblquad, quad
from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.estimation import quadrature
from flowdepth.estimation.quadrature import Exact, exact_log_likelihood, log_joint_grid
from flowdepth.model.observation import observation
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Model
from helpers import Dying, KilledError, binary_images, closed_form, ppca, small_vae


def grey_images(count: int, pixels: int = 4, scale: float = 1.0) -> Tensor:
    return scale * torch.rand(count, pixels, generator=torch.Generator().manual_seed(1)).double()


def joint(vae: FlowVAE, row: int, image: Tensor) -> Callable[..., float]:
    """``p(x, z)`` of one image and replica by the model's own methods, a point at a time."""

    def density(*z: float) -> float:
        point = torch.tensor(z[::-1], dtype=torch.float64).expand(vae.replicas, 1, 1, -1)
        log_prior = -0.5 * sum(v * v for v in z) - 0.5 * len(z) * math.log(2 * math.pi)
        with torch.no_grad():
            log_likelihood = vae.log_likelihood(image.expand(vae.replicas, 1, -1), point)
        return math.exp(log_likelihood[row].item() + log_prior)

    return density


@pytest.mark.parametrize("likelihood", ["bernoulli", "normal"])
def test_integral_agrees_with_scipy(likelihood: str) -> None:
    vae = small_vae(1, (0, 1), latent=1, disturb=0.5, likelihood=likelihood, scale_start=0.5)
    images = binary_images(3)
    result = exact_log_likelihood(vae, images)
    for row, n in itertools.product(range(2), range(3)):
        p, _ = quad(joint(vae, row, images[n]), -12, 12, epsabs=0, epsrel=1e-11, limit=200)
        assert result.log_p[row, n].item() == pytest.approx(math.log(p), abs=1e-8)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_integral_in_the_plane_agrees_with_scipy(activation: str) -> None:
    vae = small_vae(0, disturb=0.3, activation=activation)
    images = binary_images(1)
    result = exact_log_likelihood(vae, images, most_points=2**17)
    p, _ = dblquad(joint(vae, 0, images[0]), -7, 7, -7, 7, epsabs=0, epsrel=1e-4)
    assert result.log_p.item() == pytest.approx(math.log(p), abs=1e-5)


@pytest.mark.parametrize("latent", [1, 2])
def test_integral_agrees_with_the_closed_form(latent: int) -> None:
    vae = ppca(3, (0, 1), latent)
    images = grey_images(12)
    result = exact_log_likelihood(vae, images)
    apart = (result.log_p - closed_form(vae, images)).abs()
    assert result.log_p.dtype == torch.float64
    assert (apart <= result.error + 1e-12).all()
    assert apart.max().item() < 1e-9
    assert result.error.max().item() < 1e-5
    assert result.mean_error.max().item() < 1e-6


def test_far_and_narrow_posteriors_are_integrated() -> None:
    """Posteriors a sixth of the sweep's spacing wide, and images of log p(x) down to -400."""
    vae = ppca(0, latent=2)
    with torch.no_grad():
        vae.observation.log_scale.fill_(math.log(0.03))
        vae.output.weight.copy_(vae.output.weight / vae.output.weight.norm())
    images = grey_images(8, scale=2.0)
    expected = closed_form(vae, images)
    assert expected.min().item() < -130
    result = exact_log_likelihood(vae, images)
    torch.testing.assert_close(result.log_p, expected, rtol=0, atol=1e-6)


def kinked() -> tuple[FlowVAE, Tensor]:
    """A decoder of many ReLU units whose slopes jump by much."""
    vae = small_vae(0, (0, 1), hidden=(40, 40), activation="relu", disturb=0.25, pixels=8)
    return vae, binary_images(40, 8)


def test_stated_error_covers_the_true_error() -> None:
    vae, images = kinked()
    exact = exact_log_likelihood(vae, images, tolerance=0, most_points=2**22)
    for most_points in (2**12, 2**16):
        coarse = exact_log_likelihood(vae, images, tolerance=0, most_points=most_points)
        apart = (coarse.log_p - exact.log_p).abs()
        assert apart.max().item() > 4 * exact.error.max().item()
        assert (apart <= coarse.error + exact.error).double().mean().item() > 0.98
        assert (apart.mean(1) < coarse.error.mean(1)).all()
        mean_apart = (coarse.log_p - exact.log_p).mean(1).abs()
        assert (mean_apart <= coarse.mean_error + exact.mean_error).all()
        assert (coarse.error < 30 * apart.amax(1, keepdim=True)).all()


@pytest.mark.parametrize("sums", [1, 2, 7, 12])
def test_killed_integral_ends_the_same_and_repeats_no_sum(tmp_path: Path, sums: int) -> None:
    vae, images = kinked()
    whole = exact_log_likelihood(vae, images, most_points=2**14)
    count = Dying(tmp_path / "count", 10**6)
    exact_log_likelihood(vae, images, most_points=2**14, bookmark=count)
    with pytest.raises(KilledError):
        exact_log_likelihood(vae, images, most_points=2**14, bookmark=Dying(tmp_path / "a", sums))
    rest = Dying(tmp_path / "a", 10**6 - count.steps - sums)
    resumed = exact_log_likelihood(vae, images, most_points=2**14, bookmark=rest)
    for field in fields(Exact):
        assert torch.equal(getattr(resumed, field.name), getattr(whole, field.name))


def test_refinement_stops_once_it_meets_its_tolerance() -> None:
    vae, images = kinked()
    for tolerance in (1e-2, 1e-4):
        result = exact_log_likelihood(vae, images, tolerance)
        assert tolerance / 1000 < result.mean_error.max().item() < tolerance


def test_mass_beside_the_lattice_is_in_the_stated_error(monkeypatch: pytest.MonkeyPatch) -> None:
    vae, images = ppca(0), grey_images(5)
    monkeypatch.setattr(quadrature, "_LOG_SHARE", -1.0)
    result = exact_log_likelihood(vae, images)
    apart = closed_form(vae, images) - result.log_p
    assert (apart > 1e-4).all()
    assert (apart < result.error).all()
    assert (apart.mean(1) < result.mean_error).all()


def test_chunks_leave_the_integral_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    vae, images = small_vae(0, (0, 1), disturb=0.3), binary_images(5)
    whole = exact_log_likelihood(vae, images, most_points=2**12)
    monkeypatch.setattr(quadrature, "_CHUNK", {"cpu": 37})
    parts = exact_log_likelihood(vae, images, most_points=2**12)
    torch.testing.assert_close(parts.log_p, whole.log_p, rtol=0, atol=1e-12)


def test_memory_is_bounded_whatever_the_lattice(monkeypatch: pytest.MonkeyPatch) -> None:
    vae, images = small_vae(0, (0, 1)), binary_images(5)
    sizes = []
    decode = vae.decode
    monkeypatch.setattr(FlowVAE, "decode", lambda self, z: (sizes.append(z.shape[2]), decode(z))[1])
    monkeypatch.setattr(quadrature, "_NUMBERS", 1000)
    exact_log_likelihood(vae, images, most_points=2**12)
    assert max(sizes) == 100
    assert sum(sizes) > 2**11


def test_failed_replica_leaves_the_others_whole() -> None:
    vae, images = small_vae(0, (0, 1), disturb=0.3), binary_images(4)
    alone = exact_log_likelihood(vae, images).log_p
    with torch.no_grad():
        vae.output.bias[0] = math.nan
    result = exact_log_likelihood(vae, images)
    assert result.log_p[0].isnan().all()
    torch.testing.assert_close(result.log_p[1], alone[1], rtol=0, atol=1e-6)


def test_integrating_leaves_the_model_unchanged() -> None:
    vae = small_vae(0).float()
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    exact_log_likelihood(vae, binary_images(2).float())
    for name, value in vae.state_dict().items():
        assert torch.equal(value, before[name])
        assert value.dtype == torch.float32


def test_three_dimensions_are_refused() -> None:
    with pytest.raises(UserError, match=r"latent is 3; quadrature takes 1 or 2"):
        exact_log_likelihood(small_vae(0, latent=3), binary_images(2))


def test_grid_of_the_joint_keeps_the_order_of_its_axes() -> None:
    vae, images = small_vae(2, (0, 1), disturb=0.4), binary_images(3)
    axis = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64)
    values = log_joint_grid(vae, images, axis)
    assert values.shape == (2, 3, 3, 3)
    for row, n, i, j in itertools.product(range(2), range(3), range(3), range(3)):
        density = joint(vae, row, images[n])(axis[j].item(), axis[i].item())
        assert values[row, n, i, j].item() == pytest.approx(math.log(density))


@pytest.mark.parametrize("scale", ["learned", "pixel"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "normal"])
def test_pairs_are_image_by_point(likelihood: str, scale: str) -> None:
    model = observation(Model(likelihood=likelihood, scale=scale), 2, 6).double()
    noise = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3, generator=noise)
    x = binary_images(3).expand(2, -1, -1)
    output = torch.randn(2, 5, 6, generator=noise).double()
    expected = model.log_prob(x, output.unsqueeze(1).expand(-1, 3, -1, -1))
    torch.testing.assert_close(model.log_prob_pairs(x, output), expected)


@pytest.mark.gpu
def test_cuda_agrees_with_cpu() -> None:
    vae, images = small_vae(0, (0, 1), disturb=0.3), binary_images(5)
    here = exact_log_likelihood(vae, images).log_p
    there = exact_log_likelihood(vae.cuda(), images.cuda()).log_p
    np.testing.assert_allclose(there.cpu(), here, atol=1e-9)
