"""Random streams with names: the same seed and path always give the same numbers.

Every use of chance has a stream of its own, keyed by a seed and a path such as
``("order", epoch)``. No stream is ever continued, so nothing depends on what was drawn before:
not on the other seeds of a pack, not on the depth, not on where a run was resumed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor


def generator(seed: int, *path: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a fresh generator for the stream ``path`` of ``seed``."""
    key = hashlib.blake2b(repr((seed, *path)).encode(), digest_size=8).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(key, "big") >> 1)


def normals(
    seeds: tuple[int, ...],
    *path: str | int,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    device: torch.device | str,
) -> Tensor:
    """Return standard normals [R, *shape], those of each of the ``R`` seeds from its own stream."""
    noise = torch.empty(len(seeds), *shape, dtype=dtype, device=device)
    for row, seed in zip(noise, seeds, strict=True):
        row.normal_(generator=generator(seed, *path, device=device))
    return noise


def image_normals(
    seeds: tuple[int, ...],
    *path: str | int,
    images: Iterable[int],
    shape: tuple[int, ...],
    dtype: torch.dtype,
    device: torch.device | str,
) -> Tensor:
    """Return standard normals [R, N, *shape], each image's from the stream ``(*path, image)``."""
    return torch.stack(
        [normals(seeds, *path, image, shape=shape, dtype=dtype, device=device) for image in images],
        1,
    )
