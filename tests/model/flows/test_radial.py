from __future__ import annotations

import pytest
import torch
from torch import Tensor

from flowdepth.model.flows.radial import Layers
from flowdepth.model.path_gradient import log_density_gradient
from flowdepth.settings.sections import Flow
from helpers import binary_images, small_vae


def drawn(*lead: int, depth: int, latent: int, scale: float = 1.0) -> tuple[Tensor, Layers]:
    """Points ``z`` [*lead, 4, D] and layers, float64."""
    noise = torch.Generator().manual_seed(depth + 10 * latent)
    shapes = [(4, latent), (depth, latent), (depth,), (depth,)]
    z, *layers = (
        scale * torch.randn(*lead, *shape, generator=noise, dtype=torch.float64) for shape in shapes
    )
    return z, Layers(*layers)


def textbook(z: Tensor, centre: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Equation 14 and appendix A.2, for a point ``z`` [D]."""
    alpha = torch.log1p(a.exp())
    beta = -alpha + torch.log1p(b.exp())
    return z + beta / (alpha + (z - centre).norm()) * (z - centre)


def textbook_stack(z: Tensor, centre: Tensor, a: Tensor, b: Tensor) -> Tensor:
    for layer in zip(centre, a, b, strict=True):
        z = textbook(z, *layer)
    return z


@pytest.mark.parametrize(("depth", "latent"), [(1, 1), (1, 2), (3, 5), (9, 3)])
@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_flow_agrees_with_autodiff_jacobian(depth: int, latent: int, scale: float) -> None:
    z, layers = drawn(200, depth=depth, latent=latent, scale=scale)
    moved, ladj = layers.forward(z)
    one = (z[:, 1], *layers)
    jacobian = torch.func.vmap(torch.func.jacfwd(textbook_stack))(*one)
    torch.testing.assert_close(moved[:, 1], torch.func.vmap(textbook_stack)(*one))
    torch.testing.assert_close(ladj[:, 1], torch.linalg.slogdet(jacobian).logabsdet)


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_inverse_returns_to_the_points(scale: float) -> None:
    z, layers = drawn(2, 3, depth=6, latent=3, scale=scale)
    moved, ladj = layers.forward(z)
    back, back_ladj = layers.inverse(moved)
    torch.testing.assert_close(back, z)
    torch.testing.assert_close(back_ladj, ladj)


@pytest.mark.parametrize("raw", [(-200.0, -200.0), (-200.0, 50.0), (50.0, -200.0), (0.0, 0.3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_centre_and_extreme_layers_give_finite_numbers(
    raw: tuple[float, float], dtype: torch.dtype
) -> None:
    centre = torch.zeros(1, 3, dtype=dtype)
    a, b = (torch.full((1,), value, dtype=dtype) for value in raw)
    leaves = [t.requires_grad_() for t in (centre, a, b)]
    z = torch.stack([torch.zeros(3), torch.full((3,), 1e-12), torch.full((3,), 1e6)]).to(dtype)
    moved, ladj = Layers(*leaves).forward(z.requires_grad_())
    gradients = torch.autograd.grad(moved.sum() + ladj.sum(), [z, *leaves])
    back, back_ladj = Layers(*leaves).inverse(moved)
    for found in (moved, ladj, back, back_ladj, *gradients):
        assert found.isfinite().all()


def test_log_determinant_at_the_centre_is_that_of_the_ratio() -> None:
    """There the layer scales by ``s / alpha`` in every direction."""
    layers = Layers(torch.ones(1, 4).double(), torch.tensor([0.5]).double(), torch.tensor([-9.0]))
    _, ladj = layers.forward(layers.centre)
    alpha, s = (torch.log1p(torch.tensor(raw).double().exp()) for raw in (0.5, -9.0))
    torch.testing.assert_close(ladj, 4 * (s / alpha).log().view(1), rtol=1e-6, atol=0.0)


@pytest.mark.parametrize("parameters", ["amortised", "shared"])
def test_model_starts_from_the_identity(parameters: str) -> None:
    """Of the mean image, which is zero here."""
    vae = small_vae(5, flow=Flow(kind="radial", parameters=parameters))
    noise = torch.randn(1, 1, 9, 2, generator=torch.Generator().manual_seed(0)).double()
    z_0, z_k, ladj = vae.encode(torch.zeros(1, 1, 6).double()).sample(noise)
    torch.testing.assert_close(z_k, z_0)
    torch.testing.assert_close(ladj, torch.zeros_like(ladj), atol=1e-6, rtol=0.0)
    centres = vae.encode(torch.zeros(1, 1, 6).double()).flow[0]
    assert centres.std() > 0.3


def test_path_gradient_is_that_of_the_density() -> None:
    vae = small_vae(4, disturb=0.5, flow=Flow(kind="radial"))
    q = vae.encode(binary_images(2).unsqueeze(0))
    eps = torch.randn(1, 2, 3, 2, generator=torch.Generator().manual_seed(1)).double()
    z = q.sample(eps)[1].detach().requires_grad_()
    (expected,) = torch.autograd.grad(q.log_prob(z).sum(), z)
    torch.testing.assert_close(log_density_gradient(q, eps), expected)


def test_vanilla_model_is_the_same_for_every_flow() -> None:
    planar, radial = (small_vae(0, flow=Flow(kind=kind)) for kind in ("planar", "radial"))
    for name, value in planar.state_dict().items():
        assert torch.equal(value, radial.state_dict()[name])
    z = torch.zeros(1, 1, 3, 2).double()
    moved, ladj = radial.encode(torch.zeros(1, 1, 6).double()).flow.forward(z)
    assert torch.equal(moved, z)
    assert not ladj.any()
