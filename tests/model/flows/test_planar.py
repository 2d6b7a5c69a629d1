from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from flowdepth.model.flows.planar import Layers, invertible


def drawn(*lead: int, depth: int, latent: int, points: int, scale: float = 1.0) -> list[Tensor]:
    """``z`` [*lead, S, D] and ``u``, ``w``, ``b`` of ``depth`` layers, float64."""
    noise = torch.Generator().manual_seed(depth + 100 * latent)
    shapes = [(points, latent), (depth, latent), (depth, latent), (depth,)]
    return [
        scale * torch.randn(*lead, *shape, generator=noise, dtype=torch.float64) for shape in shapes
    ]


def flow(z: Tensor, u: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return Layers(u, w, b).forward(z)


def textbook_layer(z: Tensor, u: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """The map of one layer from the paper's formulas, for ``z`` [D]."""
    a = w @ u
    u_hat = u + (torch.log1p(a.exp()) - 1 - a) * w / (w @ w)
    return z + u_hat * torch.tanh(w @ z + b)


def textbook_stack(z: Tensor, u: Tensor, w: Tensor, b: Tensor) -> Tensor:
    for layer in zip(u, w, b, strict=True):
        z = textbook_layer(z, *layer)
    return z


@pytest.mark.parametrize(("latent", "scale"), [(1, 1.0), (2, 3.0), (5, 1.0), (5, 0.1)])
def test_layer_agrees_with_autodiff_jacobian(latent: int, scale: float) -> None:
    z, u, w, b = drawn(1500, depth=1, latent=latent, points=1, scale=scale)
    jacobian = torch.func.vmap(torch.func.jacfwd(textbook_layer))
    one = (z[:, 0], u[:, 0], w[:, 0], b[:, 0])
    moved, ladj = flow(z, u, w, b)
    torch.testing.assert_close(moved[:, 0], torch.func.vmap(textbook_layer)(*one))
    torch.testing.assert_close(ladj[:, 0], torch.linalg.slogdet(jacobian(*one)).logabsdet)


@pytest.mark.parametrize("depth", [2, 7, 33])
def test_stack_agrees_with_autodiff_jacobian(depth: int) -> None:
    z, u, w, b = drawn(50, depth=depth, latent=3, points=1)
    jacobian = torch.func.vmap(torch.func.jacfwd(textbook_stack))(z[:, 0], u, w, b)
    moved, ladj = flow(z, u, w, b)
    torch.testing.assert_close(moved[:, 0], torch.func.vmap(textbook_stack)(z[:, 0], u, w, b))
    torch.testing.assert_close(ladj[:, 0], torch.linalg.slogdet(jacobian).logabsdet)


@pytest.mark.parametrize("points", [1, 4])
def test_hand_derived_backward_agrees_with_finite_differences(points: int) -> None:
    inputs = [t.requires_grad_() for t in drawn(2, 3, depth=4, latent=3, points=points)]
    assert torch.autograd.gradcheck(flow, inputs)


def test_every_point_of_a_batch_moves_as_it_would_alone() -> None:
    z, u, w, b = drawn(2, 3, depth=4, latent=3, points=5)
    moved, ladj = flow(z, u, w, b)
    for r, n, s in [(0, 0, 0), (1, 2, 4), (0, 2, 1)]:
        alone, alone_ladj = flow(z[r, n, s : s + 1], u[r, n], w[r, n], b[r, n])
        torch.testing.assert_close(moved[r, n, s], alone[0])
        torch.testing.assert_close(ladj[r, n, s], alone_ladj[0])


def test_zero_layers_leave_points_where_they_are() -> None:
    z, u, w, b = drawn(2, depth=0, latent=3, points=5)
    moved, ladj = flow(z, u, w, b)
    assert moved is z
    assert ladj.shape == (2, 5)
    assert not ladj.any()


def test_ladj_is_positive_where_a_layer_expands() -> None:
    """A layer with ``w . u_hat > 0`` expands at its plane: the log-determinant is positive."""
    u, w = torch.tensor([[[3.0, 0.0]]]), torch.tensor([[[1.0, 0.0]]])
    _, ladj = flow(torch.zeros(1, 1, 2), u, w, torch.zeros(1, 1))
    expected = torch.nn.functional.softplus(torch.tensor(3.0)).log()
    torch.testing.assert_close(ladj[0, 0], expected)


def test_constraint_divides_by_the_square_of_the_norm() -> None:
    _, u, w, _ = drawn(1000, depth=1, latent=4, points=1, scale=1.5)
    u_hat, log_s = invertible(u, w)
    product = (w * u_hat).sum(-1)
    torch.testing.assert_close(product, torch.nn.functional.softplus((w * u).sum(-1)) - 1)
    torch.testing.assert_close(product, log_s.exp() - 1)
    assert (product > -1).all()


def test_softplus_above_20_is_accurate_in_float64() -> None:
    """torch's softplus returns its argument above 20, off by 2e-9."""
    u = torch.tensor([[21.0]], dtype=torch.float64)
    _, log_s = invertible(u, torch.ones_like(u))
    expected = torch.log(21 + torch.log1p(torch.exp(-u[0])))
    torch.testing.assert_close(log_s, expected, rtol=0, atol=1e-15)


def test_map_is_invertible_along_w() -> None:
    """Without the constraint the map along ``w`` turns back; with it the map only rises."""
    z, u, w, b = drawn(200, depth=1, latent=3, points=1, scale=3.0)
    steps = torch.linspace(-20, 20, 400, dtype=torch.float64).unsqueeze(-1)
    along = z + steps * w
    moved, _ = flow(along, u, w, b)
    heights = (moved * w).sum(-1)
    assert (heights.diff(dim=-1) > 0).all()


def test_density_integrates_to_one() -> None:
    """In one dimension, ``q_K`` is ``N(z_0)`` divided by the derivative of the map."""
    _, u, w, b = drawn(depth=5, latent=1, points=1)
    z_0 = torch.linspace(-9, 9, 200_001, dtype=torch.float64).unsqueeze(-1)
    z_k, ladj = flow(z_0, u, w, b)
    q = torch.exp(-0.5 * z_0[:, 0] ** 2 - ladj) / (2 * torch.pi) ** 0.5
    assert torch.trapezoid(q, z_k[:, 0]).item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_w_shifts_points_and_keeps_volumes(dtype: torch.dtype) -> None:
    """``w = 0`` shifts every point by ``u tanh(b)`` and keeps volumes."""
    u, z = torch.ones(1, 3, dtype=dtype), torch.zeros(1, 3, dtype=dtype)
    w, b = torch.zeros_like(u, requires_grad=True), torch.full((1,), 0.5, dtype=dtype)
    moved, ladj = flow(z, u.requires_grad_(), w, b)
    torch.testing.assert_close(moved, torch.tanh(b).expand(1, 3))
    assert ladj.item() == 0
    (moved.sum() + ladj.sum()).backward()
    assert w.grad.isfinite().all()
    assert u.grad.isfinite().all()


EDGES = {
    "a": st.floats(-80, 80),
    "log_norm": st.floats(-8, 4),
    "p": st.floats(-1e3, 1e3) | st.just(0.0),
}
edges = settings(max_examples=300, derandomize=True)


@edges
@given(**EDGES)
def test_float32_edges_keep_the_log_determinant(a: float, log_norm: float, p: float) -> None:
    """Others return -inf or NaN for ``w . u <= -20`` on the plane."""
    norm = 10.0**log_norm
    w64 = torch.tensor([[norm, 0.0]], dtype=torch.float64).float().double()
    u64 = torch.tensor([[a / norm, 1.0]], dtype=torch.float64).float().double()
    b64 = torch.tensor([p], dtype=torch.float64).float().double()
    exact = flow(torch.zeros(1, 2, dtype=torch.float64), u64, w64, b64)[1]
    inputs = [t.float().requires_grad_() for t in (u64, w64, b64)]
    z = torch.zeros(1, 2, requires_grad=True)
    moved, ladj = flow(z, *inputs)
    (moved.sum() + ladj.sum()).backward()
    assert ladj.item() == pytest.approx(exact.item(), abs=1e-3)
    for value in (moved, ladj, z.grad, *(t.grad for t in inputs)):
        assert value.isfinite().all()


def test_log_determinant_saturates_where_float32_underflows() -> None:
    """``s`` underflows: the log-determinant saturates instead of becoming -inf."""
    u, w = torch.full((1, 1), -200.0, requires_grad=True), torch.ones(1, 1)
    _, ladj = flow(torch.zeros(1, 1), u, w, torch.zeros(1))
    ladj.sum().backward()
    assert ladj.item() < -87
    assert u.grad.isfinite().all()


def edge_layer(a: float, log_norm: float) -> tuple[Tensor, Tensor]:
    """``u``, ``w`` [1, 2], exact in float32: ``w . u`` is near ``a``, ``|w|`` 10^log_norm."""
    w = torch.tensor([[10.0**log_norm, 0.0]])
    u = torch.tensor([[a / 10.0**log_norm, 1.0]])
    return u.double(), w.double()


@edges
@given(**EDGES)
def test_float32_edges_keep_invertibility(a: float, log_norm: float, p: float) -> None:
    """Along ``w`` points keep their order, but for the rounding of a step by ``u_hat``."""
    u, w = (t.float() for t in edge_layer(a, log_norm))
    u_hat, log_s = invertible(u, w)
    assert log_s.isfinite().all()
    rounding = 4 * torch.finfo(torch.float32).eps * (1 + abs(a))
    assert (w.double() * u_hat.double()).sum().item() >= -1 - rounding
    around = torch.linspace(-3, 3, 101, dtype=torch.float64)
    for heights in (around, around * 1e-3, around + p):
        z = torch.stack([(heights / w[0, 0].double()), torch.zeros(101)], -1).float()
        moved, _ = flow(z, u, w, torch.zeros(1))
        after = moved[:, 0].double() * w[0, 0].double()
        assert (after.diff() >= -rounding * heights.abs().max()).all()


@edges
@given(**EDGES)
def test_inverse_is_accurate_to_rounding_at_the_edges(a: float, log_norm: float, p: float) -> None:
    """What the flow makes of the inverse is the point asked for, to the flow's own rounding."""
    for u, w, eps in [
        (*edge_layer(a, log_norm), torch.finfo(torch.float64).eps),
        (*(t.float() for t in edge_layer(a, log_norm)), torch.finfo(torch.float32).eps),
    ]:
        asked = torch.tensor([[0.0, 0.3], [1.0, 0.3], [-1e-3, 0.3]], dtype=u.dtype) / w[0, 0]
        parameters = Layers(u, w, torch.full((1,), p, dtype=u.dtype))
        z, ladj = parameters.inverse(asked)
        again, _ = parameters.forward(z)
        heights = ((again - asked) * w).sum(-1)
        assert ladj.isfinite().all()
        assert (heights.abs() <= 8 * eps * (1 + abs(a) + (1 + abs(p)) * ladj.exp())).all()


@pytest.mark.parametrize("depth", [1, 4, 16])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_inverse_goes_back_to_the_points(depth: int, dtype: torch.dtype, error: float) -> None:
    """For layers like those of a model at its start: none contracts by much."""
    z, u, w, b = drawn(300, depth=depth, latent=3, points=7)
    u = 0.1 * u + 0.54 * w / w.square().sum(-1, keepdim=True)
    z, u, w, b = (t.to(dtype) for t in (z, u, w, b))
    moved, ladj = flow(z, u, w, b)
    back, back_ladj = Layers(u, w, b).inverse(moved)
    apart = (back - z).norm(dim=-1) / (1 + z.norm(dim=-1))
    assert apart.max().item() < error
    assert (back_ladj - ladj).abs().max().item() < 4 * error


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_inverse_of_strong_layers_is_wrong_by_no_more_than_rounding(scale: float) -> None:
    """Its error is that of a pre-activation, enlarged by what the layer contracts."""
    z, u, w, b = drawn(2000, depth=1, latent=3, points=5, scale=scale)
    moved, ladj = flow(z, u, w, b)
    back, back_ladj = Layers(u, w, b).inverse(moved)
    u_hat, _ = invertible(u, w)
    terms = (w.abs() @ moved.abs().mT).squeeze(1) + b.abs()
    bound = 2 * torch.finfo(z.dtype).eps * (1 + u_hat.norm(dim=-1) * terms / ladj.exp())
    assert ((back - z).norm(dim=-1) <= 4 * bound).all()
    mild = ladj > -3
    torch.testing.assert_close(back_ladj[mild], ladj[mild], rtol=0, atol=1e-11)


def test_inverse_converges_where_a_layer_contracts_to_nothing() -> None:
    """A layer that contracts to nothing: near its plane Newton's steps gain a third at a time."""
    target = torch.tensor([0.0, 1e-300, 1e-12, -1e-3, 2.0], dtype=torch.float64)
    layer = Layers(
        torch.tensor([[-80.0]]).double(), torch.ones(1, 1).double(), torch.zeros(1).double()
    )
    found = layer.inverse(target.unsqueeze(-1))[0].squeeze(-1)
    assert found[0] == 0
    assert found[1].log().item() == pytest.approx(math.log(1e-300) + 80)
    # h = p - p^3 / 3 there, of which p itself cancels.
    assert found[2].item() == pytest.approx((3 * 1e-12) ** (1 / 3), rel=1e-6)
    torch.testing.assert_close((found - found.tanh())[3:], target[3:], rtol=1e-9, atol=0)


def test_inverse_of_zero_layers_leaves_points_where_they_are() -> None:
    z, u, w, b = drawn(2, depth=0, latent=3, points=5)
    back, ladj = Layers(u, w, b).inverse(z)
    assert torch.equal(back, z)
    assert not ladj.any()


def test_inverse_of_zero_w_shifts_points_back() -> None:
    u, w, b = torch.ones(1, 3), torch.zeros(1, 3), torch.full((1,), 0.5)
    back, ladj = Layers(u, w, b).inverse(torch.zeros(1, 3))
    torch.testing.assert_close(back, -torch.tanh(b).expand(1, 3))
    assert ladj.item() == 0


@pytest.mark.gpu
def test_cuda_agrees_with_cpu() -> None:
    z, u, w, b = drawn(4, depth=16, latent=5, points=3)
    here = flow(z, u, w, b)
    there = flow(*(t.cuda() for t in (z, u, w, b)))
    for cpu, cuda in zip(here, there, strict=True):
        torch.testing.assert_close(cpu, cuda.cpu())


@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_inverse_has_the_derivatives_of_the_implicit_function(scale: float) -> None:
    inputs = [t.requires_grad_() for t in drawn(2, depth=3, latent=2, points=3, scale=scale)]
    assert torch.autograd.gradcheck(lambda z, *layers: Layers(*layers).inverse(z), inputs)
