"""pythae's VAE with linear flows, whose parameters all images share.

Its planar layer leaves out the constraint that keeps it invertible, which spares it some work.
"""

from __future__ import annotations

import torch
from pythae.models import VAE, VAE_LinNF, VAE_LinNF_Config, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from torch import Tensor

from benchmarks.contenders.base import ModuleContender, decoder, encoder
from benchmarks.work import Sizes


class _Encoder(BaseEncoder):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.dense = encoder(sizes, 2 * sizes.latent)

    def forward(self, x: Tensor) -> ModelOutput:
        mu, log_var = self.dense(x).chunk(2, -1)
        return ModelOutput(embedding=mu, log_covariance=log_var)


class _Decoder(BaseDecoder):
    """Puts out probabilities, which is what pythae's cross-entropy takes."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.dense = decoder(sizes)

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.dense(z).sigmoid())


class Pythae(ModuleContender):
    """``VAE_LinNF``; its own vanilla ``VAE`` where there is no layer."""

    rows = (100, 200, 500, 1000)  # of the one image that `get_nll` takes at a time

    def __init__(self, sizes: Sizes, depth: int, amortised: bool) -> None:
        self.encoder, self.decoder = _Encoder(sizes), _Decoder(sizes)
        common = {
            "input_dim": (sizes.pixels,),
            "latent_dim": sizes.latent,
            "reconstruction_loss": "bce",
        }
        kind, config = (VAE_LinNF, VAE_LinNF_Config) if depth else (VAE, VAEConfig)
        flows = {"flows": ["Planar"] * depth} if depth else {}
        vae = kind(config(**common, **flows), encoder=self.encoder, decoder=self.decoder)
        self.layers = vae.net if depth else []
        self._optimise(vae)

    def loss(self, x: Tensor) -> Tensor:
        """Return the negative ELBO from one sample."""
        return self.model({"data": x}).loss

    @torch.no_grad()
    def log_p(self, x: Tensor, samples: int, rows: int) -> Tensor:
        """Return what ``get_nll`` does: the mean of log p, its sign as it is."""
        return torch.tensor(self.model.get_nll(x, n_samples=samples, batch_size=rows))
