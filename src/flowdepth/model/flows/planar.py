r"""Planar flows (Rezende & Mohamed 2015, section 4.1), a whole stack at a time.

Layer ``k`` maps ``z_k = z_{k-1} + u_hat_k h_k`` with ``h_k = tanh(w_k . z_{k-1} + b_k)``. Because
``z_{k-1} = z_0 + sum_{j<k} u_hat_j h_j``, all that the layers need of each other are scalars:

    A = W z_0 + b          G = W U_hat^T
    h_k = tanh(A_k + sum_{j<k} G_kj h_j)          z_K = z_0 + U_hat^T h

The work in ``D`` dimensions is two matrix products, and the recurrence runs on scalars. A deeper
stack goes block by block, so that its cost is linear in ``K``.

Shapes: one parameter set (an image, or a whole batch when parameters are shared) has ``w``, ``u``
[..., K, D] and ``b`` [..., K], and moves ``S`` points ``z`` [..., S, D].
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx, once_differentiable

from flowdepth.model.flows.scalar import (
    IDENTITY,
    determinant,
    log_softplus,
    preactivation,
    softplus,
)

# Below this squared norm w is taken for 0: the correction along w has no direction then.
_NORM2_FLOOR = 1e-30
# Layers that run on scalars before z is formed again: the recurrence costs as its square.
_BLOCK = 16


class Layers(NamedTuple):
    """Parameters of ``K`` planar layers: ``u`` and ``w`` [..., K, D], ``b`` [..., K]."""

    u: Tensor
    w: Tensor
    b: Tensor

    def start(self, noise: Sequence[torch.Generator]) -> None:
        """Make identities: ``w ~ N(0, I / D)``, ``u`` along it with ``softplus(w . u) = 1``."""
        for u, w, generator in zip(self.u, self.w, noise, strict=True):
            w.normal_(generator=generator).div_(math.sqrt(len(w)))
            u.copy_(IDENTITY * w / w.square().sum())
        self.b.zero_()

    def forward(self, z_0: Tensor) -> tuple[Tensor, Tensor]:
        r"""Return ``z_K`` [..., S, D] and ``sum_k log|det df_k/dz_{k-1}|`` [..., S] in nats.

        ``det = 1 + (1 - h^2) w . u_hat = h^2 + (1 - h^2) s``: a sum of two non-negative terms,
        which loses no digits where the textbook form ``|1 + u_hat . psi|`` cancels. The
        log-determinant is positive where the layer expands. ``K = 0`` returns ``z_0`` and zeros.
        """
        if self.w.shape[-2] == 0:
            return z_0, z_0.new_zeros(z_0.shape[:-1])
        lead = z_0.dim() - 2
        flat = (t.reshape(-1, *t.shape[lead:]) for t in (z_0, *self))
        z_k, ladj = _PlanarStack.apply(*flat)  # type: ignore[no-untyped-call]
        return z_k.view_as(z_0), ladj.view(z_0.shape[:-1])

    def inverse(self, z_k: Tensor) -> tuple[Tensor, Tensor]:
        r"""Return ``z_0`` [..., S, D] that the flow moves to ``z_k``, and its log-determinant.

        From the last layer to the first, the pre-activation ``p = w . z_{k-1} + b`` solves the
        scalar equation ``p + (s - 1) tanh(p) = w . z_k + b``; then
        ``z_{k-1} = z_k - u_hat tanh(p)``. The log-determinant is `forward`'s, of the map from
        ``z_0`` to ``z_K``, [..., S] in nats.

        The flow sends the result back to ``z_K`` to its own rounding. The result itself is as good
        as the problem: a layer divides a rounding error of ``w . z_k + b`` by
        ``h^2 + (1 - h^2) s``, small only at the plane of a strongly contracting one. Where none
        is, as in a model at its start, the round trip from ``z_0`` ends within 1e-12 of it in
        float64 and 1e-6 in float32, relative to ``1 + |z_0|``.
        """
        u_hat, log_s = invertible(self.u, self.w)
        z, ladj = z_k, z_k.new_zeros(z_k.shape[:-1])
        for k in reversed(range(self.w.shape[-2])):
            target = (z @ self.w[..., k, :, None]).squeeze(-1) + self.b[..., k, None]
            layer = log_s[..., k, None]
            h = preactivation(target, layer).tanh()
            z = torch.addcmul(z, h.unsqueeze(-1), u_hat[..., k, None, :], value=-1)
            ladj = ladj + determinant(h, layer.exp()).log()
        return z, ladj

    @torch.no_grad()
    def carry(self, gradient: Tensor, z_0: Tensor) -> Tensor:
        """Return ``J^-T gradient`` [..., S, D] for the Jacobian ``J`` of `forward` at ``z_0``.

        A layer's Jacobian is ``I + (1 - h^2) u_hat w^T``, inverted by Sherman and Morrison's
        formula.
        """
        u_hat, log_s = invertible(self.u, self.w)
        z = z_0
        for k in range(self.w.shape[-2]):
            w, u, b = self.w[..., k : k + 1, :], u_hat[..., k : k + 1, :], self.b[..., k : k + 1]
            h = torch.tanh(z @ w.mT + b.unsqueeze(-1))
            slope = 1 - h * h
            det = h * h + slope * log_s[..., k : k + 1].unsqueeze(-1).exp()
            gradient = gradient - (slope / det) * (gradient @ u.mT) * w
            z = z + h * u
        return gradient


def invertible(u: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return ``u_hat`` [..., K, D] with ``w . u_hat > -1``, and ``log s`` [..., K].

    With ``a = w . u`` and ``s = softplus(a)``, ``u_hat = u + (s - 1 - a) w / |w|^2``, so that
    ``w . u_hat = s - 1 > -1`` (Rezende & Mohamed 2015, appendix A.1). ``s - 1 - a`` is
    ``softplus(-a) - 1``, which does not cancel. Where ``w = 0`` the layer shifts every point alike:
    ``u_hat = u`` and ``s = 1``.
    """
    return _corrected(u, w, *_products(u, w))


def _products(u: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``a = w . u`` and ``|w|^2``, infinite where ``w`` is taken for 0, [..., K]."""
    norm2 = (w * w).sum(-1)
    return (w * u).sum(-1), norm2.masked_fill_(norm2 < _NORM2_FLOOR, math.inf)


def _corrected(u: Tensor, w: Tensor, a: Tensor, norm2: Tensor) -> tuple[Tensor, Tensor]:
    c = (softplus(-a) - 1) / norm2
    return torch.addcmul(u, c.unsqueeze(-1), w), log_softplus(a).masked_fill_(norm2.isinf(), 0)


class _PlanarStack(torch.autograd.Function):
    """A stack with its derivative by hand, for ``z_0`` [M, S, D] and the parameters of M sets."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, z: Tensor, u: Tensor, w: Tensor, b: Tensor
    ) -> tuple[Tensor, Tensor]:
        products = _products(u, w)
        u_hat, log_s = _corrected(u, w, *products)
        ladj = z.new_zeros(z.shape[:-1])
        blocks = []
        for block in _blocks(u_hat, w, b, log_s):
            z_0, (z, part, h, gram) = z, _block(z, *block)
            ladj += part
            blocks += [z_0, h, gram]
        ctx.save_for_backward(u, w, *products, u_hat, log_s, *blocks)
        return z, ladj

    @staticmethod
    @once_differentiable
    def backward(ctx: BackwardCFunction, g_z: Tensor, g_ladj: Tensor) -> tuple[Tensor, ...]:
        saved: tuple[Tensor, ...] = ctx.saved_tensors
        u, w, a, norm2, u_hat, log_s, *blocks = saved
        states = zip(blocks[::3], blocks[1::3], blocks[2::3], strict=True)
        gradients: list[list[Tensor]] = []
        for layers, state in reversed([*zip(_blocks(u_hat, w, log_s), states, strict=True)]):
            g_z, *by_layer = _block_backward(g_z, g_ladj, *(*layers, *state))
            gradients.insert(0, by_layer)
        g_u_hat, g_w, g_b, g_log_s = (torch.cat(parts, 1) for parts in zip(*gradients, strict=True))
        g_u, g_w_hat = _invertible_backward(u, w, a, norm2, log_s, g_u_hat, g_log_s)
        return g_z, g_u, g_w.add_(g_w_hat), g_b


def _blocks(*layers: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(t.split(_BLOCK, 1) for t in layers), strict=True)


def _block(
    z_0: Tensor, u_hat: Tensor, w: Tensor, b: Tensor, log_s: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return ``z_K``, the log-determinant [M, S], ``h`` [M, K, S] and ``G`` [M, K, K]."""
    gram = w @ u_hat.mT
    h = torch.baddbmm(b.unsqueeze(-1), w, z_0.mT)
    columns = gram.unsqueeze(-2).unbind(-1)
    for k, row in enumerate(h.split(1, 1)):
        row.tanh_()
        h[:, k + 1 :].addcmul_(columns[k][:, k + 1 :], row)
    ladj = determinant(h, log_s.unsqueeze(-1).exp()).log_().sum(1)
    return torch.baddbmm(z_0, h.mT, u_hat), ladj, h, gram


def _block_backward(
    g_z: Tensor,
    g_ladj: Tensor,
    u_hat: Tensor,
    w: Tensor,
    log_s: Tensor,
    z_0: Tensor,
    h: Tensor,
    gram: Tensor,
) -> tuple[Tensor, ...]:
    """Return the derivatives ``g_x`` by ``z_0``, ``u_hat``, ``w``, ``b`` and ``log s``.

    With ``p`` the pre-activations,
    ``g_p_k = (1 - h_k^2) (u_hat_k . g_z + g_ladj d ladj/d h_k + sum_{j>k} G_jk g_p_j)``, then
    ``g_W = g_p z_0^T + T U_hat`` and ``g_U_hat = h g_z^T + T^T W`` with ``T`` the strictly lower
    part of ``g_p h^T``.
    """
    s = log_s.unsqueeze(-1).exp()
    slope = 1 - h * h
    by_det = g_ladj.unsqueeze(1) / determinant(h, s)
    g_log_s = (by_det * slope * s).sum(-1)
    g_p = (u_hat @ g_z.mT).addcmul_(by_det, 2 * h * (1 - s))
    rows, slopes, grams = g_p.split(1, 1), slope.split(1, 1), gram.unsqueeze(-1).unbind(1)
    for k in reversed(range(len(rows))):
        rows[k].mul_(slopes[k])
        g_p[:, :k].addcmul_(grams[k][:, :k], rows[k])
    lower = _over_points(g_p, h.mT).tril_(-1)
    g_u_hat = torch.baddbmm(_over_points(h, g_z), lower.mT, w)
    g_w = torch.baddbmm(_over_points(g_p, z_0), lower, u_hat)
    return torch.baddbmm(g_z, g_p.mT, w), g_u_hat, g_w, g_p.sum(-1), g_log_s


def _over_points(a: Tensor, b: Tensor) -> Tensor:
    """Return ``sum_s a_s b_s^T`` of [M, I, S] and [M, S, J]; of one point, bmm would be slow."""
    return a * b if a.shape[-1] == 1 else a @ b


def _invertible_backward(
    u: Tensor,
    w: Tensor,
    a: Tensor,
    norm2: Tensor,
    log_s: Tensor,
    g_u_hat: Tensor,
    g_log_s: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the derivatives by ``u`` and ``w`` of `invertible`, with ``c = (s - 1 - a) / |w|^2``.

    ``g_c = g_u_hat . w`` and ``g_a = g_log_s sigmoid(a) / s - g_c sigmoid(-a) / |w|^2``, then
    ``g_u = g_u_hat + g_a w`` and ``g_w = c g_u_hat + g_a u - 2 g_c c / |w|^2 w``.
    """
    log_s_by_a = (-softplus(-a) - log_s).exp().masked_fill_(norm2.isinf(), 0)
    c = (softplus(-a) - 1) / norm2
    g_c = (g_u_hat * w).sum(-1) / norm2
    g_a = (g_log_s * log_s_by_a - g_c * (-a).sigmoid()).unsqueeze(-1)
    g_w = (c.unsqueeze(-1) * g_u_hat).addcmul_(g_a, u)
    g_w.addcmul_((c * g_c).unsqueeze(-1), w, value=-2)
    return torch.addcmul(g_u_hat, g_a, w), g_w
