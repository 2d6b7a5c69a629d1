from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from flowdepth.model.objective import elbo, log_weight, objective, temperature
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Annealing, Flow, Objective
from helpers import binary_images, small_vae


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def bound(vae: FlowVAE, x: Tensor, eps: Tensor, kind: str = "none", beta: float = 1.0) -> Tensor:
    return objective(vae, x, eps, Objective(annealing={"kind": kind}), beta)


def mean_and_error(values: Tensor) -> tuple[Tensor, Tensor]:
    return values.mean(-1), values.std(-1) / values.shape[-1] ** 0.5


@pytest.mark.parametrize("parameters", ["amortised", "shared"])
@pytest.mark.parametrize("depth", [0, 1, 4])
def test_objective_and_mean_log_weight_agree(depth: int, parameters: str) -> None:
    """The closed-form terms, at ``K = 0`` the whole KL, change the ELBO's variance only."""
    vae = small_vae(depth, disturb=0.4, flow=Flow(parameters=parameters))
    x = binary_images(3).unsqueeze(0)
    eps = noise(1, 3, 40_000, 2)
    with torch.no_grad():
        sampled = log_weight(vae, x, vae.encode(x), eps).total()
        singles = torch.stack([bound(vae, x, part) for part in eps.split(400, 2)], -1)
    mean, error = mean_and_error(sampled)
    closed, closed_error = mean_and_error(singles)
    assert ((mean - closed).abs() < 4 * (error + closed_error)).all()


def test_vanilla_objective_is_the_closed_form() -> None:
    vae = small_vae(0, disturb=0.4)
    x = binary_images(3).unsqueeze(0)
    eps = noise(1, 3, 7, 2)
    q = vae.encode(x)
    sigma = (0.5 * q.log_var).exp()
    kl = kl_divergence(Normal(q.mu, sigma), Normal(0.0, 1.0)).sum(-1)
    z = q.mu.unsqueeze(2) + sigma.unsqueeze(2) * eps
    expected = vae.log_likelihood(x, z).mean(-1) - kl
    torch.testing.assert_close(bound(vae, x, eps), expected)
    for beta in (0.0, 0.3):
        annealed = vae.log_likelihood(x, z).mean(-1) - beta * kl
        torch.testing.assert_close(bound(vae, x, eps, "kl", beta), annealed)


def test_terms_of_the_log_weight_are_those_of_their_definitions() -> None:
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


def test_samples_are_averaged() -> None:
    vae = small_vae(2, disturb=0.3)
    x = binary_images(3).unsqueeze(0)
    eps = noise(1, 3, 6, 2)
    singles = torch.stack([bound(vae, x, part) for part in eps.split(1, 2)])
    torch.testing.assert_close(bound(vae, x, eps), singles.mean(0))


@pytest.mark.parametrize("depth", [0, 3])
def test_joint_annealing_weighs_the_joint_density_by_beta(depth: int) -> None:
    """``E[beta log p(x, z) - log q]``: linear in beta, the ELBO at 1, the entropy at 0."""
    vae = small_vae(depth, disturb=0.4)
    x = binary_images(2).unsqueeze(0)
    eps = noise(1, 2, 5, 2)
    at = {beta: bound(vae, x, eps, "joint", beta) for beta in (0.0, 0.25, 1.0)}
    q = vae.encode(x)
    ladj = q.sample(eps)[2]
    base = Normal(q.mu, (0.5 * q.log_var).exp()).entropy().sum(-1)
    torch.testing.assert_close(at[0.0], base + ladj.mean(-1))
    torch.testing.assert_close(at[1.0], bound(vae, x, eps))
    torch.testing.assert_close(at[0.25], 0.75 * at[0.0] + 0.25 * at[1.0])


def test_kl_annealing_weighs_the_kl_alone_by_beta() -> None:
    vae = small_vae(3, disturb=0.4)
    x = binary_images(2).unsqueeze(0)
    eps = noise(1, 2, 5, 2)
    at = {beta: bound(vae, x, eps, "kl", beta) for beta in (0.0, 0.25, 1.0)}
    reconstruction = log_weight(vae, x, vae.encode(x), eps).reconstruction.mean(-1)
    torch.testing.assert_close(at[0.0], reconstruction)
    torch.testing.assert_close(at[0.25], 0.75 * at[0.0] + 0.25 * at[1.0])


def test_annealing_raises_beta_to_one_over_its_length() -> None:
    def betas(t: list[int], **annealing: object) -> list[float]:
        return [temperature(Annealing(**annealing), updates, 10) for updates in t]

    protocol = {"kind": "joint", "start": 0.01, "length": 10_000, "unit": "updates"}
    rezende = betas([0, 5000, 9900, 20_000], **protocol)
    assert rezende == pytest.approx([0.01, 0.51, 1, 1])
    assert betas([0, 5, 500, 1000, 2000], length=100) == pytest.approx([0, 0.005, 0.5, 1, 1])
    assert betas([0, 5], kind="none") == [1, 1]


def test_validation_elbo_is_the_bound_without_annealing() -> None:
    vae = small_vae(3, disturb=0.4)
    x, eps = binary_images(2).unsqueeze(0), noise(1, 2, 5, 2)
    torch.testing.assert_close(elbo(vae, x, vae.encode(x), eps), bound(vae, x, eps))


@pytest.mark.parametrize("depth", [0, 3])
def test_importance_weighted_bound_is_the_log_of_the_mean_weight(depth: int) -> None:
    vae = small_vae(depth, disturb=0.4)
    x, eps = binary_images(3).unsqueeze(0), noise(1, 3, 6, 2)
    goal = Objective(bound="iwae", annealing={"kind": "none"})
    log_w = log_weight(vae, x, vae.encode(x), eps).total()
    torch.testing.assert_close(objective(vae, x, eps, goal), log_w.exp().mean(-1).log())
    single = objective(vae, x, eps[:, :, :1], goal)
    torch.testing.assert_close(single, log_w[..., 0])


def gradients(vae: FlowVAE, x: Tensor, eps: Tensor, gradient: str) -> Tensor:
    """The gradient by the head's bias for each of many single samples [S, outputs]."""
    goal = Objective(gradient=gradient, annealing={"kind": "none"})
    rows = []
    for part in eps.split(1, 2):
        vae.zero_grad()
        objective(vae, x, part, goal).sum().backward()
        rows.append(vae.head.bias.grad.flatten().clone())
    return torch.stack(rows)


@pytest.mark.parametrize("depth", [0, 2])
def test_path_gradient_is_unbiased(depth: int) -> None:
    vae = small_vae(depth, disturb=0.4)
    x, eps = binary_images(1).unsqueeze(0), noise(1, 1, 1000, 2)
    total, path = (gradients(vae, x, eps, kind) for kind in ("total", "path"))
    mean, error = mean_and_error((total - path).T)
    assert (mean.abs() < 4.5 * error + 1e-12).all()
    assert not torch.allclose(total, path)


@pytest.mark.parametrize("depth", [0, 3])
def test_path_gradient_leaves_the_value_unchanged(depth: int) -> None:
    vae = small_vae(depth, disturb=0.4)
    x, eps = binary_images(3).unsqueeze(0), noise(1, 3, 6, 2)
    goal = Objective(gradient="path", annealing={"kind": "none"})
    expected = log_weight(vae, x, vae.encode(x), eps).total().mean(-1)
    torch.testing.assert_close(objective(vae, x, eps, goal), expected)


def test_path_gradient_sticks_the_landing() -> None:
    """At the exact posterior, here of a decoder that ignores z, every sample's gradient is 0."""
    vae = small_vae(0)
    with torch.no_grad():
        for parameter in (vae.head.weight, vae.output.weight):
            parameter.zero_()
    x, eps = binary_images(1).unsqueeze(0), noise(1, 1, 20, 2)
    assert gradients(vae, x, eps, "path").abs().max() < 1e-12
