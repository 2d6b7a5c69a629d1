"""Encoder and decoder of gated convolutions (van den Berg et al. 2018), replicas as groups.

Between the ends of a network, the maps of ``N`` images are [N, R * C, H, W]: the channels of one
replica after another, so that a grouped convolution keeps the replicas apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from flowdepth.model import sizes
from flowdepth.model.sizes import ConvolutionSize
from flowdepth.settings.sections import Model

# E[(h sigmoid(g))^2] = 1 for linear parts h, g ~ N(0, 1.75^2): the gate halves what passes it.
_GATE_GAIN = 1.75


class Convolution(nn.Module):
    """A layer's linear part and its gate, maps [N, R * C, H, W] to [N, R * C', H', W']."""

    def __init__(self, replicas: int, layer: ConvolutionSize) -> None:
        super().__init__()
        self.layer = layer
        outer, inner = layer.filters, layer.inputs
        if layer.transposed:
            outer, inner = inner, outer
        self.weight = nn.Parameter(torch.empty(replicas, outer, inner, layer.kernel, layer.kernel))
        self.bias = nn.Parameter(torch.empty(replicas, layer.filters))

    @property
    def bound(self) -> float:
        """Of uniform initial weights that keep the mean square of what passes the layer."""
        return (_GATE_GAIN if self.layer.gated else 1) * math.sqrt(3 / self.layer.fan_in)

    @property
    def width(self) -> int:
        """Numbers put out for one row, before the gate halves them."""
        return self.layer.filters * self.layer.after**2

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps of the next layer."""
        layer, replicas = self.layer, len(self.weight)
        sizes = {"stride": layer.stride, "padding": layer.padding, "groups": replicas}
        convolve: Callable[..., Tensor] = functional.conv2d
        if layer.transposed:
            convolve, sizes["output_padding"] = functional.conv_transpose2d, layer.stride - 1
        y = convolve(x, self.weight.flatten(0, 1), self.bias.flatten(), **sizes)
        return functional.glu(y.unflatten(1, (replicas, -1)), 2).flatten(1, 2) if layer.gated else y


class Maps(nn.Module):
    """Rows [R, N, C * side * side] to maps [N, R * C, side, side]."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, rows: Tensor) -> Tensor:
        """Return the maps."""
        return rows.transpose(0, 1).reshape(rows.shape[1], -1, self.side, self.side)


class Rows(nn.Module):
    """Maps [N, R * C, H, W] to rows [R, N, C * H * W]."""

    def __init__(self, replicas: int) -> None:
        super().__init__()
        self.replicas = replicas

    def forward(self, maps: Tensor) -> Tensor:
        """Return the rows."""
        by_replica: Tensor = maps.unflatten(1, (self.replicas, -1))
        return by_replica.flatten(2).transpose(0, 1)


def encoder(model: Model, pixels: int, replicas: int) -> tuple[nn.Module, int]:
    """Return the layers from images [R, N, P] to features [R, N, F], and ``F``."""
    layers = _stack(replicas, sizes.ENCODER)
    return nn.Sequential(Maps(sizes.SIDE), *layers, Rows(replicas)), sizes.FEATURES


def decoder(model: Model, pixels: int, replicas: int) -> tuple[nn.Module, nn.Module]:
    """Return the layers from latent points [R, M, D] to maps, and on to pixels [R, M, P]."""
    layers = _stack(replicas, sizes.decoder(model.latent))
    output = _stack(replicas, (sizes.OUTPUT,))
    return nn.Sequential(Maps(1), *layers), nn.Sequential(*output, Rows(replicas))


def _stack(replicas: int, layers: tuple[ConvolutionSize, ...]) -> list[Convolution]:
    return [Convolution(replicas, layer) for layer in layers]
