from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from flowdepth.model.flows import planar
from flowdepth.model.flows.sylvester import Layers, _directions


def drawn(depth: int, width: int, latent: int, scale: float = 1.0) -> Layers:
    noise = torch.Generator().manual_seed(width + 10 * latent)
    parts = ((width, latent), (width, width), (width,), (width,))
    return Layers(*(scale * torch.randn(depth, *p, generator=noise).double() for p in parts))


def points(count: int, latent: int) -> Tensor:
    return torch.randn(count, latent, generator=torch.Generator().manual_seed(2)).double()


def directions(v: Tensor) -> Tensor:
    """The first columns [D, M] of the product of the mirrors, the last of them next to an axis."""
    q = torch.eye(v.shape[-1], len(v)).double()
    for one in v:
        q = q - 2 * torch.outer(one, one @ q) / one.square().sum()
    return q


def textbook(z: Tensor, v: Tensor, r: Tensor, c: Tensor, b: Tensor) -> Tensor:
    """Van den Berg et al. (2018), equation 13, for a point ``z`` [D]."""
    q, r_tilde = directions(v), r.tril(-1).T + torch.diag(softplus(c))
    upper = r.triu(1) + torch.diag((softplus(torch.diag(r)) - 1) / softplus(c))
    return z + q @ upper @ torch.tanh(r_tilde @ q.T @ z + b)


@pytest.mark.parametrize(("width", "latent"), [(1, 1), (1, 3), (2, 2), (3, 5), (4, 4)])
@pytest.mark.parametrize("scale", [0.1, 2.0])
def test_layer_agrees_with_autodiff_jacobian(width: int, latent: int, scale: float) -> None:
    layers, z = drawn(1, width, latent, scale), points(50, latent)
    one = [part[0] for part in layers]
    moved, ladj = layers.forward(z)
    jacobian = torch.func.vmap(torch.func.jacfwd(lambda z: textbook(z, *one)))(z)
    torch.testing.assert_close(moved, torch.stack([textbook(point, *one) for point in z]))
    torch.testing.assert_close(ladj, torch.linalg.slogdet(jacobian).logabsdet)
    assert (torch.linalg.det(jacobian) > 0).all()


@pytest.mark.parametrize("width", [1, 3, 5])
def test_directions_are_orthonormal(width: int) -> None:
    q = _directions(drawn(1, width, 5).v)[0]
    torch.testing.assert_close(q @ q.T, torch.eye(width).double())


@pytest.mark.parametrize("depth", [1, 4])
def test_width_1_is_a_planar_flow_whose_u_lies_along_w(depth: int) -> None:
    layers, z = drawn(depth, 1, 3), points(20, 3)
    w = torch.cat([w for w, *_ in layers._layers()])
    u = layers.r[..., 0] * w / w.square().sum(-1, keepdim=True)
    of_planar = planar.Layers(u, w, layers.b[..., 0]).forward(z)
    for found, expected in zip(layers.forward(z), of_planar, strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("a", [-30.0, -3.0, 30.0])
def test_inverse_of_strong_layers_is_sent_back_to_where_it_came_from(a: float) -> None:
    layers = drawn(3, 4, 5)
    layers.r.diagonal(dim1=-2, dim2=-1).fill_(a)
    moved, _ = layers.forward(points(50, 5))
    torch.testing.assert_close(layers.forward(layers.inverse(moved)[0])[0], moved)


def test_log_determinant_keeps_its_digits_where_a_layer_contracts_to_nothing() -> None:
    """At the origin it is ``sum_i log s_i``, with s of e^-30."""
    layers = drawn(1, 2, 3)
    layers.r.diagonal(dim1=-2, dim2=-1).fill_(-30.0)
    layers.b.zero_()
    _, ladj = layers.forward(torch.zeros(1, 3).double())
    torch.testing.assert_close(ladj, torch.tensor([-60.0]).double())
