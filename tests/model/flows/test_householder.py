from __future__ import annotations

import pytest
import torch
from torch import Tensor

from flowdepth.model.flows.householder import Layers


def normals(*shape: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(1)).double()


def mirror(v: Tensor) -> Tensor:
    """Tomczak and Welling (2016), equation 8."""
    return torch.eye(len(v)).double() - 2 * torch.outer(v, v) / v.square().sum()


@pytest.mark.parametrize(("depth", "latent"), [(1, 1), (1, 4), (3, 5), (20, 3)])
def test_stack_is_the_product_of_its_mirrors(depth: int, latent: int) -> None:
    v, z = normals(depth, latent), normals(6, latent)
    expected = z
    for one in v:
        expected = expected @ mirror(one)
    torch.testing.assert_close(Layers(v).forward(z)[0], expected)


def test_volume_is_kept() -> None:
    _, ladj = Layers(normals(5, 3)).forward(normals(6, 3))
    assert not ladj.any()


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e15, 1e30])
def test_length_of_a_normal_does_not_matter_in_float32(scale: float) -> None:
    v, z = normals(8, 5).float(), normals(6, 5).float()
    expected, found = (Layers(vectors).forward(z)[0] for vectors in (v, scale * v))
    torch.testing.assert_close(found, expected)


def test_derivatives_do_not_depend_on_how_lengths_are_scaled() -> None:
    assert torch.autograd.gradcheck(
        lambda v: Layers(v).forward(normals(4, 3))[0], normals(5, 3).requires_grad_()
    )


def test_layer_of_length_zero_leaves_points_where_they_are() -> None:
    v, z = normals(3, 4), normals(6, 4)
    v[1] = 0
    torch.testing.assert_close(Layers(v).forward(z)[0], Layers(v[[0, 2]]).forward(z)[0])


def test_depth_of_one_less_than_the_dimensions_makes_any_eigenvectors() -> None:
    """Each mirror takes an axis to where it has to go, and the last axis is left its own line."""
    wanted, _ = torch.linalg.qr(normals(5, 5))
    rest, v = wanted, []
    for axis in range(4):
        target = torch.eye(5).double()[axis]
        v.append(rest[:, axis] - target)
        rest = mirror(v[-1]) @ rest
    moved, _ = Layers(torch.stack(v[::-1])).forward(torch.eye(5).double())
    torch.testing.assert_close(moved[:4], wanted.T[:4])
    torch.testing.assert_close(moved[4].abs(), wanted.T[4].abs())
