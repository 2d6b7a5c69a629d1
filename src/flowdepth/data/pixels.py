"""Grey pixels to what a likelihood takes: binarised, or dequantised."""

from __future__ import annotations

import torch
from torch import Tensor

ROWS_AT_A_TIME = 1024  # of `redraw`: 3 MB of uniforms for 784 pixels


def redraw(grey: Tensor, levels: int, generator: torch.Generator) -> Tensor:
    """Draw binary images whose pixels are 1 with probability ``grey / (levels - 1)``.

    Parameters
    ----------
    grey
        uint8 [N, P], on the generator's device.
    levels
        Number of grey levels; values are ``0 .. levels - 1``.
    generator
        Of the draw; the same generator state gives the same pixels.

    Returns
    -------
    Tensor
        uint8 [N, P] of 0 and 1.
    """
    binary = torch.empty_like(grey)
    for start in range(0, len(grey), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        uniform = torch.rand(grey[rows].shape, generator=generator, device=grey.device)
        torch.lt(uniform.mul_(levels - 1), grey[rows], out=binary[rows].view(torch.bool))
    return binary


def binarise(grey: Tensor, levels: int, how: str, generator: torch.Generator) -> Tensor:
    """Return binary images of ``grey`` uint8 [N, P], as ``dataset.binarisation`` says in ``how``.

    By ``threshold`` from half of the range up, else drawn as `redraw` does. Two levels stay.
    """
    if levels == 2:
        return grey
    if how == "threshold":
        return (grey > (levels - 1) / 2).to(torch.uint8)
    return redraw(grey, levels, generator)


def dequantise(grey: Tensor, levels: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """Return ``(grey + u) / levels`` with ``u`` uniform on [0, 1): densities on [0, 1]^P.

    ``grey`` is uint8 of any shape, on the generator's device; the result has its shape.
    """
    uniform = torch.rand(grey.shape, generator=generator, dtype=dtype, device=grey.device)
    return uniform.add_(grey).div_(levels)
