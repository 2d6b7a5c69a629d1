"""The importance weight, and the objective made from it.

``log w(x, z) = log p(x|z_K) + log p(z_K) - log q_K(z_K|x)`` is the one quantity that training, the
ELBO and the test likelihood share. Shapes [R, N, S]: replicas, images, latent samples. Nats.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from flowdepth.config import Annealing
from flowdepth.vae import PlanarVAE, Posterior

_LOG_2PI = math.log(2 * math.pi)


class LogWeight(NamedTuple):
    """The terms of log w, each [R, N, S], and the points they were taken at [R, N, S, D]."""

    reconstruction: Tensor
    prior: Tensor
    posterior: Tensor
    z_0: Tensor
    z_k: Tensor

    def total(self) -> Tensor:
        """Return log w."""
        return self.reconstruction + self.prior - self.posterior


def log_weight(model: PlanarVAE, x: Tensor, q: Posterior, eps: Tensor) -> LogWeight:
    """Return log w at ``z_K`` made from ``eps`` [R, N, S, D], for images ``x`` [R, N, P].

    ``log q_K = log N(z_0; mu, sigma^2) - sum_k log|det df_k/dz_{k-1}|`` (Rezende & Mohamed 2015,
    equation 13); the prior is taken at ``z_K``.
    """
    z_0, z_k, ladj = q.sample(eps)
    log_volume = 0.5 * q.log_var.sum(-1, keepdim=True)
    return LogWeight(
        reconstruction=model.log_likelihood(x, z_k),
        prior=_standard_normal(z_k),
        posterior=_standard_normal(eps) - log_volume - ladj,
        z_0=z_0,
        z_k=z_k,
    )


def objective(
    model: PlanarVAE, x: Tensor, eps: Tensor, kind: str = "none", beta: float | Tensor = 1.0
) -> Tensor:
    """Return the annealed ELBO [R, N] in nats: the mean over ``eps`` [R, N, S, D].

    ``kl``: ``E[log p(x|z) - beta (log q - log p(z))]`` (van den Berg et al. 2018);
    ``joint``: ``E[beta log p(x, z) - log q]`` (Rezende & Mohamed 2015, equation 20).

    What has a closed form under ``q_0`` replaces its sample: ``E|eps|^2 = D`` and
    ``E|z_0|^2 = |mu|^2 + |sigma|^2``. At ``K = 0`` that is the closed-form KL; deeper flows keep
    sampled only what the flow changes, ``(|z_K|^2 - |z_0|^2) / 2 - sum_k ladj_k``.
    """
    q = model.encode(x)
    w = log_weight(model, x, q, eps)
    posterior = w.posterior + 0.5 * (eps.square().sum(-1) - eps.shape[-1])
    expected = (q.mu.square() + q.log_var.exp()).sum(-1, keepdim=True)
    prior = w.prior + 0.5 * (w.z_0.square().sum(-1) - expected)
    if kind == "kl":
        annealed = w.reconstruction + beta * (prior - posterior)
    elif kind == "joint":
        annealed = beta * (w.reconstruction + prior) - posterior
    else:
        annealed = w.reconstruction + prior - posterior
    return annealed.mean(-1)


def temperature(annealing: Annealing, updates: int, updates_per_epoch: int) -> float:
    """Return ``beta_t = min(1, start + t / length)`` after ``updates`` updates.

    ``t`` counts updates or, as a fraction, epochs. Without annealing beta is 1.
    """
    if annealing.kind == "none":
        return 1.0
    t = updates if annealing.unit == "updates" else updates / updates_per_epoch
    return min(1.0, annealing.start + t / annealing.length)


def _standard_normal(z: Tensor) -> Tensor:
    """Return ``log N(z; 0, I)``."""
    return -0.5 * z.square().sum(-1) - 0.5 * z.shape[-1] * _LOG_2PI
