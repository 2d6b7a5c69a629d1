"""Layer by layer in plain torch, as a reader of the paper would first write it.

Amortised: the encoder puts out [mu | log_var | u | w | b], each flow part layer by layer.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import ModuleList
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from benchmarks.contenders.base import WeightContender, decoder, encoder
from benchmarks.work import Sizes


def planar(z: Tensor, u: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``f(z)`` [S, N, D] and its log-determinant [S, N], for ``u``, ``w`` [N, D], ``b`` [N].

    The textbook form: ``log |1 + u_hat . psi|`` with ``psi = (1 - h^2) w``.
    """
    a = (w * u).sum(-1, keepdim=True)
    u_hat = u + (softplus(a) - 1 - a) * w / w.square().sum(-1, keepdim=True)
    h = torch.tanh((w * z).sum(-1, keepdim=True) + b.unsqueeze(-1))
    psi = (1 - h.square()) * w
    return z + u_hat * h, (1 + (u_hat * psi).sum(-1)).abs().log()


class PlainTorch(WeightContender):
    """An amortised planar VAE in fifty lines."""

    def __init__(self, sizes: Sizes, depth: int, amortised: bool) -> None:
        self.latent, self.depth = sizes.latent, depth
        self.encoder = encoder(sizes, 2 * sizes.latent + sizes.flow(depth))
        self.decoder = decoder(sizes)
        self._optimise(ModuleList([self.encoder, self.decoder]))

    def log_weights(self, x: Tensor, samples: int) -> Tensor:
        """Return log w [S, N], the encoder run once an image."""
        mu, log_var, u, w, b = self._encode(x)
        eps = torch.randn(samples, *mu.shape, device=mu.device)
        z = mu + (0.5 * log_var).exp() * eps
        log_q = -0.5 * (math.log(2 * math.pi) + log_var + eps.square()).sum(-1)
        for k in range(self.depth):
            z, ladj = planar(z, u[:, k], w[:, k], b[:, k])
            log_q = log_q - ladj
        log_prior = -0.5 * (math.log(2 * math.pi) + z.square()).sum(-1)
        logits = self.decoder(z)
        pixels = binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")
        return log_prior - pixels.sum(-1) - log_q

    def _encode(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        size, matrix = self.latent, self.depth * self.latent
        mu, log_var, u, w, b = self.encoder(x).split([size, size, matrix, matrix, self.depth], -1)
        shape = (self.depth, size)
        return mu, log_var, u.unflatten(-1, shape), w.unflatten(-1, shape), b
