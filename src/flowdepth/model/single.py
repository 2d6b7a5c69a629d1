"""One seed as an ordinary module of torch: its parameters without the axis of seeds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from flowdepth.model.objective import log_weight
from flowdepth.model.vae import FlowVAE, Posterior


class SingleVAE(nn.Module):
    """Encoder, flow and decoder of one seed, to go on with in plain torch.

    Weights are [in, out] and biases [out], by the names that the pack has for them; of convolutions
    what follows the pack's axis of seeds.
    """

    def __init__(self, vae: FlowVAE) -> None:
        """Copy a model of one replica."""
        super().__init__()
        # In a list, because its own parameters are not this module's.
        self._computing = [_Methods(vae)]
        self._shapes = {name: value.shape for name, value in vae.named_parameters()}
        for name, value in vae.named_parameters():
            *places, last = name.split(".")
            inner: nn.Module = self
            for place in places:
                if place not in dict(inner.named_children()):
                    inner.add_module(place, nn.Module())
                inner = inner.get_submodule(place)
            one = value[0].squeeze(0) if last == "bias" else value[0]
            inner.register_parameter(last, nn.Parameter(one.detach().clone()))

    def forward(self, x: Tensor, samples: int = 1) -> Tensor:
        """Return ``log w = log p(x|z) + log p(z) - log q(z|x)`` [N, S] in nats for ``x`` [N, P].

        Its mean is the ELBO; ``z`` is drawn anew from torch's own generator.
        """
        log_w: Tensor = self._call("log_weight", x.unsqueeze(0), samples)[0]
        return log_w

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance [N, D] of the flow's base for images ``x`` [N, P]."""
        q: Posterior = self._call("encode", x.unsqueeze(0))
        return q.mu[0], q.log_var[0]

    def decode(self, z: Tensor) -> Tensor:
        """Return the decoder's means [N, P] at latent points ``z`` [N, D]."""
        means: Tensor = self._call("decode", z.view(1, len(z), 1, -1))[0, :, 0]
        return means

    def _call(self, method: str, *args: object) -> Any:  # noqa: ANN401
        stacked = {
            f"vae.{name}": value.view(self._shapes[name]) for name, value in self.named_parameters()
        }
        return functional_call(self._computing[0], stacked, (method, *args))


class _Methods(nn.Module):
    """What can be asked of a model with given parameters."""

    def __init__(self, vae: FlowVAE) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, method: str, *args: object) -> object:
        return getattr(self, f"_{method}")(*args)

    def _encode(self, x: Tensor) -> Posterior:
        return self.vae.encode(x)

    def _decode(self, z: Tensor) -> Tensor:
        means: Tensor = self.vae.observation.mean(self.vae.decode(z))
        return means

    def _log_weight(self, x: Tensor, samples: int) -> Tensor:
        q = self.vae.encode(x)
        mu = q.mu
        shape = (*mu.shape[:-1], samples, mu.shape[-1])
        eps = torch.randn(shape, dtype=mu.dtype, device=mu.device)
        return log_weight(self.vae, x, q, eps).total()
