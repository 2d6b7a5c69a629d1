"""Images to be scored, every one of them, as the model that scores them saw its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from flowdepth.compute.streams import generator
from flowdepth.data import catalogue
from flowdepth.data.own import reading
from flowdepth.data.own.survey import sums
from flowdepth.data.pixels import binarise, dequantise
from flowdepth.data.prepare import check_grey
from flowdepth.data.prepared import Images
from flowdepth.data.readers.images import plan
from flowdepth.settings.datasets import SPLITS
from flowdepth.settings.sections import Dataset


class Given(NamedTuple):
    """Images [N, P] as a model sees them, in the order in which they lie.

    ``names`` are those of pictures, or the numbers of rows, after the array's name where there are
    several. ``splits`` say in which split of the model's own study an image is, or nothing.
    """

    x: Tensor
    names: list[str]
    splits: list[str]


def given(dataset: Dataset, own: Images | None, fingerprint: str) -> Given:
    """Return all images at ``dataset.root``, read and binarised as the model's study does.

    ``own`` are the prepared images of that study, where they are known, and ``fingerprint`` is of
    what they were made from: where it is that of the given images, their splits are the study's.
    Otherwise an image is in a split that holds the same pixels.

    Raises
    ------
    UserError
        If the images cannot be read, or it is in doubt how.
    """
    found = reading.read(dataset)
    check_grey(dataset, found.levels)
    grey = torch.from_numpy(
        np.concatenate([pool.reshape(len(pool), -1) for pool in found.pools.values()])
    )
    if dataset.binarisation == "none":
        noise = generator(dataset.seed, "dequantise", "given")
        pixels, x = grey, dequantise(grey, found.levels, noise, torch.float32)
    else:
        noise = generator(dataset.seed, "binarise", "given")
        pixels = binarise(grey, found.levels, dataset.binarisation, noise)
        x = pixels.float()
    if own is None:
        splits = [""] * len(x)
    elif fingerprint and fingerprint == catalogue.stamped(sums(found)):
        splits = _planned(found, dataset)
    else:
        splits = _matched(pixels, grey, own)
    return Given(x, _names(found), splits)


def _names(found: reading.Own) -> list[str]:
    names = []
    for pool, images in found.pools.items():
        rows = found.names.get(pool) or map(str, range(len(images)))
        prefix = "" if pool in found.names or len(found.pools) == 1 else f"{pool}/"
        names += [f"{prefix}{row}" for row in rows]
    return names


def _planned(found: reading.Own, dataset: Dataset) -> list[str]:
    by_pool = {pool: [""] * len(images) for pool, images in found.pools.items()}
    for split, (pool, rows) in plan(found, dataset).items():
        for row in rows.tolist():
            by_pool[pool][row] = split
    return [split for splits in by_pool.values() for split in splits]


def _matched(pixels: Tensor, grey: Tensor, own: Images) -> list[str]:
    splits = [""] * len(pixels)
    for split in reversed(SPLITS):
        kept: Tensor = getattr(own, split)
        same_as = grey if split == "train" and own.train_levels > own.levels else pixels
        known = {row.tobytes() for row in kept.numpy()}
        for number, row in enumerate(same_as.numpy()):
            if row.tobytes() in known:
                splits[number] = split
    return splits
