"""Posteriors of two latent dimensions beside the exact ones: densities, divergences and means.

Integrals over ``q_K`` are taken over its noise ``eps``, whose density ``N(0, I)`` is as wide for a
narrow posterior as for a broad one: ``E_q[f(z)] = int N(eps; 0, I) f(z_K(eps)) d eps`` by the
trapezoid rule. No sampling anywhere. Nats; one replica, shapes as in :mod:`flowdepth.model.vae`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from flowdepth.estimation.quadrature import exact_log_likelihood, log_joint_grid
from flowdepth.model import checkpoint
from flowdepth.model.objective import log_weight
from flowdepth.model.vae import FlowVAE, log_standard_normal
from flowdepth.settings.sections import TrainSettings

# N(0, I) leaves e^-21 outside of this square.
_EPS_HALF_WIDTH = 6.5
_EPS_POINTS = {"fine": 131, "coarse": 27}
# Of the lattice that the exact posterior is first looked for on, and the points on a side of it.
_SEARCH_HALF_WIDTH, _SEARCH_POINTS = 6.0, 201
_WINDOW_POINTS = 161  # on a side of a window
_CHUNK = 250  # images whose means are taken at once
_TOLERANCE = 1e-4  # nats, of log p(x)


@dataclass(frozen=True)
class Comparison:
    """The encoder's posteriors of ``N`` images beside the exact ones.

    Attributes
    ----------
    log_p
        log p(x) [N] by quadrature, nats.
    divergence
        ``KL(q_K(z|x) || p(z|x)) = log p(x) - ELBO`` [N], nats.
    mean, deviation
        Mean and standard deviation of the exact posterior, [N, 2] each.
    """

    log_p: Tensor
    divergence: Tensor
    mean: Tensor
    deviation: Tensor


@dataclass(frozen=True)
class Pair:
    """The exact posterior of an image and the encoder's, on one lattice of a square window.

    Attributes
    ----------
    axes
        Coordinates ``z_1`` and ``z_2`` of the lattice's lines, [2, G].
    exact, encoder
        ``p(z|x)`` and ``q_K(z|x)`` at ``(z_1, z_2)``, [G, G].
    """

    axes: Tensor
    exact: Tensor
    encoder: Tensor


def first_finished(
    settings: TrainSettings, depth: int, paths: Sequence[Path], seeds: Collection[int]
) -> FlowVAE | None:
    """Return the smallest finished one of ``seeds`` in a depth's packs, one replica, float64.

    None where every seed failed.

    Raises
    ------
    UserError
        If a model is missing, damaged, or of other settings or another depth.
    """
    found: dict[int, FlowVAE] = {}
    for path in paths:
        model, header = checkpoint.load(path)
        header.require(path, settings, depth, header.seeds)
        for row, outcome in enumerate(header.outcomes):
            if outcome["status"] == "done" and outcome["seed"] in seeds:
                found[outcome["seed"]] = checkpoint.replica(model, header, row).double()
    return found[min(found)] if found else None


def _noise_lattice(kind: str) -> tuple[Tensor, Tensor]:
    """Return points ``eps`` [S, 2] and their weights [S], which sum to 1."""
    axis = _line(_EPS_HALF_WIDTH, _EPS_POINTS[kind])
    eps = torch.cartesian_prod(axis, axis)
    return eps, log_standard_normal(eps).softmax(0)


@torch.no_grad()
def compare(model: FlowVAE, x: Tensor) -> Comparison:
    """Return how the encoder's posteriors of images ``x`` [N, P] compare with the exact ones."""
    log_p = exact_log_likelihood(model, x, _TOLERANCE).log_p[0]
    return Comparison(log_p, log_p - _bounds(model, x), *_exact_moments(model, x))


def _bounds(model: FlowVAE, x: Tensor) -> Tensor:
    """Return the ELBO [N]."""
    eps, weights = _noise_lattice("fine")
    bounds = []
    for image in x.split(1):
        rows = image.unsqueeze(0)
        w = log_weight(model, rows, model.encode(rows), eps.expand(1, 1, -1, -1))
        bounds.append((w.total() * weights).sum())
    return torch.stack(bounds)


def _exact_moments(model: FlowVAE, x: Tensor) -> tuple[Tensor, Tensor]:
    axis = _line(_SEARCH_HALF_WIDTH, _SEARCH_POINTS)
    weights = log_joint_grid(model, x, axis)[0].flatten(1).softmax(-1)
    z = torch.cartesian_prod(axis, axis)
    mean = weights @ z
    return mean, (weights @ z.square() - mean.square()).clamp_min(0).sqrt()


@torch.no_grad()
def posterior_means(model: FlowVAE, x: Tensor) -> Tensor:
    """Return ``E_q[z_K]`` [N, 2] of images ``x`` [N, P]."""
    eps, weights = _noise_lattice("coarse")
    means = []
    for images in x.split(_CHUNK):
        q = model.encode(images.unsqueeze(0))
        _, z, _ = q.sample(eps.expand(1, len(images), -1, -1))
        means.append((z[0] * weights.unsqueeze(-1)).sum(-2))
    return torch.cat(means)


@torch.no_grad()
def pair(model: FlowVAE, x: Tensor, log_p: Tensor, centre: Tensor, half_width: float) -> Pair:
    """Return both posteriors of an image ``x`` [P] in the window around ``centre`` [2]."""
    axes = centre.unsqueeze(-1) + _line(half_width, _WINDOW_POINTS)
    z = torch.cartesian_prod(*axes).view(1, 1, -1, 2)
    images = x.view(1, 1, -1)
    exact = model.log_likelihood(images, z) + log_standard_normal(z) - log_p
    densities = (log_density.exp() for log_density in (exact, model.encode(images).log_prob(z)))
    return Pair(axes, *(density.view(_WINDOW_POINTS, _WINDOW_POINTS) for density in densities))


def _line(half_width: float, points: int) -> Tensor:
    return torch.linspace(-half_width, half_width, points, dtype=torch.float64)
