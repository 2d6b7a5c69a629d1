"""The path derivative of a flow's log-density: sticking the landing (Roeder et al. 2017).

The total derivative of ``E[log q_K(z_K)]`` holds the score of ``q_K``, zero on average but noisy.
Without it, what is left flows through the point ``z_K`` alone: at the exact posterior the
gradient of the ELBO vanishes sample by sample.
"""

from __future__ import annotations

import torch
from torch import Tensor

from flowdepth.flows import PlanarParameters, invertible, planar_flow
from flowdepth.vae import Posterior


def path_derivative(log_q: Tensor, q: Posterior, eps: Tensor, z_k: Tensor) -> Tensor:
    """Return ``log_q`` [R, N, S] unchanged, its derivative flowing through ``z_k`` only."""
    along = (log_density_gradient(q, eps) * z_k).sum(-1)
    return log_q.detach() + along - along.detach()


def log_density_gradient(q: Posterior, eps: Tensor) -> Tensor:
    """Return the gradient of ``log q_K`` at ``z_K`` [R, N, S, D], no derivative attached.

    By the chain rule ``J^T grad_{z_K} log q_K = grad_{z_0} (log q_0 - sum_k ladj_k)`` with ``J``
    the product of the layers' Jacobians ``I + (1 - h_k^2) u_hat_k w_k^T``, each inverted by
    Sherman and Morrison's formula.
    """
    mu, log_var, parameters = q
    fixed = PlanarParameters(*(t.detach() for t in parameters))
    sigma = (0.5 * log_var.detach()).exp().unsqueeze(-2)
    z = mu.detach().unsqueeze(-2) + sigma * eps
    lead, sets = z.shape, fixed.w.shape[1]
    z = z.reshape(lead[0], sets, -1, lead[-1])
    base = (-eps / sigma).view_as(z)
    return _through_layers(z, base - _ladj_gradient(z, fixed), fixed).view(lead)


def _ladj_gradient(z_0: Tensor, fixed: PlanarParameters) -> Tensor:
    if fixed.w.shape[-2] == 0:
        return torch.zeros_like(z_0)
    with torch.enable_grad():
        point = z_0.detach().requires_grad_()
        _, ladj = planar_flow(point, fixed)
        (gradient,) = torch.autograd.grad(ladj.sum(), point)
    return gradient


@torch.no_grad()
def _through_layers(z: Tensor, gradient: Tensor, fixed: PlanarParameters) -> Tensor:
    u_hat, log_s = invertible(fixed.u, fixed.w)
    for k in range(fixed.w.shape[-2]):
        w, u, b = fixed.w[..., k : k + 1, :], u_hat[..., k : k + 1, :], fixed.b[..., k : k + 1]
        h = torch.tanh(z @ w.mT + b.unsqueeze(-1))
        slope = 1 - h * h
        det = h * h + slope * log_s[..., k : k + 1].unsqueeze(-1).exp()
        gradient = gradient - (slope / det) * (gradient @ u.mT) * w
        z = z + h * u
    return gradient
