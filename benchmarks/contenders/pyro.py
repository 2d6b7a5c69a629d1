"""Pyro's planar transforms in its transformed distributions, without argument validation.

The ELBO is written with the distributions; Pyro's own inference adds overhead to the same sums.
"""

from __future__ import annotations

from collections.abc import Callable

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.transforms import ConditionalPlanar, Planar
from torch import Tensor
from torch.nn import ModuleList

from benchmarks.contenders.base import WeightContender, decoder, encoder
from benchmarks.work import Sizes


class Pyro(WeightContender):
    """``ConditionalPlanar`` on the encoder's outputs, or ``Planar``."""

    def __init__(self, sizes: Sizes, depth: int, amortised: bool) -> None:
        self.sizes, self.depth, self.amortised = sizes, depth, amortised
        heads = 2 * sizes.latent + (sizes.flow(depth) if amortised else 0)
        self.encoder, self.decoder = encoder(sizes, heads), decoder(sizes)
        self.layers = ModuleList(self._layer(k) for k in range(depth))
        self._optimise(ModuleList([self.encoder, self.decoder, self.layers]))

    def log_weights(self, x: Tensor, samples: int) -> Tensor:
        """Return log w [S, N], the encoder run once an image."""
        posterior = self._posterior(x)
        z = posterior.rsample((samples,))
        prior = dist.Normal(z.new_zeros(()), z.new_ones(())).expand(z.shape[-1:]).to_event(1)
        pixels = dist.Bernoulli(logits=self.decoder(z)).to_event(1)
        return pixels.log_prob(x) + prior.log_prob(z) - posterior.log_prob(z)

    def _posterior(self, x: Tensor) -> dist.TorchDistribution:
        size = self.sizes.latent
        out = self.encoder(x)
        mu, log_var, flow = out.split([size, size, out.shape[-1] - 2 * size], -1)
        base = dist.Normal(mu, (0.5 * log_var).exp()).to_event(1)
        if self.amortised:
            return dist.ConditionalTransformedDistribution(base, [*self.layers]).condition(flow)
        return dist.TransformedDistribution(base, [*self.layers])

    def _layer(self, k: int) -> torch.nn.Module:
        return (
            ConditionalPlanar(self._parameters(k)) if self.amortised else Planar(self.sizes.latent)
        )

    def _parameters(self, k: int) -> Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]:
        """Return what takes layer ``k`` out of [u | w | b]: one head serves all layers."""
        size, depth = self.sizes.latent, self.depth

        def parameters(flow: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            u, w, b = flow.split([depth * size, depth * size, depth], -1)
            columns = slice(k * size, (k + 1) * size)
            return b[..., k : k + 1], u[..., columns], w[..., columns]

        return parameters

    def prepare_process(self) -> None:
        """Leave out the validation of arguments, as Pyro's documentation advises for speed."""
        super().prepare_process()
        pyro.enable_validation(False)
