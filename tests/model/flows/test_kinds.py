"""What holds of a flow of every kind."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from flowdepth.model.flows.layers import Layers, family
from flowdepth.model.path_gradient import log_density_gradient
from flowdepth.model.vae import Posterior
from flowdepth.settings.flows import KINDS, shapes
from flowdepth.settings.sections import Flow
from helpers import binary_images, small_vae

OF_ONE = ("planar", "radial", "sylvester")


def drawn(kind: str, *lead: int, depth: int, latent: int, scale: float = 1.0) -> Layers:
    """Layers of width 2 at random, float64."""
    noise = torch.Generator().manual_seed(depth + 10 * latent)
    one = shapes(kind, latent, width=2)
    parts = (torch.randn(*lead, depth, *shape, generator=noise).double() for shape in one)
    return family(kind)(*(scale * part for part in parts))


def points(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(4)).double()


def posterior(kind: str, depth: int, parameters: str = "amortised") -> Posterior:
    """Of the mean image, which is zero here, at the start of training."""
    vae = small_vae(depth, flow=Flow(kind=kind, parameters=parameters, width=2))
    return vae.encode(torch.zeros(1, 1, 6).double())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_inverse_returns_to_the_points(kind: str, scale: float) -> None:
    layers, z = drawn(kind, 2, 3, depth=6, latent=3, scale=scale), points(2, 3, 4, 3)
    moved, ladj = layers.forward(z)
    back, back_ladj = layers.inverse(moved)
    torch.testing.assert_close(back, z, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(back_ladj, ladj, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_every_set_of_parameters_moves_its_points_as_it_would_alone(kind: str) -> None:
    layers, z = drawn(kind, 2, 3, depth=5, latent=4), points(2, 3, 6, 4)
    moved, ladj = layers.forward(z)
    alone = type(layers)(*(part[1, 2] for part in layers))
    for all_sets, one in zip((moved, ladj), alone.forward(z[1, 2]), strict=True):
        torch.testing.assert_close(all_sets[1, 2], one)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("parameters", ["amortised", "shared"])
@pytest.mark.parametrize("depth", [4, 5])
def test_model_starts_with_the_density_of_a_diagonal_normal(
    kind: str, parameters: str, depth: int
) -> None:
    """Moved by the identity or, by an odd number of mirrors, with the first sign turned."""
    q = posterior(kind, depth, parameters)
    z_0, z_k, ladj = q.sample(points(1, 1, 9, 2))
    turned = kind == "householder" and depth % 2
    torch.testing.assert_close(z_k, z_0 * torch.tensor([-1.0 if turned else 1.0, 1.0]))
    torch.testing.assert_close(ladj, torch.zeros_like(ladj), atol=1e-6, rtol=0.0)


@pytest.mark.parametrize("kind", OF_ONE)
def test_layers_start_apart(kind: str) -> None:
    first = posterior(kind, 5).flow[0][0, 0]
    assert first.std(0).min() > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_path_gradient_is_that_of_the_density(kind: str) -> None:
    vae = small_vae(4, disturb=0.5, flow=Flow(kind=kind, width=2))
    q = vae.encode(binary_images(2).unsqueeze(0))
    eps = points(1, 2, 3, 2)
    z = q.sample(eps)[1].detach().requires_grad_()
    (expected,) = torch.autograd.grad(q.log_prob(z).sum(), z)
    torch.testing.assert_close(log_density_gradient(q, eps), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_vanilla_model_is_the_same_for_every_flow(kind: str) -> None:
    planar, other = (small_vae(0, flow=Flow(kind=one, width=2)) for one in ("planar", kind))
    for name, value in planar.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])
    z = points(1, 1, 3, 2)
    flow = other.encode(torch.zeros(1, 1, 6).double()).flow
    for found in (flow.forward(z), flow.inverse(z)):
        assert torch.equal(found[0], z)
        assert not found[1].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.0, 1e-30, -200.0, 200.0])
def test_extreme_parameters_give_finite_numbers_and_gradients(kind: str, value: float) -> None:
    parts = [torch.full_like(part, value).float() for part in drawn(kind, depth=3, latent=3)]
    leaves = [part.requires_grad_() for part in parts]
    z = torch.stack([torch.zeros(3), torch.full((3,), 1e-12), torch.full((3,), 1e3)])
    moved, ladj = family(kind)(*leaves).forward(z.requires_grad_())
    gradients = torch.autograd.grad(moved.sum() + ladj.sum(), [z, *leaves])
    back, back_ladj = family(kind)(*leaves).inverse(moved)
    for found in (moved, ladj, back, back_ladj, *gradients):
        assert found.isfinite().all()


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_cuda_agrees_with_cpu(kind: str) -> None:
    layers, z = drawn(kind, 7, depth=9, latent=5), points(7, 3, 5)
    moved = type(layers)(*(part.cuda() for part in layers))
    for on_gpu, here in zip(moved.forward(z.cuda()), layers.forward(z), strict=True):
        torch.testing.assert_close(on_gpu.cpu(), here)
