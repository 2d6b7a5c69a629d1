"""What the model sees of the prepared images: binary pixels as they are, grey ones dequantised."""

from __future__ import annotations

import torch
from torch import Tensor

from flowdepth.compute.streams import generator
from flowdepth.data.pixels import dequantise, redraw
from flowdepth.data.prepared import Images


def observed(images: Images, split: str, dtype: torch.dtype) -> Tensor:
    """Return a split as the model sees it, the same for every seed: [N, P] in ``dtype``.

    Grey pixels are dequantised once, from the data set's seed.
    """
    pixels: Tensor = getattr(images, split)
    if images.levels == 2:
        return pixels.to(dtype)
    noise = generator(images.seed, "dequantise", split, device=pixels.device)
    return dequantise(pixels, images.levels, noise, dtype)


def epoch_images(images: Images, seeds: tuple[int, ...], epoch: int, dtype: torch.dtype) -> Tensor:
    """Return the training images of one epoch.

    Binary images are the same for every seed and epoch, uint8 [N, P]. Grey ones are redrawn
    every epoch for each seed, [R, N, P]: binarised (uint8) or dequantised (``dtype``).
    """
    pixels, levels = images.train, images.train_levels
    if levels == 2:
        return pixels
    streams = [generator(seed, "images", epoch, device=pixels.device) for seed in seeds]
    if images.levels == 2:
        return torch.stack([redraw(pixels, levels, stream) for stream in streams])
    return torch.stack([dequantise(pixels, levels, stream, dtype) for stream in streams])


def pixel_means(images: Images, dtype: torch.dtype) -> Tensor:
    """Return the mean of each pixel over the training images [P], as the model sees them."""
    means = images.train.sum(0, dtype=torch.int64).double() / len(images.train)
    if images.levels == 2:
        return (means / (images.train_levels - 1)).to(dtype)
    return ((means + 0.5) / images.levels).to(dtype)


def pixel_spreads(images: Images, dtype: torch.dtype) -> Tensor:
    """Return the standard deviation of each dequantised pixel over the training images [P].

    ``sqrt(var + 1/12)`` grey levels, of which dequantising alone makes ``sqrt(1/12)``.
    """
    variance = images.train.double().var(0, correction=0)
    return ((variance + 1 / 12).sqrt() / images.train_levels).to(dtype)
