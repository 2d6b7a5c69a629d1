r"""Sylvester flows (van den Berg et al. 2018): a layer bends ``M`` directions at once.

Layer ``k`` maps ``z_k = z_{k-1} + Q R h`` with ``h = tanh(R~ Q^T z_{k-1} + b)``, where the columns
of ``Q`` [D, M] are orthonormal and ``R``, ``R~`` [M, M] upper triangular. By Sylvester's identity

    det = prod_i (h_i^2 + (1 - h_i^2) s_i),        s_i = 1 + R_ii R~_ii > 0

as ``R~ R`` is triangular, too. ``M = 1`` is a planar layer with ``u`` along ``w = R~ Q``. To turn
the sign of ``b_i``, of row ``i`` of ``R~`` and of column ``i`` of ``R`` changes nothing, so that
``R~_ii > 0`` leaves no map out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from flowdepth.model.flows.householder import coefficients, unit
from flowdepth.model.flows.scalar import IDENTITY, determinant, log_softplus, preactivation

# Below it R~_ii falls no more, nor does R_ii rise: both stay within float32.
_LOWEST = -20.0


class Layers(NamedTuple):
    """Parameters of ``K`` layers, real numbers all.

    ``Q`` are the first ``M`` axes after mirrors with the normals ``v`` [..., K, M, D]. ``R`` has
    the part of ``r`` [..., K, M, M] above the diagonal, ``R~^T`` that below; on the diagonals,
    ``s = softplus`` of the diagonal of ``r``, and ``R~_ii = softplus(c_i)``, with ``b`` and ``c``
    [..., K, M].
    """

    v: Tensor
    r: Tensor
    c: Tensor
    b: Tensor

    def start(self, noise: Sequence[torch.Generator]) -> None:
        """Make identities, ``R = 0`` and ``R~ = I``, along directions at random."""
        for v, generator in zip(self.v, noise, strict=True):
            v.normal_(generator=generator)
        self.r.zero_().diagonal(dim1=-2, dim2=-1).fill_(IDENTITY)
        self.c.fill_(IDENTITY)
        self.b.zero_()

    def forward(self, z_0: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``z_K`` [..., S, D] and the log-determinant [..., S]."""
        z, ladj = z_0, z_0.new_zeros(z_0.shape[:-1])
        for w, u, b, log_s in self._layers():
            h = torch.tanh(_product(z, w.mT) + b)
            z = z + _product(h, u)
            ladj = ladj + determinant(h, log_s.exp()).log().sum(-1)
        return z, ladj

    def inverse(self, z_k: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``z_0`` and the log-determinant there.

        With ``T = W U``, the pre-activation solves ``p + T tanh(p) = W z_k + b``, from the last row
        to the first an equation for one number.
        """
        z, ladj = z_k, z_k.new_zeros(z_k.shape[:-1])
        for w, u, b, log_s in reversed([*self._layers()]):
            t, rest = w @ u.mT, _product(z, w.mT) + b
            h = torch.empty_like(rest[..., :0])
            for i in reversed(range(t.shape[-1])):
                above = (h @ t[..., i, i + 1 :, None]).squeeze(-1)
                p = preactivation(rest[..., i] - above, log_s[..., i])
                h = torch.cat([p.tanh().unsqueeze(-1), h], -1)
            z = z - _product(h, u)
            ladj = ladj + determinant(h, log_s.exp()).log().sum(-1)
        return z, ladj

    def carry(self, gradient: Tensor, z_0: Tensor) -> Tensor:
        """Return ``J^-T gradient``.

        By Woodbury's identity ``(I + W^T H U^T)^-1 g = g - W^T y`` with ``H = diag(1 - h^2)`` and
        ``(I + H T^T) y = H U^T g``, which is triangular.
        """
        z, g = z_0, gradient
        for w, u, b, log_s in self._layers():
            h = torch.tanh(_product(z, w.mT) + b)
            t, rest = w @ u.mT, _product(g, u.mT)
            share = (1 - h * h) / determinant(h, log_s.exp())
            y = torch.empty_like(h[..., :0])
            for i in range(t.shape[-1]):
                before = (y * t[..., None, :i, i]).sum(-1)
                y = torch.cat([y, (share[..., i] * (rest[..., i] - before)).unsqueeze(-1)], -1)
            z, g = z + _product(h, u), g - _product(y, w)
        return g

    def _layers(self) -> Iterator[tuple[Tensor, ...]]:
        """Yield ``W = R~ Q^T``, ``U^T = R^T Q^T`` [..., M, D], ``b`` and ``log s`` [..., 1, M]."""
        log_s = log_softplus(self.r.diagonal(dim1=-2, dim2=-1))
        diagonal = softplus(self.c.clamp_min(_LOWEST))
        r = self.r.triu(1) + torch.diag_embed(log_s.expm1() / diagonal)
        r_tilde = self.r.tril(-1).mT + torch.diag_embed(diagonal)
        both = torch.cat([r_tilde, r.mT], -2) @ _directions(self.v)
        parts = *both.chunk(2, -2), self.b.unsqueeze(-2), log_s.unsqueeze(-2)
        return zip(*(part.unbind(-3) for part in parts), strict=True)


def _directions(v: Tensor) -> Tensor:
    """Return ``Q^T`` [..., M, D]."""
    axes, n = torch.eye(*v.shape[-2:], dtype=v.dtype, device=v.device), unit(v)
    return axes - coefficients(n, n[..., : v.shape[-2]]).mT @ n


def _product(points: Tensor, matrix: Tensor) -> Tensor:
    """Return points [..., S, I] times a matrix [..., I, J]; of one point, bmm would be slow."""
    if points.shape[-2] == 1:
        return (points.mT * matrix).sum(-2, keepdim=True)
    return points @ matrix
