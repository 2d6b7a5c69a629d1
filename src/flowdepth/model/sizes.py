"""What encoder and decoder are made of, as plain data: how large they are, how much they compute.

The gated convolutions are those of van den Berg et al. (2018), for images of 28 x 28 pixels.
Imports no torch: the Snakefile counts here in every job.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

from flowdepth.settings.sections import Model

SIDE = 28


class ConvolutionSize(NamedTuple):
    """A convolution of ``inputs`` channels [before, before] to ``outputs`` channels [after, after].

    Transposed where it enlarges. A gated one, ``h * sigmoid(g)``, has twice the filters.
    """

    inputs: int
    outputs: int
    kernel: int
    before: int
    after: int
    gated: bool = True

    @property
    def filters(self) -> int:
        """Channels of the linear part."""
        return self.outputs * (1 + self.gated)

    @property
    def transposed(self) -> bool:
        """Whether a pixel spreads to a patch rather than gathers one."""
        return self.after > self.before

    @property
    def padding(self) -> int:
        """Rows and columns of zeros on each side; none where a single pixel meets all others."""
        return 0 if 1 in (self.before, self.after) else self.kernel // 2

    @property
    def stride(self) -> int:
        """Pixels of the larger side for a pixel of the smaller."""
        smaller, larger = sorted((self.before, self.after))
        return 1 if smaller == 1 else larger // smaller

    @property
    def multiplications(self) -> int:
        """Multiplications for one image, those with padding included."""
        patches = min(self.before, self.after) ** 2
        return patches * self.kernel**2 * self.inputs * self.filters

    @property
    def fan_in(self) -> float:
        """Products that a number of the linear part sums, away from the border."""
        return self.multiplications / (self.filters * self.after**2)

    @property
    def weights(self) -> int:
        """Trained numbers."""
        return (self.kernel**2 * self.inputs + 1) * self.filters

    @property
    def units(self) -> int:
        """Numbers put out."""
        return self.outputs * self.after**2


FEATURES = 256
ENCODER = (
    ConvolutionSize(1, 32, 5, SIDE, SIDE),
    ConvolutionSize(32, 32, 5, SIDE, 14),
    ConvolutionSize(32, 64, 5, 14, 14),
    ConvolutionSize(64, 64, 5, 14, 7),
    ConvolutionSize(64, 64, 5, 7, 7),
    ConvolutionSize(64, FEATURES, 7, 7, 1),
)
OUTPUT = ConvolutionSize(32, 1, 1, SIDE, SIDE, gated=False)


def decoder(latent: int) -> tuple[ConvolutionSize, ...]:
    """Return the layers from ``latent`` dimensions to the one before `OUTPUT`."""
    return (
        ConvolutionSize(latent, 64, 7, 1, 7),
        ConvolutionSize(64, 64, 5, 7, 7),
        ConvolutionSize(64, 32, 5, 7, 14),
        ConvolutionSize(32, 32, 5, 14, 14),
        ConvolutionSize(32, 32, 5, 14, SIDE),
        ConvolutionSize(32, 32, 5, SIDE, SIDE),
    )


class NetworkSize(NamedTuple):
    """What encoder and decoder take: multiplications, weights, and numbers held for one row.

    ``units`` of all layers, which training keeps; ``passing`` of those that are there at once.
    """

    encoder: int
    decoder: int
    parameters: int
    units: int
    passing: int


def network_size(model: Model, pixels: int, outputs: int) -> NetworkSize:
    """Return the size of the model's network with ``outputs`` numbers for each image."""
    if model.network == "gated_conv":
        return _convolutional_size(model, outputs)
    widths = (pixels, *model.hidden, outputs), (model.latent, *model.hidden[::-1], pixels)
    weights = [
        model.pieces * sum((before + 1) * after for before, after in itertools.pairwise(layers))
        for layers in widths
    ]
    units = 2 * model.pieces * sum(model.hidden) + 2 * pixels
    return NetworkSize(weights[0], weights[1], sum(weights), units, units)


def _convolutional_size(model: Model, outputs: int) -> NetworkSize:
    back = (*decoder(model.latent), OUTPUT)
    layers = (*ENCODER, *back)
    return NetworkSize(
        encoder=sum(layer.multiplications for layer in ENCODER) + FEATURES * outputs,
        decoder=sum(layer.multiplications for layer in back),
        parameters=sum(layer.weights for layer in layers) + (FEATURES + 1) * outputs,
        units=sum(layer.units for layer in layers),
        passing=max(layer.units for layer in layers),
    )
