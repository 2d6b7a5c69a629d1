"""The map ``p + (s - 1) tanh(p)`` of a number, by which planar and Sylvester layers bend.

With ``h = tanh(p)`` its derivative is ``h^2 + (1 - h^2) s``: it rises where ``s > 0``, as the
softplus of any real number ``a`` is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus as torch_softplus

# The number whose softplus is 1, which makes the map the identity.
IDENTITY = math.log(math.e - 1)
# Beyond this |a|, softplus is a or e^a to float64's last digit.
_TAIL = 40.0
# Of the inverse: 10 are usual, 40 suffice on the plane of a layer that contracts to nothing.
_NEWTON_STEPS = 60


def softplus(a: Tensor) -> Tensor:
    """Return ``log(1 + e^a)``, accurate in float64 too."""
    return torch_softplus(a, threshold=_TAIL)


def log_softplus(a: Tensor) -> Tensor:
    """Return the logarithm of softplus, also where that underflows."""
    return torch.where(a < -_TAIL, a, softplus(a.clamp_min(-_TAIL)).log())


def preactivation(target: Tensor, log_s: Tensor) -> Tensor:
    """Return the ``p`` [..., S] that solves ``p + (s - 1) tanh(p) = target``.

    Its derivatives are the implicit function's: a Newton step of length zero carries them.
    """
    p = _root(target.detach(), log_s.detach())
    residual = p + log_s.expm1() * p.tanh() - target
    return p - (residual - residual.detach()) / determinant(p.tanh(), log_s.detach().exp())


@torch.no_grad()
def _root(target: Tensor, log_s: Tensor) -> Tensor:
    """Return that solution.

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
        step = (p + c * h - t) / determinant(h, s)
        previous, p = p, torch.clamp(p - step, low, high)
        if torch.equal(previous, p):
            break
    return torch.copysign(p, target)


def determinant(h: Tensor, s: Tensor) -> Tensor:
    """Return ``h^2 + (1 - h^2) s`` in the shape of ``h``, kept above the smallest normal number."""
    h2 = h * h
    det = torch.addcmul(h2, 1 - h2, s)
    return det.clamp_min_(torch.finfo(h.dtype).tiny)
