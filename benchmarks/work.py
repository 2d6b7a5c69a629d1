"""The work that every contender does, and what its matrix products cost.

A VAE with a Bernoulli likelihood and a posterior of ``K`` planar layers: an encoder of ``P`` pixels
to ``H_1, H_2, ...`` ReLU units to ``mu, log_var`` and, where the flow is amortised, its parameters;
the decoder mirrors it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

BATCH = 128
LEARNING_RATE = 1e-3
# The share of ink in binarised MNIST.
_INK = 0.13


class Sizes(NamedTuple):
    """Pixels ``P``, hidden units of the encoder, latent dimensions ``D``."""

    pixels: int = 784
    hidden: tuple[int, ...] = (300, 300)
    latent: int = 40

    def flow(self, depth: int) -> int:
        """Return the number of parameters of ``depth`` layers, ``K (2 D + 1)``."""
        return depth * (2 * self.latent + 1)


def images(count: int, sizes: Sizes) -> Tensor:
    """Return binary images [N, P] in float32, always the same."""
    noise = torch.Generator().manual_seed(0)
    return (torch.rand(count, sizes.pixels, generator=noise) < _INK).float()


def _encoder(sizes: Sizes, depth: int, amortised: bool) -> int:
    outputs = 2 * sizes.latent + amortised * sizes.flow(depth)
    return _dense((sizes.pixels, *sizes.hidden, outputs))


def _point(sizes: Sizes, depth: int) -> int:
    """Return what a latent point costs: ``w_k . z`` and ``u_hat_k h_k``, then the decoder."""
    return 4 * depth * sizes.latent + _dense((sizes.latent, *sizes.hidden[::-1], sizes.pixels))


def _dense(widths: tuple[int, ...]) -> int:
    return sum(2 * inputs * outputs for inputs, outputs in pairwise(widths))


def training_flops(sizes: Sizes, depth: int, amortised: bool) -> int:
    """Return the floating-point operations of an image in a training step, one latent sample.

    Products alone: a forward product ``[n, i] x [i, o]`` takes ``2 n i o``, backward takes two of
    the same size, but for the images, which need no gradient.
    """
    forward = _encoder(sizes, depth, amortised) + _point(sizes, depth)
    return 3 * forward - _dense((sizes.pixels, (*sizes.hidden, 2 * sizes.latent)[0]))


def sampling_flops(sizes: Sizes, depth: int, amortised: bool, samples: int) -> float:
    """Return the floating-point operations of one of ``samples`` importance samples of an image.

    The encoder counts once an image, whatever a contender does.
    """
    return _encoder(sizes, depth, amortised) / samples + _point(sizes, depth)


def annealing_flops(sizes: Sizes, depth: int) -> int:
    """Return the floating-point operations of log w and its gradient at one latent point.

    Backward takes one product for each forward: weights need no gradient.
    """
    return 2 * _point(sizes, depth)
