"""Chains that walk from a model's posteriors to the exact ones, by Hamiltonian Monte Carlo.

In the flow's base space, where the posteriors are standard normal, the walk's distributions are

    log pi_t(eps) = log N(eps; 0, I) + beta_t log w(x, eps),      0 = beta_0 < ... < beta_T = 1

up to constants, and ``eps_t`` comes from a kernel that leaves ``pi_t`` invariant (Neal 2001; Wu et
al. 2017):

    log w_AIS = sum_t (beta_t - beta_{t-1}) log w(x, eps_{t-1})

Shapes: images ``x`` [R, N, P], points ``eps`` [R, N, C, D] of ``C`` chains. All in nats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from flowdepth.model.objective import log_weight
from flowdepth.model.vae import FlowVAE

# The ladder is that of Wu et al. (2017): steps are small where either end is near.
_SIGMOID = 4.0
# The share of proposals to accept (Wu et al. 2017), and how fast a step size follows it.
_ACCEPTED = 0.65
_RATE = 0.5
# Chains vary the step size by up to this share: in a normal, the same few steps go in circles.
_VARIED = 0.5


def ladder(distributions: int) -> list[float]:
    """Return ``beta_0 = 0 < ... < beta_T = 1`` for ``T`` distributions, a sigmoid of ``t``."""
    end = math.tanh(_SIGMOID / 2)
    places = (2 * t / distributions - 1 for t in range(distributions + 1))
    return [0.5 + math.tanh(_SIGMOID / 2 * place) / (2 * end) for place in places]


class Chains(NamedTuple):
    """Points ``eps`` [R, N, C, D], log w there [R, N, C], and its gradient [R, N, C, D]."""

    eps: Tensor
    log_w: Tensor
    gradient: Tensor


class Walk(NamedTuple):
    """Chains on a ladder, after ``t`` of its ``T`` weights.

    ``eps``, ``log_w`` and ``gradient`` are those of `Chains`; ``gathered`` is their log w_AIS so
    far [R, N, C] in float64, ``accepted`` the sum of the shares of accepted proposals [R, N], and
    ``log_steps`` are the logarithms of the step sizes [T - 1, R, N] for ``pi_1`` to ``pi_{T-1}``.
    """

    eps: Tensor
    log_w: Tensor
    gradient: Tensor
    gathered: Tensor
    accepted: Tensor
    log_steps: Tensor
    t: int = 0

    @property
    def chains(self) -> Chains:
        """Where the chains stand."""
        return Chains(*self[:3])

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All but ``t``, by name."""
        return {name: value for name, value in self._asdict().items() if name != "t"}


class Space:
    """The distributions between a model's posteriors of images ``x`` and the exact ones."""

    def __init__(self, model: FlowVAE, x: Tensor, leapfrog: int) -> None:
        self.model, self.x, self.leapfrog = model, x, leapfrog
        self.q = model.encode(x)

    def at(self, eps: Tensor) -> Chains:
        """Return chains that stand at ``eps``."""
        with torch.enable_grad():
            eps = eps.detach().requires_grad_()
            log_w = log_weight(self.model, self.x, self.q, eps).total()
            (gradient,) = torch.autograd.grad(log_w.sum(), eps)
        return Chains(eps.detach(), log_w.detach(), gradient)

    def begin(self, eps: Tensor, log_steps: Tensor) -> Walk:
        """Return a walk that has the whole ladder before it."""
        gathered = torch.zeros_like(eps[..., 0], dtype=torch.float64)
        return Walk(*self.at(eps), gathered, gathered[..., 0], log_steps)

    def step(self, walk: Walk, betas: Sequence[float], noise: Tensor, adapts: bool = False) -> Walk:
        """Weigh the chains, and move them at the next of ``betas``; there is nowhere at the last.

        ``betas`` fall on the way back. Step sizes that adapt make a walk that does not count: their
        own one follows what was accepted, and hands on what it learnt.
        """
        t = walk.t
        gathered = walk.gathered + abs(betas[t + 1] - betas[t]) * walk.log_w.double()
        if t + 2 == len(betas):
            return walk._replace(gathered=gathered, t=t + 1)
        log_steps = walk.log_steps
        moved, share = self.move(walk.chains, betas[t + 1], log_steps[t].exp(), noise)
        if adapts:
            log_steps = log_steps.clone()
            log_steps[t:] = log_steps[t] + _RATE * (share - _ACCEPTED)
        return Walk(*moved, gathered, walk.accepted + share, log_steps, t + 1)

    def move(
        self, start: Chains, beta: float, step: Tensor, noise: Tensor
    ) -> tuple[Chains, Tensor]:
        """Return chains after a trajectory each, and the share of accepted ones [R, N].

        ``noise`` [R, N, C, D + 2] is momenta, a number that accepts, and one that varies ``step``
        [R, N].
        """
        momentum, chance, varied = noise.split([start.eps.shape[-1], 1, 1], -1)
        step = step[..., None, None] * (1 + _VARIED * (2 * torch.special.ndtr(varied) - 1))
        p, end = momentum + 0.5 * step * _force(start, beta), start
        for last in [False] * (self.leapfrog - 1) + [True]:
            end = self.at(end.eps + step * p)
            p = p + (0.5 if last else 1) * step * _force(end, beta)
        rise = _log_density(end, beta) - _log_density(start, beta)
        lost = 0.5 * (p.square() - momentum.square()).sum(-1)
        # False for a trajectory that left the finite numbers.
        accepted = torch.special.log_ndtr(chance.squeeze(-1)) < rise - lost
        moved = Chains(
            *(
                torch.where(accepted.view(*accepted.shape, *[1] * (new.dim() - 3)), new, old)
                for new, old in zip(end, start, strict=True)
            )
        )
        return moved, accepted.mean(-1, dtype=torch.float64)


def _force(chains: Chains, beta: float) -> Tensor:
    return beta * chains.gradient - chains.eps


def _log_density(chains: Chains, beta: float) -> Tensor:
    return beta * chains.log_w - 0.5 * chains.eps.square().sum(-1)
