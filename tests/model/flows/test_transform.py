from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, TransformedDistribution

from flowdepth import PlanarTransform
from flowdepth.base.errors import UserError


def drawn(depth: int, latent: int = 3, cache_size: int = 0) -> PlanarTransform:
    noise = torch.Generator().manual_seed(depth)
    shapes = [(depth, latent), (depth, latent), (depth,)]
    u, w, b = (torch.randn(*shape, generator=noise, dtype=torch.float64) for shape in shapes)
    return PlanarTransform(u, w, b, cache_size)


def points(*lead: int) -> Tensor:
    noise = torch.Generator().manual_seed(9)
    return torch.randn(*lead, 3, generator=noise, dtype=torch.float64)


@pytest.mark.parametrize("depth", [0, 1, 20])
@pytest.mark.parametrize("lead", [(), (4,), (2, 5)])
@pytest.mark.parametrize("cache_size", [0, 1])
def test_round_trip_ends_where_it_began(depth: int, lead: tuple[int, ...], cache_size: int) -> None:
    transform, x = drawn(depth).with_cache(cache_size), points(*lead)
    y = transform(x)
    assert y.shape == transform.forward_shape(x.shape) == x.shape
    assert (transform.inv(y) is x) == (cache_size == 1)
    back = transform.inv(y.clone())
    torch.testing.assert_close(back, x, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(transform(back), y)
    ladj = transform.log_abs_det_jacobian(x, y)
    assert ladj.shape == x.shape[:-1]
    torch.testing.assert_close(transform.inv.log_abs_det_jacobian(y, x), -ladj)


@pytest.mark.parametrize("depth", [1, 6])
def test_log_determinant_is_that_of_autograd(depth: int) -> None:
    transform = drawn(depth)
    for x in points(5):
        jacobian = torch.autograd.functional.jacobian(transform, x)
        found = transform.log_abs_det_jacobian(x, transform(x))
        torch.testing.assert_close(found, torch.linalg.slogdet(jacobian).logabsdet)


def test_density_in_one_dimension_integrates_to_one() -> None:
    transform = drawn(3, latent=1)
    q = _distribution(transform)
    grid = torch.linspace(-40, 40, 80_001, dtype=torch.float64)
    mass = torch.trapezoid(q.log_prob(grid.unsqueeze(-1)).exp(), grid)
    assert mass.item() == pytest.approx(1, abs=1e-6)


def test_gradient_of_the_density_at_given_points_goes_through_the_inverse() -> None:
    """By the parameters, of points that no sample has put into the cache."""
    u, w, b = (t.requires_grad_() for t in (drawn(3).u, drawn(3).w, drawn(3).b))

    def log_prob(*parameters: Tensor) -> Tensor:
        return _distribution(PlanarTransform(*parameters)).log_prob(points(4))

    assert torch.autograd.gradcheck(log_prob, (u, w, b))


def test_one_layer_without_a_leading_axis_equals_a_stack_of_one() -> None:
    stack = drawn(1)
    alone = PlanarTransform(stack.u[0], stack.w[0], stack.b[0])
    assert torch.equal(alone(points(4)), stack(points(4)))
    assert alone == stack
    assert alone != drawn(2)


def test_shapes_that_do_not_fit_are_explained() -> None:
    with pytest.raises(UserError, match=r"u, w, b: found \[2, 3\], \[3\] and \[2\], expected"):
        PlanarTransform(torch.zeros(2, 3), torch.zeros(3), torch.zeros(2))
    with pytest.raises(UserError, match="points of 2 dimensions, expected 3"):
        drawn(1)(torch.zeros(5, 2).double())


def _distribution(transform: PlanarTransform) -> TransformedDistribution:
    latent = transform.u.shape[-1]
    base = MultivariateNormal(torch.zeros(latent).double(), torch.eye(latent).double())
    return TransformedDistribution(base, transform)
