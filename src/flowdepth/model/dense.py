"""Encoder and decoder of dense layers, the products of all replicas batched."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowdepth.settings.sections import Model

_POINTWISE = {"relu": torch.relu, "softplus": functional.softplus, "tanh": torch.tanh}


class Dense(nn.Module):
    """``x W + b`` for each replica: ``x`` [R, N, in] to [R, N, out]."""

    def __init__(self, replicas: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(replicas, inputs, outputs))
        self.bias = nn.Parameter(torch.empty(replicas, 1, outputs))

    @property
    def width(self) -> int:
        """Numbers put out for one row."""
        return self.weight.shape[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x W + b`` [R, N, out]."""
        return torch.baddbmm(self.bias, x, self.weight)


class Hidden(nn.Module):
    """A dense layer and its activation; gated and maxout units take several linear pieces each."""

    def __init__(self, replicas: int, inputs: int, outputs: int, model: Model) -> None:
        super().__init__()
        self.activation = model.activation
        self.pieces = model.pieces
        self.dense = Dense(replicas, inputs, outputs * self.pieces)

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's units [R, N, outputs]."""
        y = self.dense(x)
        if self.activation == "gated":
            return functional.glu(y)
        if self.activation == "maxout":
            pieces: Tensor = y.unflatten(-1, (self.pieces, -1))
            return pieces.amax(-2)
        return _POINTWISE[self.activation](y)


def encoder(model: Model, pixels: int, replicas: int) -> tuple[nn.Module, int]:
    """Return the layers from images [R, N, P] to features [R, N, F], and ``F``."""
    widths = (pixels, *model.hidden)
    return _hidden(replicas, widths, model), widths[-1]


def decoder(model: Model, pixels: int, replicas: int) -> tuple[nn.Module, nn.Module]:
    """Return the layers from latent points [R, M, D] to units, and on to pixels [R, M, P]."""
    widths = (model.latent, *model.hidden[::-1])
    return _hidden(replicas, widths, model), Dense(replicas, widths[-1], pixels)


def _hidden(replicas: int, widths: tuple[int, ...], model: Model) -> nn.Sequential:
    pairs = itertools.pairwise(widths)
    return nn.Sequential(*(Hidden(replicas, i, o, model) for i, o in pairs))
