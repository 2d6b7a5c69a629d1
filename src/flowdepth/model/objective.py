"""The importance weight, and the objective made from it.

``log w(x, z) = log p(x|z_K) + log p(z_K) - log q_K(z_K|x)`` is the one quantity that training, the
ELBO and the test likelihood share. Shapes [R, N, S]: replicas, images, latent samples. Nats.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from flowdepth.model.path_gradient import path_derivative
from flowdepth.model.vae import FlowVAE, Posterior, log_standard_normal
from flowdepth.settings.sections import Annealing, Objective


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


def log_weight(model: FlowVAE, x: Tensor, q: Posterior, eps: Tensor) -> LogWeight:
    """Return log w at ``z_K`` made from ``eps`` [R, N, S, D], for images ``x`` [R, N, P].

    ``log q_K = log N(z_0; mu, sigma^2) - sum_k log|det df_k/dz_{k-1}|`` (Rezende & Mohamed 2015,
    equation 13); the prior is taken at ``z_K``.
    """
    z_0, z_k, ladj = q.sample(eps)
    log_volume = 0.5 * q.log_var.sum(-1, keepdim=True)
    return LogWeight(
        reconstruction=model.log_likelihood(x, z_k),
        prior=log_standard_normal(z_k),
        posterior=log_standard_normal(eps) - log_volume - ladj,
        z_0=z_0,
        z_k=z_k,
    )


def elbo(model: FlowVAE, x: Tensor, q: Posterior, eps: Tensor) -> Tensor:
    """Return the ELBO [R, N] in nats at ``q``: the mean over ``eps`` [R, N, S, D].

    What has a closed form under ``q_0`` replaces its sample, see `closed_form`.
    """
    return closed_form(log_weight(model, x, q, eps), q, eps).total().mean(-1)


def closed_form(w: LogWeight, q: Posterior, eps: Tensor) -> LogWeight:
    """Return ``w`` with the same expectation, its terms under ``q_0`` in closed form.

    ``E|eps|^2 = D`` and ``E|z_0|^2 = |mu|^2 + |sigma|^2``. At ``K = 0`` that is the closed-form KL;
    deeper flows keep sampled only what the flow changes,
    ``(|z_K|^2 - |z_0|^2) / 2 - sum_k ladj_k``.
    """
    expected = (q.mu.square() + q.log_var.exp()).sum(-1, keepdim=True)
    return w._replace(
        prior=w.prior + 0.5 * (w.z_0.square().sum(-1) - expected),
        posterior=w.posterior + 0.5 * (eps.square().sum(-1) - eps.shape[-1]),
    )


def objective(
    model: FlowVAE, x: Tensor, eps: Tensor, goal: Objective, beta: float | Tensor = 1.0
) -> Tensor:
    """Return what training maximises [R, N] in nats, from ``eps`` [R, N, S, D].

    The bound is the ELBO, or ``logsumexp_s log w_s - log S`` (Burda et al. 2016, equation 8). Its
    terms are annealed, see `annealed`. The gradient is the total derivative, or the path
    derivative (Roeder et al. 2017), see `path_gradient`.
    """
    q = model.encode(x)
    w = log_weight(model, x, q, eps)
    if goal.bound == "iwae":
        log_w = annealed(w, goal.annealing.kind, beta)
        return log_w.logsumexp(-1) - math.log(eps.shape[-2])
    if goal.gradient == "path":
        w = w._replace(posterior=path_derivative(w.posterior, q, eps, w.z_k))
    else:
        w = closed_form(w, q, eps)
    return annealed(w, goal.annealing.kind, beta).mean(-1)


def annealed(w: LogWeight, kind: str, beta: float | Tensor) -> Tensor:
    """Return log w [R, N, S] at temperature ``beta``.

    ``kl``: ``log p(x|z) - beta (log q - log p(z))`` (van den Berg et al. 2018);
    ``joint``: ``beta log p(x, z) - log q`` (Rezende & Mohamed 2015, equation 20).
    """
    if kind == "kl":
        return w.reconstruction + beta * (w.prior - w.posterior)
    if kind == "joint":
        return beta * (w.reconstruction + w.prior) - w.posterior
    return w.total()


def temperature(annealing: Annealing, updates: int, updates_per_epoch: int) -> float:
    """Return ``beta_t = min(1, start + t / length)`` after ``updates`` updates.

    ``t`` counts updates or, as a fraction, epochs. Without annealing beta is 1.
    """
    if annealing.kind == "none":
        return 1.0
    t = updates if annealing.unit == "updates" else updates / updates_per_epoch
    return min(1.0, annealing.start + t / annealing.length)
