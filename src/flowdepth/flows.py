r"""Planar flows (Rezende & Mohamed 2015, section 4.1), a whole stack at a time.

Layer ``k`` maps ``z_k = z_{k-1} + u_hat_k h_k`` with ``h_k = tanh(w_k . z_{k-1} + b_k)``. Because
``z_{k-1} = z_0 + sum_{j<k} u_hat_j h_j``, all that the layers need of each other are scalars:

    A = W z_0 + b          G = W U_hat^T
    h_k = tanh(A_k + sum_{j<k} G_kj h_j)          z_K = z_0 + U_hat^T h

The work in ``D`` dimensions is two matrix products, and the recurrence runs on scalars.

Shapes: one parameter set (an image, or a whole batch when parameters are shared) has ``w``, ``u``
[..., K, D] and ``b`` [..., K], and moves ``S`` points ``z`` [..., S, D].
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn.functional import softplus as torch_softplus

# The product w . u of a layer that is the identity: its softplus is 1.
IDENTITY = math.log(math.e - 1)
# Below this squared norm w is taken for 0: the correction along w has no direction then.
_NORM2_FLOOR = 1e-30
# Beyond this |a|, softplus is a or e^a to float64's last digit.
_TAIL = 40.0
# Of the inverse: 10 are usual, 40 suffice on the plane of a layer that contracts to nothing.
_NEWTON_STEPS = 60


class PlanarParameters(NamedTuple):
    """Parameters of ``K`` planar layers: ``u`` and ``w`` [..., K, D], ``b`` [..., K]."""

    u: Tensor
    w: Tensor
    b: Tensor


def invertible(u: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return ``u_hat`` [..., K, D] with ``w . u_hat > -1``, and ``log s`` [..., K].

    With ``a = w . u`` and ``s = softplus(a)``, ``u_hat = u + (s - 1 - a) w / |w|^2``, so that
    ``w . u_hat = s - 1 > -1`` (Rezende & Mohamed 2015, appendix A.1). ``s - 1 - a`` is
    ``softplus(-a) - 1``, which does not cancel. Where ``w = 0`` the layer shifts every point alike:
    ``u_hat = u`` and ``s = 1``.
    """
    a = (w * u).sum(-1)
    norm2 = (w * w).sum(-1)
    flat = norm2 < _NORM2_FLOOR
    step = torch.where(flat, 0.0, (_softplus(-a) - 1) / torch.where(flat, 1.0, norm2))
    log_softplus = torch.where(a < -_TAIL, a, _softplus(a.clamp_min(-_TAIL)).log())
    return torch.addcmul(u, step.unsqueeze(-1), w), torch.where(flat, 0.0, log_softplus)


def planar_flow(z_0: Tensor, parameters: PlanarParameters) -> tuple[Tensor, Tensor]:
    r"""Return ``z_K`` [..., S, D] and ``sum_k log|det df_k/dz_{k-1}|`` [..., S] in nats.

    ``det = 1 + (1 - h^2) w . u_hat = h^2 + (1 - h^2) s``: a sum of two non-negative terms, which
    loses no digits where the textbook form ``|1 + u_hat . psi|`` cancels. The log-determinant is
    positive where the layer expands. ``K = 0`` returns ``z_0`` and zeros.
    """
    u, w, b = parameters
    if w.shape[-2] == 0:
        return z_0, z_0.new_zeros(z_0.shape[:-1])
    u_hat, log_s = invertible(u, w)
    lead = z_0.shape[:-2]
    sets = [t.reshape(-1, *t.shape[len(lead) :]) for t in (z_0, u_hat, w, b, log_s)]
    z, ladj = _PlanarStack.apply(*sets)
    return z.view_as(z_0), ladj.view(*lead, -1)


@torch.no_grad()
def inverse(z_k: Tensor, parameters: PlanarParameters) -> tuple[Tensor, Tensor]:
    r"""Return ``z_0`` [..., S, D] that the flow moves to ``z_K``, and the log-determinant there.

    From the last layer to the first, the pre-activation ``p = w . z_{k-1} + b`` solves the scalar
    equation ``p + (s - 1) tanh(p) = w . z_k + b``; then ``z_{k-1} = z_k - u_hat tanh(p)``. The
    log-determinant is `planar_flow`'s, of the map from ``z_0`` to ``z_K``, [..., S] in nats.

    The flow sends the result back to ``z_K`` to its own rounding. The result itself is as good as
    the problem: a layer divides a rounding error of ``w . z_k + b`` by ``h^2 + (1 - h^2) s``, small
    only at the plane of a strongly contracting one. Where none is, as in a model at its start, the
    round trip from ``z_0`` ends within 1e-12 of it in float64 and 1e-6 in float32, relative to
    ``1 + |z_0|``. No gradients.
    """
    u, w, b = parameters
    u_hat, log_s = invertible(u, w)
    z, ladj = z_k, z_k.new_zeros(z_k.shape[:-1])
    for k in reversed(range(w.shape[-2])):
        target = (z @ w[..., k, :, None]).squeeze(-1) + b[..., k, None]
        layer = log_s[..., k, None]
        h = _preactivation(target, layer).tanh_()
        z = torch.addcmul(z, h.unsqueeze(-1), u_hat[..., k, None, :], value=-1)
        ladj = ladj + _det(h, layer.exp()).log_()
    return z, ladj


def _preactivation(target: Tensor, log_s: Tensor) -> Tensor:
    """Solve ``p + (s - 1) tanh(p) = target`` for ``p``.

    The left side is odd, so ``|target|`` will do; on ``p > 0`` it is concave for ``s > 1`` and
    convex for ``s < 1``. Newton's method from the bound ``target / s`` (its tangent at 0) or
    ``target - (s - 1)`` (its asymptote), whichever is nearer to the root, cannot overshoot.
    """
    t, s, c = target.abs(), log_s.exp(), log_s.expm1()
    tangent, asymptote = torch.where(t > 0, t / s, 0.0), t - c
    expands = c > 0
    p = torch.where(expands, torch.maximum(tangent, asymptote), torch.minimum(tangent, asymptote))
    low, high = torch.where(expands, p, t), torch.where(expands, t, p)
    for _ in range(_NEWTON_STEPS):
        h = p.tanh()
        step = (p + c * h - t) / _det(h, s)
        previous, p = p, torch.clamp(p - step, low, high)
        if torch.equal(previous, p):
            break
    return torch.copysign(p, target)


def _softplus(a: Tensor) -> Tensor:
    return torch_softplus(a, threshold=_TAIL)


class _PlanarStack(torch.autograd.Function):
    """The stack with its derivative by hand: layers are scalars [K, M, S], in place.

    Backward, with ``g_x`` the derivative by ``x`` and ``p`` the pre-activations:
    ``g_p_k = (1 - h_k^2) (u_hat_k . g_z + g_ladj d ladj/d h_k + sum_{j>k} G_jk g_p_j)``, then
    ``g_W = g_p z_0^T + T U_hat`` and ``g_U_hat = h g_z^T + T^T W`` with ``T`` the strictly lower
    part of ``g_p h^T``.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, z_0: Tensor, u_hat: Tensor, w: Tensor, b: Tensor, log_s: Tensor
    ) -> tuple[Tensor, Tensor]:
        gram = (w @ u_hat.mT).permute(1, 2, 0).contiguous()
        h = _layers_first(torch.baddbmm(b.unsqueeze(-1), w, z_0.mT))
        for k in range(len(h)):
            h[k].tanh_()
            h[k + 1 :].addcmul_(gram[k + 1 :, k].unsqueeze(-1), h[k])
        z = torch.baddbmm(z_0, h.permute(1, 2, 0), u_hat)
        ctx.save_for_backward(z_0, u_hat, w, log_s, gram, h)
        return z, _det(h, log_s.mT.unsqueeze(-1).exp()).log_().sum(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, g_z: Tensor, g_ladj: Tensor) -> tuple[Tensor, ...]:
        z_0, u_hat, w, log_s, gram, h = ctx.saved_tensors
        s = log_s.mT.unsqueeze(-1).exp()
        slope = 1 - h * h
        by_det = g_ladj / _det(h, s)
        g_log_s = (by_det * slope * s).sum(-1).mT
        g = _layers_first(u_hat @ g_z.mT).addcmul_(by_det, 2 * h * (1 - s))
        for k in reversed(range(len(h))):
            g[k].mul_(slope[k])
            g[:k].addcmul_(gram[k, :k].unsqueeze(-1), g[k])
        g_p, h = g.movedim(0, 1), h.movedim(0, 1)
        lower = (g_p @ h.mT).tril_(-1)
        g_z_0 = torch.baddbmm(g_z, g_p.mT, w)
        g_u_hat = torch.baddbmm(h @ g_z, lower.mT, w)
        g_w = torch.baddbmm(g_p @ z_0, lower, u_hat)
        return g_z_0, g_u_hat, g_w, g_p.sum(-1), g_log_s


def _layers_first(t: Tensor) -> Tensor:
    """Return [M, K, X] as contiguous [K, M, X], so that a layer is one run of memory."""
    return t.movedim(1, 0).contiguous()


def _det(h: Tensor, s: Tensor) -> Tensor:
    """Return ``h^2 + (1 - h^2) s`` in the shape of ``h``, kept above the smallest normal number."""
    h2 = h * h
    det = torch.addcmul(h2, 1 - h2, s)
    return det.clamp_min_(torch.finfo(h.dtype).tiny)
