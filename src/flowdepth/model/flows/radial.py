r"""Radial flows (Rezende & Mohamed 2015, equation 14 and appendix A.2).

A layer moves points along the rays from its centre ``c``. With ``r = |z - c|``, ``alpha > 0`` and
``s = alpha + beta > 0``, which keeps it invertible,

    f(z) = z + (s - alpha) / (alpha + r) (z - c)
    log|det| = (D - 1) log((s + r) / (alpha + r)) + log(t^2 + 2 t q + q^2 s / alpha)

with ``q = alpha / (alpha + r)`` and ``t = 1 - q``: sums of non-negative terms, finite at ``c`` too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from flowdepth.model.flows.layers import carried
from flowdepth.model.flows.scalar import IDENTITY

# Below it alpha and s rise no more: squares and ratios of theirs stay within float32.
_LOWEST = -40.0


class Layers(NamedTuple):
    """Centres [..., K, D]; ``alpha = softplus(a)`` and ``s = softplus(b)`` from [..., K]."""

    centre: Tensor
    a: Tensor
    b: Tensor

    def start(self, noise: Sequence[torch.Generator]) -> None:
        """Make identities, ``alpha = s = 1``, around centres drawn from the prior."""
        for centre, generator in zip(self.centre, noise, strict=True):
            centre.normal_(generator=generator)
        self.a.fill_(IDENTITY)
        self.b.fill_(IDENTITY)

    def forward(self, z_0: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``z_K`` [..., S, D] and the log-determinant [..., S]."""
        z, ladj = z_0, z_0.new_zeros(z_0.shape[:-1])
        for centre, alpha, s in self._layers():
            ray = z - centre
            r = ray.norm(dim=-1)
            z = z + ((s - alpha) / (alpha + r)).unsqueeze(-1) * ray
            ladj = ladj + _log_det(r, alpha, s, z.shape[-1])
        return z, ladj

    def inverse(self, z_k: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``z_0`` and the log-determinant there.

        A layer moves radius ``r`` to ``r (s + r) / (alpha + r)``: a quadratic equation for ``r``.
        """
        z, ladj = z_k, z_k.new_zeros(z_k.shape[:-1])
        for centre, alpha, s in reversed([*self._layers()]):
            ray = z - centre
            moved = ray.norm(dim=-1)
            p = moved - s
            sizes = p.abs() + (p * p + 4 * alpha * moved).sqrt()
            r = torch.where(p > 0, sizes / 2, 2 * alpha * moved / sizes)
            z = z + ((alpha - s) / (s + r)).unsqueeze(-1) * ray
            ladj = ladj + _log_det(r, alpha, s, z.shape[-1])
        return z, ladj

    def carry(self, gradient: Tensor, z_0: Tensor) -> Tensor:
        """Return ``J^-T gradient``."""
        return carried(self, gradient, z_0)

    def _layers(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        alpha, s = (softplus(t.clamp_min(_LOWEST)).unsqueeze(-1) for t in (self.a, self.b))
        centres = self.centre.unsqueeze(-2).unbind(-3)
        return zip(centres, alpha.unbind(-2), s.unbind(-2), strict=True)


def _log_det(r: Tensor, alpha: Tensor, s: Tensor, latent: int) -> Tensor:
    t, q = r / (alpha + r), alpha / (alpha + r)
    across = torch.log((s + r) / (alpha + r))
    return (latent - 1) * across + torch.log(t * t + 2 * t * q + q * q * s / alpha)
