from __future__ import annotations

import pytest
import torch
from torch import Tensor

from flowdepth.model.flows.radial import Layers


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
