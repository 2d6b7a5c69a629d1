"""Planar flows as a transform of `torch.distributions`."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Transform, constraints

from flowdepth.base.errors import UserError
from flowdepth.model.flows.planar import Layers


class PlanarTransform(Transform):
    """``K`` planar layers, made invertible as in the study.

    Everything can be differentiated, by the parameters too; the derivatives of the inverse are
    those of the implicit function.

    Parameters
    ----------
    u, w
        [K, D], or [D] for one layer.
    b
        [K], or [] for one layer.

    Raises
    ------
    UserError
        If their shapes do not fit.
    """

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, u: Tensor, w: Tensor, b: Tensor, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        if u.shape != w.shape or u.dim() not in (1, 2) or b.shape != u.shape[:-1]:
            raise UserError(
                f"u, w, b: found {[*u.shape]}, {[*w.shape]} and {[*b.shape]}, expected [K, D], "
                "[K, D] and [K], or [D], [D] and []; reshape them"
            )
        self.u, self.w, self.b = u, w, b
        self._layers = Layers(torch.atleast_2d(u), torch.atleast_2d(w), b.reshape(-1))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PlanarTransform):
            return False
        pairs = zip(self._layers, other._layers, strict=True)
        return all(mine is its or torch.equal(mine, its) for mine, its in pairs)

    __hash__ = Transform.__hash__

    def with_cache(self, cache_size: int = 1) -> PlanarTransform:
        """Return the same transform that keeps its last result, or none."""
        if cache_size == self._cache_size:
            return self
        return PlanarTransform(self.u, self.w, self.b, cache_size)

    def _call(self, x: Tensor) -> Tensor:
        return self._layers.forward(self._points(x))[0].view(x.shape)

    def _inverse(self, y: Tensor) -> Tensor:
        return self._layers.inverse(self._points(y))[0].view(y.shape)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``log|det dy/dx|`` [...] in nats, for ``x`` [..., D] and its image ``y``."""
        return self._layers.forward(self._points(x))[1].view(x.shape[:-1])

    def _points(self, z: Tensor) -> Tensor:
        latent = self.u.shape[-1]
        if z.shape[-1] != latent:
            raise UserError(f"found points of {z.shape[-1]} dimensions, expected {latent}")
        return z.reshape(-1, latent)
