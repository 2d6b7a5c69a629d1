"""What a contender can do, and what the contenders written with plain modules share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.work import BATCH, LEARNING_RATE, Sizes


class Contender(ABC):
    """A VAE with a flow of ``depth`` layers, ready for both kinds of work.

    Attributes
    ----------
    rows
        Decoder rows at once that importance sampling may choose from; the fastest is taken.
    encoder, decoder
        Modules that hold all dense layers, in the order of the data.
    """

    rows: tuple[int, ...] = (1000, 2000, 4000, 8000)
    encoder: nn.Module
    decoder: nn.Module

    @abstractmethod
    def train(self, x: Tensor) -> None:
        """Make a training step on every batch of ``x`` [N, P]."""

    @abstractmethod
    def log_p(self, x: Tensor, samples: int, rows: int) -> Tensor:
        """Return the importance-sampling estimate of log p(x), its mean over ``x`` [N, P]."""

    def prepare_process(self) -> None:
        """Set up the process as this contender's users would."""
        torch.set_num_threads(1)


class ModuleContender(Contender):
    """A contender whose loss is written with torch modules.

    All get torch's fused Adam and whole batches cut beforehand.
    """

    model: nn.Module

    @abstractmethod
    def loss(self, x: Tensor) -> Tensor:
        """Return the negative ELBO of a batch from one sample, in nats an image."""

    def train(self, x: Tensor) -> None:
        """Make a training step on every batch of ``x`` [N, P]."""
        for batch in x.split(BATCH):
            self.optimizer.zero_grad()
            self.loss(batch).backward()
            self.optimizer.step()

    def _optimise(self, model: nn.Module) -> None:
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE, fused=True)


class WeightContender(ModuleContender):
    """A contender that gives log w, from which both kinds of work follow."""

    @abstractmethod
    def log_weights(self, x: Tensor, samples: int) -> Tensor:
        """Return log w [S, N] for images ``x`` [N, P]."""

    def loss(self, x: Tensor) -> Tensor:
        """Return the negative ELBO of a batch from one sample, in nats an image."""
        return -self.log_weights(x, 1).mean()

    @torch.no_grad()
    def log_p(self, x: Tensor, samples: int, rows: int) -> Tensor:
        """Return ``logsumexp_s log w - log S``, its mean over ``x`` [N, P]."""
        parts = [self.log_weights(part, samples) for part in x.split(max(1, rows // samples))]
        return torch.cat(parts, 1).logsumexp(0).mean() - math.log(samples)


def mlp(widths: tuple[int, ...]) -> nn.Sequential:
    """Return dense layers with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def encoder(sizes: Sizes, outputs: int) -> nn.Sequential:
    """Return the encoder's dense layers up to ``outputs`` values."""
    return mlp((sizes.pixels, *sizes.hidden, outputs))


def decoder(sizes: Sizes) -> nn.Sequential:
    """Return the decoder's dense layers from latent point to logits."""
    return mlp((sizes.latent, *sizes.hidden[::-1], sizes.pixels))
