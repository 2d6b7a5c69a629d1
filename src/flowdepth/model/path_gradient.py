"""The path derivative of a flow's log-density: sticking the landing (Roeder et al. 2017).

The total derivative of ``E[log q_K(z_K)]`` holds the score of ``q_K``, zero on average but noisy.
Without it, what is left flows through the point ``z_K`` alone: at the exact posterior the
gradient of the ELBO vanishes sample by sample.
"""

from __future__ import annotations

import torch
from torch import Tensor

from flowdepth.model.flows.layers import Layers
from flowdepth.model.vae import Posterior


def path_derivative(log_q: Tensor, q: Posterior, eps: Tensor, z_k: Tensor) -> Tensor:
    """Return ``log_q`` [R, N, S] unchanged, its derivative flowing through ``z_k`` only."""
    along = (log_density_gradient(q, eps) * z_k).sum(-1)
    return log_q.detach() + along - along.detach()


def log_density_gradient(q: Posterior, eps: Tensor) -> Tensor:
    """Return the gradient of ``log q_K`` at ``z_K`` [R, N, S, D], no derivative attached.

    By the chain rule ``J^T grad_{z_K} log q_K = grad_{z_0} (log q_0 - sum_k ladj_k)`` with ``J``
    the flow's Jacobian.
    """
    mu, log_var, parameters = q
    fixed = type(parameters)(*(t.detach() for t in parameters))
    sigma = (0.5 * log_var.detach()).exp().unsqueeze(-2)
    z = mu.detach().unsqueeze(-2) + sigma * eps
    lead, sets = z.shape, fixed[0].shape[1]
    z = z.reshape(lead[0], sets, -1, lead[-1])
    base = (-eps / sigma).view_as(z)
    return fixed.carry(base - _ladj_gradient(z, fixed), z).view(lead)


def _ladj_gradient(z_0: Tensor, fixed: Layers) -> Tensor:
    with torch.enable_grad():
        point = z_0.detach().requires_grad_()
        _, ladj = fixed.forward(point)
        if not ladj.requires_grad:  # no layer, or mirrors
            return torch.zeros_like(z_0)
        (gradient,) = torch.autograd.grad(ladj.sum(), point)
    return gradient
