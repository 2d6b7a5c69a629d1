"""Flows as transforms of `torch.distributions`."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Transform, constraints

from flowdepth.base.errors import UserError
from flowdepth.model.flows.layers import family
from flowdepth.settings.flows import KINDS, shapes


class FlowTransform(Transform):
    """``K`` layers of a kind of flow, made invertible as in the study.

    Everything can be differentiated, by the parameters too.

    Parameters
    ----------
    kind
        One that a study can name, such as ``planar``.
    parameters
        Those of ``K`` layers in their order, or of one without the axis of layers: of planar layers
        ``u, w`` [K, D] and ``b`` [K], of radial ones ``centre`` [K, D], ``a`` and ``b`` [K], of
        Householder's ``v`` [K, D], of Sylvester's ``v`` [K, M, D], ``r`` [K, M, M], ``c`` and ``b``
        [K, M].

    Raises
    ------
    UserError
        If there is no such kind, or the shapes do not fit.
    """

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, kind: str, *parameters: Tensor, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.kind, self.parameters = kind, parameters
        stacks = _checked(kind, parameters)
        self._layers = family(kind)(*(t if stacks else t.unsqueeze(0) for t in parameters))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FlowTransform) or self.kind != other.kind:
            return False
        pairs = zip(self._layers, other._layers, strict=True)
        return all(mine is its or torch.equal(mine, its) for mine, its in pairs)

    __hash__ = Transform.__hash__

    def with_cache(self, cache_size: int = 1) -> FlowTransform:
        """Return the same transform that keeps its last result, or none."""
        if cache_size == self._cache_size:
            return self
        return FlowTransform(self.kind, *self.parameters, cache_size=cache_size)

    def _call(self, x: Tensor) -> Tensor:
        return self._layers.forward(self._points(x))[0].view(x.shape)

    def _inverse(self, y: Tensor) -> Tensor:
        return self._layers.inverse(self._points(y))[0].view(y.shape)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``log|det dy/dx|`` [...] in nats, for ``x`` [..., D] and its image ``y``."""
        return self._layers.forward(self._points(x))[1].view(x.shape[:-1])

    def _points(self, z: Tensor) -> Tensor:
        latent = self.parameters[0].shape[-1]
        if z.shape[-1] != latent:
            raise UserError(f"found points of {z.shape[-1]} dimensions, expected {latent}")
        return z.reshape(-1, latent)


def _checked(kind: str, parameters: tuple[Tensor, ...]) -> bool:
    """Return whether the parameters are of a stack, not of one layer, if their shapes fit."""
    if kind not in KINDS:
        raise UserError(f"kind: found {kind}, expected one of {', '.join(KINDS)}")
    found = [tuple(t.shape) for t in parameters]
    axes = len(KINDS[kind][0])
    first = found[0] if found else ()
    if axes <= len(first) <= axes + 1:
        layers, one = first[:-axes], shapes(kind, first[-1], first[-axes])
        if found == [(*layers, *shape) for shape in one]:
            return bool(layers)
    wanted = ", ".join(f"[{', '.join(('K', *part))}]" for part in KINDS[kind])
    raise UserError(
        f"{kind}: found parameters of the shapes {[[*shape] for shape in found]}, expected "
        f"{wanted}, or these without K; reshape them"
    )
