from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from flowdepth.base.errors import UserError
from flowdepth.estimation.posteriors import compare, first_finished, pair, posterior_means
from flowdepth.model import checkpoint
from flowdepth.settings.sections import Model, TrainSettings
from helpers import binary_images, exact_posterior, ppca, small_vae


def grey_images(count: int) -> Tensor:
    return torch.rand(count, 4, generator=torch.Generator().manual_seed(1)).double()


def test_divergence_and_moments_are_those_of_the_closed_form() -> None:
    vae, images = ppca(0), grey_images(4)
    exact = exact_posterior(vae, images)
    q = vae.encode(images.unsqueeze(0))
    mine = MultivariateNormal(q.mu[0], torch.diag_embed(q.log_var[0].exp()))
    result = compare(vae, images)
    torch.testing.assert_close(result.divergence, kl_divergence(mine, exact), rtol=0, atol=1e-5)
    torch.testing.assert_close(result.mean, exact.mean, rtol=0, atol=1e-3)
    torch.testing.assert_close(result.deviation, exact.stddev, rtol=0, atol=1e-3)


@pytest.mark.parametrize("depth", [0, 4])
def test_drawn_densities_agree_with_the_divergence(depth: int) -> None:
    vae, images = small_vae(depth, disturb=0.2), binary_images(2)
    result = compare(vae, images)
    both = pair(vae, images[1], result.log_p[1], result.mean[1], 12.0)
    cell = (both.axes[0, 1] - both.axes[0, 0]).square()
    for density in (both.exact, both.encoder):
        assert density.sum() * cell == pytest.approx(1, abs=1e-4)
    terms = torch.special.xlogy(both.encoder, both.encoder / both.exact)
    assert terms.sum() * cell == pytest.approx(result.divergence[1].item(), abs=1e-4)


def test_first_axis_of_a_density_is_the_first_coordinate() -> None:
    """A posterior that is narrow along one coordinate only."""
    vae, images = small_vae(0), binary_images(1)
    with torch.no_grad():
        vae.head.weight.zero_()
        vae.head.bias[0, 0] = torch.tensor([0.5, 0.0, -4.0, 0.0])
    both = pair(vae, images[0], torch.tensor(0.0), torch.tensor([0.5, 0.0]).double(), 2.0)
    expected = Normal(0.5, torch.tensor(-2.0).exp()).log_prob(both.axes[0]).unsqueeze(-1)
    expected = expected + Normal(0.0, 1.0).log_prob(both.axes[1])
    torch.testing.assert_close(both.encoder.log(), expected)


@pytest.mark.parametrize("depth", [0, 5])
def test_posterior_mean_is_that_of_z_k(depth: int) -> None:
    vae, images = small_vae(depth, disturb=0.5), binary_images(3)
    noise = torch.Generator().manual_seed(0)
    eps = torch.randn(1, 3, 100_000, 2, generator=noise, dtype=torch.float64)
    _, z, _ = vae.encode(images.unsqueeze(0)).sample(eps)
    means = posterior_means(vae, images)
    error = z[0].std(-2) / 100_000**0.5
    assert ((means - z[0].mean(-2)).abs() < 4.5 * error + 1e-4).all()


def test_first_finished_seed_is_shown(tmp_path: Path) -> None:
    settings = TrainSettings(model=Model(hidden=(7,), activation="tanh", latent=2))
    statuses = {3: "failed", 5: "done", 1: "failed", 8: "done"}
    for pack in ((3, 5), (1, 8)):
        outcomes = [{"seed": seed, "status": statuses[seed]} for seed in pack]
        vae = small_vae(2, pack).float()
        header = checkpoint.Header(settings, 2, 2, 3, outcomes)
        checkpoint.save(tmp_path / "K2" / str(pack[0]) / "model.safetensors", vae, header)
    paths = [tmp_path / "K2" / name / "model.safetensors" for name in "13"]
    found = first_finished(settings, 2, paths, (1, 3, 5, 8))
    assert found.replicas == 1
    alone = small_vae(2, (5,)).float().double()
    for name, value in alone.state_dict().items():
        assert torch.equal(found.state_dict()[name], value)
    assert first_finished(settings, 2, paths, (3, 1)) is None
    other = first_finished(settings, 2, paths, (3, 8))
    expected = small_vae(2, (8,)).float().double().state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in other.state_dict().items())
    with pytest.raises(UserError, match="found a model of depth 2, expected 4"):
        first_finished(settings, 4, paths, (5,))
