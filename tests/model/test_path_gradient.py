from __future__ import annotations

import pytest
import torch

from flowdepth.model.path_gradient import log_density_gradient
from flowdepth.settings.sections import Flow
from helpers import binary_images, small_vae


@pytest.mark.parametrize("parameters", ["amortised", "shared"])
@pytest.mark.parametrize("depth", [0, 1, 5])
def test_gradient_agrees_with_the_jacobian(depth: int, parameters: str) -> None:
    """``J^T g`` is the gradient of ``log q_0(z_0) - sum_k ladj_k`` by ``z_0``, by autograd."""
    vae = small_vae(depth, disturb=0.5, flow=Flow(parameters=parameters))
    q = vae.encode(binary_images(2).unsqueeze(0))
    eps = torch.randn(1, 2, 3, 2, generator=torch.Generator().manual_seed(1)).double()
    gradient = log_density_gradient(q, eps)
    sigma = (0.5 * q.log_var).exp().unsqueeze(2)
    noise = eps.requires_grad_()
    _, z_k, ladj = q.sample(noise)
    log_q = -0.5 * noise.square().sum(-1) - ladj
    (by_eps,) = torch.autograd.grad(log_q.sum(), noise, retain_graph=True)
    columns = [
        torch.autograd.grad(z_k[..., d].sum(), noise, retain_graph=True)[0] for d in range(2)
    ]
    pulled = sum(gradient[..., d : d + 1] * columns[d] for d in range(2))
    torch.testing.assert_close(pulled / sigma, by_eps / sigma)
