r"""Householder flows (Tomczak & Welling 2016): reflections, which correlate but do not bend.

Layer ``k`` maps ``z_k = z_{k-1} - 2 v_k (v_k . z_{k-1}) / |v_k|^2``. It keeps volume: the
log-determinant is zero, and a Normal with diagonal covariance becomes one with any eigenvectors,
from ``K = D - 1`` on. With unit vectors ``n_k`` in the rows of ``N``, the stack is

    z_K = z_0 - N^T c          (I/2 + L) c = N z_0

with ``L`` the strictly lower part of ``N N^T``: two matrix products and a triangular system.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Layers(NamedTuple):
    """Normals ``v`` [..., K, D] of the mirrors, of any length; of length 0 there is no mirror."""

    v: Tensor

    def start(self, noise: Sequence[torch.Generator]) -> None:
        """Make pairs of equal mirrors, which are the identity.

        The last of an odd number turns the sign of the first dimension: it takes every Normal with
        diagonal covariance to another, and leaves prior and family as they are.
        """
        for k, generator in enumerate(noise):
            if k % 2:
                self.v[k] = self.v[k - 1]
            else:
                self.v[k].normal_(generator=generator)
        if len(noise) % 2:
            self.v[-1].zero_()[0] = 1

    def forward(self, z_0: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``z_K`` [..., S, D] and zeros [..., S]."""
        return reflected(z_0, self.v), z_0.new_zeros(z_0.shape[:-1])

    def inverse(self, z_k: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``z_0``, by the same mirrors in reverse order, and zeros."""
        return reflected(z_k, self.v.flip(-2)), z_k.new_zeros(z_k.shape[:-1])

    def carry(self, gradient: Tensor, z_0: Tensor) -> Tensor:
        """Return ``J^-T gradient``: the Jacobian is orthogonal, so ``J gradient``."""
        return reflected(gradient, self.v)


def reflected(z: Tensor, v: Tensor) -> Tensor:
    """Return points ``z`` [..., S, D] after mirrors with normals ``v`` [..., K, D], in order."""
    if v.shape[-2] == 0:
        return z
    n = unit(v)
    return z - coefficients(n, n @ z.mT).mT @ n


def coefficients(n: Tensor, products: Tensor) -> Tensor:
    """Return ``c`` [..., K, S] of unit normals ``n`` [..., K, D], from ``N z_0`` [..., K, S]."""
    half = torch.eye(n.shape[-2], dtype=n.dtype, device=n.device) / 2
    lower = (n @ n.mT).tril(-1) + half
    c: Tensor = torch.linalg.solve_triangular(lower, products, upper=False)
    return c


def unit(v: Tensor) -> Tensor:
    """Return vectors [..., D] of length 1, and 0 where ``v`` is; no square over- or underflows."""
    largest = v.detach().abs().amax(-1, keepdim=True)
    scaled = v / largest.masked_fill(largest == 0, 1)
    norm2 = scaled.square().sum(-1, keepdim=True)
    return scaled * norm2.masked_fill(norm2 == 0, 1).rsqrt()
