r"""Planar flows fitted to four energies in the plane (Rezende & Mohamed 2015, table 1, figure 3).

No encoder and no data: ``q_K`` is a diagonal normal moved by ``K`` layers, its own parameters
learned by minimising ``E_q[log q_K(z_K) + U(z_K)]``, which is ``KL(q_K || e^-U / Z) - log Z``.

As printed, the second to fourth energy do not decay along ``z_1``, so that ``e^-U`` has no finite
integral. A wall ``((|z_1| - 4)_+ / 0.4)^2 / 2``, at the frame of the paper's figure, is added to
these. Shapes: ``E = 4`` energies, ``R`` restarts, ``S`` points [E, R, S, 2]. Nats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from flowdepth.compute.streams import generator
from flowdepth.model.flows.planar import Layers
from flowdepth.model.flows.scalar import IDENTITY
from flowdepth.model.vae import log_standard_normal

NAMES = ("U1", "U2", "U3", "U4")
RESTARTS = 8
STEPS = 3000
POINTS = 128
LEARNING_RATE = 0.01
# Beyond this half-width no e^-U holds mass.
HALF_WIDTH = 7.0


def energy(name: str, z: Tensor) -> Tensor:
    """Return ``U(z)`` [...] for points ``z`` [..., 2]."""
    x, y = z.unbind(-1)
    if name == "U1":
        ring: Tensor = 0.5 * ((z.norm(dim=-1) - 2) / 0.4).square()
        return ring - torch.logaddexp(_bump(x - 2, 0.6), _bump(x + 2, 0.6))
    height = y - torch.sin(2 * math.pi * x / 4)
    wall = -_bump((x.abs() - 4).clamp_min(0), 0.4)
    if name == "U2":
        return wall - _bump(height, 0.4)
    if name == "U3":
        dip = 3 * _bump(x - 1, 0.6).exp()
        return wall - torch.logaddexp(_bump(height, 0.35), _bump(height + dip, 0.35))
    step = 3 * torch.sigmoid((x - 1) / 0.3)
    return wall - torch.logaddexp(_bump(height, 0.4), _bump(height + step, 0.35))


def _bump(t: Tensor, width: float) -> Tensor:
    return -0.5 * (t / width).square()


def grid(half_width: float, count: int) -> Tensor:
    """Return points [G, G, 2] of a square lattice, first axis ``z_1``; float64."""
    axis = torch.linspace(-half_width, half_width, count, dtype=torch.float64)
    return torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1)


def log_normaliser(name: str, count: int = 1401) -> float:
    """Return ``log Z = log int e^-U dz`` by the trapezoid rule on a lattice."""
    spacing = 2 * HALF_WIDTH / (count - 1)
    total = torch.logsumexp(-energy(name, grid(HALF_WIDTH, count)).flatten(), 0)
    return total.item() + 2 * math.log(spacing)


@dataclass(frozen=True)
class Fit:
    """Flows of one depth, one for each energy and restart.

    Attributes
    ----------
    mean, log_sigma
        Of the normal ``q_0`` [E, R, 2].
    flow
        Layers ``u``, ``w`` [E, R, K, 2] and ``b`` [E, R, K].
    """

    mean: Tensor
    log_sigma: Tensor
    flow: Layers

    def restart(self, energy_index: int, restart: int) -> Fit:
        """Return the fit of one energy and restart, its leading axes of size 1."""
        e, r = slice(energy_index, energy_index + 1), slice(restart, restart + 1)
        flow = Layers(*(t[e, r] for t in self.flow))
        return Fit(self.mean[e, r], self.log_sigma[e, r], flow)

    def sample(self, eps: Tensor) -> tuple[Tensor, Tensor]:
        """Return points ``z_K`` and ``log q_K`` at them, from ``eps`` [E, R, S, 2]."""
        z_0 = self.mean.unsqueeze(-2) + self.log_sigma.exp().unsqueeze(-2) * eps
        z_k, ladj = self.flow.forward(z_0)
        return z_k, self._log_base(eps) - ladj

    def log_prob(self, z: Tensor) -> Tensor:
        """Return ``log q_K`` [E, R, S] at given points [E, R, S, 2], by the flow's inverse."""
        z_0, ladj = self.flow.inverse(z)
        eps = (z_0 - self.mean.unsqueeze(-2)) * (-self.log_sigma).exp().unsqueeze(-2)
        return self._log_base(eps) - ladj

    def _log_base(self, eps: Tensor) -> Tensor:
        return log_standard_normal(eps) - self.log_sigma.sum(-1, keepdim=True)


def fit(depth: int, steps: int = STEPS, restarts: int = RESTARTS, seed: int = 0) -> Fit:
    """Return flows of ``depth`` fitted to all energies by Adam, in float64.

    The energy is annealed, ``beta_t = min(1, 0.01 + t / 10 000)`` in the paper and here over the
    first half of the steps; the learning rate falls linearly to 0 over the second.
    """
    start = _start(depth, restarts, seed)
    leaves = [t.requires_grad_() for t in (start.mean, start.log_sigma, *start.flow)]
    adam = torch.optim.Adam(leaves, LEARNING_RATE, fused=True)
    noise = generator(seed, "energies", "noise", depth)
    for step in range(steps):
        beta = min(1.0, 0.01 + 2 * step / steps)
        adam.param_groups[0]["lr"] = LEARNING_RATE * min(1.0, 2 - 2 * step / steps)
        adam.zero_grad(set_to_none=True)
        eps = torch.empty(len(NAMES), restarts, POINTS, 2, dtype=torch.float64)
        z, log_q = start.sample(eps.normal_(generator=noise))
        (log_q + beta * _energies(z)).mean(-1).sum().backward()
        adam.step()
    mean, log_sigma, *flow = (t.detach() for t in leaves)
    return Fit(mean, log_sigma, Layers(*flow))


def _start(depth: int, restarts: int, seed: int) -> Fit:
    """Return identity flows whose planes lie at random about the origin."""
    noise = generator(seed, "energies", "start", depth)
    w = torch.randn(len(NAMES), restarts, depth, 2, generator=noise, dtype=torch.float64)
    b = torch.randn(len(NAMES), restarts, depth, generator=noise, dtype=torch.float64)
    u = IDENTITY * w / w.square().sum(-1, keepdim=True)
    zeros = torch.zeros(len(NAMES), restarts, 2, dtype=torch.float64)
    return Fit(zeros.clone(), zeros.clone(), Layers(u, w, b))


def _energies(z: Tensor, names: tuple[str, ...] = NAMES) -> Tensor:
    return torch.stack([energy(name, points) for name, points in zip(names, z, strict=True)])


@torch.no_grad()
def divergence(
    fitted: Fit, samples: int, names: tuple[str, ...] = NAMES, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Return ``KL(q_K || e^-U / Z)`` and its Monte-Carlo standard error, [E, R] in nats."""
    noise = generator(seed, "energies", "divergence")
    shape = (*fitted.mean.shape[:2], samples, 2)
    z, log_q = fitted.sample(torch.randn(shape, generator=noise, dtype=torch.float64))
    values = log_q + _energies(z, names)
    log_z = torch.tensor([log_normaliser(name) for name in names], dtype=torch.float64)
    return values.mean(-1) + log_z.unsqueeze(-1), values.std(-1) / math.sqrt(samples)
