"""Variational auto-encoder whose posterior is a flow; ``K = 0`` is the vanilla VAE.

Every parameter carries a leading replica axis: ``R`` seeds are one model, their products batched.
Shapes: images ``x`` [R, N, P], latent points ``z`` [R, N, S, D].
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from flowdepth.model import convolutions, dense
from flowdepth.model.convolutions import Convolution
from flowdepth.model.dense import Dense
from flowdepth.model.flows.layers import Layers, family
from flowdepth.model.observation import observation
from flowdepth.settings.sections import Flow, Model

_LOG_2PI = math.log(2 * math.pi)
# Points decoded at once on the CPU: their pixels stay in a core's own cache.
_CACHED_ROWS = 512
_NETWORKS = {"dense": dense, "gated_conv": convolutions}


def log_standard_normal(z: Tensor) -> Tensor:
    """Return ``log N(z; 0, I)`` in nats, [...] for ``z`` [..., D]."""
    return -0.5 * z.square().sum(-1) - 0.5 * z.shape[-1] * _LOG_2PI


class Posterior(NamedTuple):
    """``q_K(z|x)``: ``mu`` and ``log_var`` [R, N, D], and the flow's own parameters.

    The flow's are [R, N, K, D], [R, N, K] and the like, or [R, 1, K, D] where shared.
    """

    mu: Tensor
    log_var: Tensor
    flow: Layers

    def of(self, images: slice) -> Posterior:
        """Return the posteriors of some of the images."""
        flow = self.flow
        if self._sets > 1:
            flow = type(flow)(*(t[:, images] for t in flow))
        return Posterior(self.mu[:, images], self.log_var[:, images], flow)

    @property
    def _sets(self) -> int:
        """Parameter sets of the flow: one an image, or a single one where shared."""
        return self.flow[0].shape[1]

    def sample(self, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``z_0``, ``z_K`` [R, N, S, D] and the log-abs-det-Jacobian [R, N, S].

        ``z_0 = mu + exp(log_var / 2) eps`` for ``eps`` [R, N, S, D].
        """
        z_0 = torch.addcmul(self.mu.unsqueeze(-2), (0.5 * self.log_var).exp().unsqueeze(-2), eps)
        z_k, ladj = self.flow.forward(self._by_set(z_0))
        return z_0, z_k.view_as(z_0), ladj.view(z_0.shape[:-1])

    def base(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the ``eps`` that `sample` moves to ``z`` [R, N, S, D], and the log-determinant.

        Through the flow's inverse, as accurate as that.
        """
        z_0, ladj = self.flow.inverse(self._by_set(z))
        eps = (z_0.view_as(z) - self.mu.unsqueeze(-2)) * (-0.5 * self.log_var).exp().unsqueeze(-2)
        return eps, ladj.view(z.shape[:-1])

    def log_prob(self, z: Tensor) -> Tensor:
        """Return ``log q_K(z|x)`` [R, N, S] in nats at given points ``z`` [R, N, S, D]."""
        eps, ladj = self.base(z)
        return log_standard_normal(eps) - 0.5 * self.log_var.sum(-1, keepdim=True) - ladj

    def _by_set(self, z: Tensor) -> Tensor:
        return z.reshape(z.shape[0], self._sets, -1, z.shape[-1])


class FlowVAE(nn.Module):
    """Encoder, flow of ``K`` layers and decoder, for ``R`` replicas at once."""

    def __init__(self, model: Model, flow: Flow, depth: int, pixels: int, replicas: int) -> None:
        super().__init__()
        self.latent, self.depth = model.latent, depth
        self._family = family(flow.kind)
        self._shapes = [(depth, *shape) for shape in flow.layer(model.latent)]
        self._layer_sizes = [math.prod(shape) for shape in self._shapes]
        flow_size = sum(self._layer_sizes)
        amortised = flow.parameters == "amortised"
        network = _NETWORKS[model.network]
        self.trunk, features = network.encoder(model, pixels, replicas)
        heads = 2 * model.latent + (flow_size if amortised else 0)
        self.head = Dense(replicas, features, heads)
        self.shared = None if amortised else nn.Parameter(torch.empty(replicas, 1, flow_size))
        self.decoder, self.output = network.decoder(model, pixels, replicas)
        self.observation = observation(model, replicas, pixels)
        # The decoder's products in bfloat16: for evaluation, where the settings ask for it.
        self.bf16_decoder = False

    @property
    def replicas(self) -> int:
        """The number of seeds ``R`` held side by side."""
        return self.head.weight.shape[0]

    @property
    def widest(self) -> int:
        """The most numbers that a layer makes of one image or latent point."""
        return max(m.width for m in self.modules() if isinstance(m, Dense | Convolution))

    def encode(self, x: Tensor) -> Posterior:
        """Return ``q_K(z|x)`` for images ``x`` [R, N, P]."""
        out = self.head(self.trunk(x))
        base = [self.latent, self.latent]
        if self.shared is not None:
            mu, log_var = out.split(base, -1)
            return Posterior(mu, log_var, self.layers(self.shared))
        # One split for all: the gradients of its parts are put together in one copy.
        mu, log_var, *layers = out.split(base + self._layer_sizes, -1)
        return Posterior(mu, log_var, self._shaped(*layers))

    def layers(self, flat: Tensor) -> Layers:
        """Return views of the parameters of all layers, which lie one after another in ``flat``."""
        return self._shaped(*flat.split(self._layer_sizes, -1))

    def _shaped(self, *flat: Tensor) -> Layers:
        parts = zip(flat, self._shapes, strict=True)
        return self._family(*(t.unflatten(-1, shape) for t, shape in parts))

    def decode(self, z: Tensor) -> Tensor:
        """Return the decoder's output [R, N, S, P] for latent points ``z`` [R, N, S, D]."""
        with torch.autocast(z.device.type, torch.bfloat16, enabled=self.bf16_decoder):
            flat = self.output(self.decoder(z.flatten(1, 2)))
        decoded: Tensor = flat.to(z.dtype).unflatten(1, z.shape[1:3])
        return decoded

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z) [R, N, S] in nats."""
        rows = _CACHED_ROWS if z.device.type == "cpu" else z.shape[:3].numel()
        parts = z.split(max(1, rows // z.shape[:2].numel()), 2)
        return torch.cat([self.observation.log_prob(x, self.decode(part)) for part in parts], -1)
