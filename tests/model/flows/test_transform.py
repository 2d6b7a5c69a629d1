from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, TransformedDistribution

from flowdepth import FlowTransform
from flowdepth.base.errors import UserError
from flowdepth.settings.flows import KINDS, shapes


def drawn(kind: str, depth: int, latent: int = 3) -> FlowTransform:
    noise = torch.Generator().manual_seed(depth)
    one = shapes(kind, latent, width=min(2, latent))
    parameters = (torch.randn(depth, *shape, generator=noise).double() for shape in one)
    return FlowTransform(kind, *parameters)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def points(*lead: int) -> Tensor:
    noise = torch.Generator().manual_seed(9)
    return torch.randn(*lead, 3, generator=noise, dtype=torch.float64)


@pytest.mark.parametrize("depth", [0, 1, 20])
@pytest.mark.parametrize("lead", [(), (4,), (2, 5)])
@pytest.mark.parametrize("cache_size", [0, 1])
def test_round_trip_ends_where_it_began(
    kind: str, depth: int, lead: tuple[int, ...], cache_size: int
) -> None:
    transform, x = drawn(kind, depth).with_cache(cache_size), points(*lead)
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
def test_log_determinant_is_that_of_autograd(kind: str, depth: int) -> None:
    transform = drawn(kind, depth)
    for x in points(5):
        jacobian = torch.autograd.functional.jacobian(transform, x)
        found = transform.log_abs_det_jacobian(x, transform(x))
        torch.testing.assert_close(found, torch.linalg.slogdet(jacobian).logabsdet)


def test_density_in_one_dimension_integrates_to_one(kind: str) -> None:
    transform = drawn(kind, 3, latent=1)
    q = _distribution(transform)
    grid = torch.linspace(-40, 40, 80_001, dtype=torch.float64)
    mass = torch.trapezoid(q.log_prob(grid.unsqueeze(-1)).exp(), grid)
    assert mass.item() == pytest.approx(1, abs=1e-6)


def test_gradient_of_the_density_at_given_points_goes_through_the_inverse(kind: str) -> None:
    """By the parameters, of points that no sample has put into the cache."""
    own = [t.requires_grad_() for t in drawn(kind, 3).parameters]

    def log_prob(*parameters: Tensor) -> Tensor:
        return _distribution(FlowTransform(kind, *parameters)).log_prob(points(4))

    assert torch.autograd.gradcheck(log_prob, own)


def test_one_layer_without_a_leading_axis_equals_a_stack_of_one(kind: str) -> None:
    stack = drawn(kind, 1)
    alone = FlowTransform(kind, *(t[0] for t in stack.parameters))
    assert torch.equal(alone(points(4)), stack(points(4)))
    assert alone == stack
    assert alone != drawn(kind, 2)


def test_flows_of_two_kinds_differ() -> None:
    assert drawn("planar", 1) != drawn("radial", 1)


def test_shapes_that_do_not_fit_are_explained() -> None:
    with pytest.raises(UserError, match=r"planar: .* \[\[2, 3\], \[3\], \[2\]\], expected"):
        FlowTransform("planar", torch.zeros(2, 3), torch.zeros(3), torch.zeros(2))
    with pytest.raises(UserError, match=r"shapes \[\], expected \[K, D\], \[K\], \[K\], or"):
        FlowTransform("radial")
    with pytest.raises(UserError, match="kind: found cubic, expected one of planar, radial"):
        FlowTransform("cubic", torch.zeros(2))
    with pytest.raises(UserError, match="points of 2 dimensions, expected 3"):
        drawn("planar", 1)(torch.zeros(5, 2).double())


def _distribution(transform: FlowTransform) -> TransformedDistribution:
    latent = transform.parameters[0].shape[-1]
    base = MultivariateNormal(torch.zeros(latent).double(), torch.eye(latent).double())
    return TransformedDistribution(base, transform)
