"""normflows' VAE with its planar layers, whose parameters all images share."""

from __future__ import annotations

import normflows
from normflows.distributions import DiagGaussian, NNBernoulliDecoder, NNDiagGaussian
from normflows.flows import Planar
from torch import Tensor

from benchmarks.contenders.base import WeightContender, decoder, encoder
from benchmarks.work import Sizes


class NormFlows(WeightContender):
    """``NormalizingFlowVAE``, which gives log q and log p of each sample."""

    def __init__(self, sizes: Sizes, depth: int, amortised: bool) -> None:
        self.encoder, self.decoder = encoder(sizes, 2 * sizes.latent), decoder(sizes)
        vae = normflows.NormalizingFlowVAE(
            prior=DiagGaussian(sizes.latent, trainable=False),
            q0=NNDiagGaussian(self.encoder),
            flows=[Planar((sizes.latent,)) for _ in range(depth)],
            decoder=NNBernoulliDecoder(self.decoder),
        )
        self.layers = vae.flows
        self._optimise(vae)

    def log_weights(self, x: Tensor, samples: int) -> Tensor:
        """Return log w [S, N], the encoder run once an image."""
        _, log_q, log_p = self.model(x, samples)
        return (log_p - log_q).mT
