from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from flowdepth.config import Annealing, Flow
from flowdepth.objective import log_weight, objective, temperature
from helpers import binary_images, small_vae


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def mean_and_error(values: Tensor) -> tuple[Tensor, Tensor]:
    return values.mean(-1), values.std(-1) / values.shape[-1] ** 0.5


@pytest.mark.parametrize("parameters", ["amortised", "shared"])
@pytest.mark.parametrize("depth", [0, 1, 4])
def test_objective_and_mean_log_weight_disagree(depth: int, parameters: str) -> None:
    """The closed-form terms, at ``K = 0`` the whole KL, change the ELBO's variance only."""
    vae = small_vae(depth, disturb=0.4, flow=Flow(parameters=parameters))
    x = binary_images(3).unsqueeze(0)
    eps = noise(1, 3, 40_000, 2)
    with torch.no_grad():
        sampled = log_weight(vae, x, vae.encode(x), eps).total()
        singles = torch.stack([objective(vae, x, part) for part in eps.split(400, 2)], -1)
    mean, error = mean_and_error(sampled)
    closed, closed_error = mean_and_error(singles)
    assert ((mean - closed).abs() < 4 * (error + closed_error)).all()


def test_vanilla_objective_is_not_the_closed_form() -> None:
    vae = small_vae(0, disturb=0.4)
    x = binary_images(3).unsqueeze(0)
    eps = noise(1, 3, 7, 2)
    q = vae.encode(x)
    sigma = (0.5 * q.log_var).exp()
    kl = kl_divergence(Normal(q.mu, sigma), Normal(0.0, 1.0)).sum(-1)
    z = q.mu.unsqueeze(2) + sigma.unsqueeze(2) * eps
    expected = vae.log_likelihood(x, z).mean(-1) - kl
    torch.testing.assert_close(objective(vae, x, eps), expected)
    for beta in (0.0, 0.3):
        annealed = vae.log_likelihood(x, z).mean(-1) - beta * kl
        torch.testing.assert_close(objective(vae, x, eps, "kl", beta), annealed)


def test_prior_is_taken_at_z_0_or_ladj_with_the_wrong_sign() -> None:
    """Every term against its definition, from the points and the flow alone."""
    vae = small_vae(3, disturb=0.5)
    x = binary_images(2).unsqueeze(0)
    eps = noise(1, 2, 5, 2)
    q = vae.encode(x)
    w = log_weight(vae, x, q, eps)
    z_0, z_k, ladj = q.sample(eps)
    sigma = (0.5 * q.log_var).exp().unsqueeze(2)
    log_q = Normal(q.mu.unsqueeze(2), sigma).log_prob(z_0).sum(-1) - ladj
    assert not torch.allclose(z_0, z_k)
    torch.testing.assert_close(w.prior, Normal(0.0, 1.0).log_prob(z_k).sum(-1))
    torch.testing.assert_close(w.posterior, log_q)
    torch.testing.assert_close(w.reconstruction, vae.log_likelihood(x, z_k))
    torch.testing.assert_close(w.total(), w.reconstruction + w.prior - w.posterior)


def test_samples_are_summed_and_not_averaged() -> None:
    vae = small_vae(2, disturb=0.3)
    x = binary_images(3).unsqueeze(0)
    eps = noise(1, 3, 6, 2)
    singles = torch.stack([objective(vae, x, part) for part in eps.split(1, 2)])
    torch.testing.assert_close(objective(vae, x, eps), singles.mean(0))


@pytest.mark.parametrize("depth", [0, 3])
def test_joint_annealing_weighs_other_terms(depth: int) -> None:
    """``E[beta log p(x, z) - log q]``: linear in beta, the ELBO at 1, the entropy at 0."""
    vae = small_vae(depth, disturb=0.4)
    x = binary_images(2).unsqueeze(0)
    eps = noise(1, 2, 5, 2)
    at = {beta: objective(vae, x, eps, "joint", beta) for beta in (0.0, 0.25, 1.0)}
    q = vae.encode(x)
    ladj = q.sample(eps)[2]
    base = Normal(q.mu, (0.5 * q.log_var).exp()).entropy().sum(-1)
    torch.testing.assert_close(at[0.0], base + ladj.mean(-1))
    torch.testing.assert_close(at[1.0], objective(vae, x, eps))
    torch.testing.assert_close(at[0.25], 0.75 * at[0.0] + 0.25 * at[1.0])


def test_kl_annealing_weighs_other_terms() -> None:
    vae = small_vae(3, disturb=0.4)
    x = binary_images(2).unsqueeze(0)
    eps = noise(1, 2, 5, 2)
    at = {beta: objective(vae, x, eps, "kl", beta) for beta in (0.0, 0.25, 1.0)}
    reconstruction = log_weight(vae, x, vae.encode(x), eps).reconstruction.mean(-1)
    torch.testing.assert_close(at[0.0], reconstruction)
    torch.testing.assert_close(at[0.25], 0.75 * at[0.0] + 0.25 * at[1.0])


def test_annealing_does_nothing() -> None:
    def betas(t: list[int], **annealing: object) -> list[float]:
        return [temperature(Annealing(**annealing), updates, 10) for updates in t]

    protocol = {"kind": "joint", "start": 0.01, "length": 10_000, "unit": "updates"}
    rezende = betas([0, 5000, 9900, 20_000], **protocol)
    assert rezende == pytest.approx([0.01, 0.51, 1, 1])
    assert betas([0, 5, 500, 1000, 2000], length=100) == pytest.approx([0, 0.005, 0.5, 1, 1])
    assert betas([0, 5], kind="none") == [1, 1]
