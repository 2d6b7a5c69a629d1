"""From the name of a data set to its images as published, read from files that are verified."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

import torch
from torch import Tensor

from flowdepth.compute.streams import generator
from flowdepth.data import catalogue
from flowdepth.settings.datasets import Sizes
from flowdepth.settings.sections import Dataset


@dataclass(frozen=True)
class Source:
    """A data set as published: named pools of grey images, and where each split lies in them."""

    pools: dict[str, Tensor]  # uint8 [N, H, W]
    plan: dict[str, tuple[str, Tensor]]  # split -> name of the pool, positions [N] in it
    levels: int
    labels: Tensor | None = None  # of the pool that holds the test images

    @property
    def brightest(self) -> int:
        """The largest value of a pixel, at most ``levels - 1``."""
        return max(int(pool.max()) for pool in self.pools.values())


def read(dataset: Dataset) -> Source:
    """Return the images of the data set and the plan of their splits.

    Raises
    ------
    UserError
        If a file is missing and cannot be downloaded, or is not what it should be.
    """
    module = import_module(f"flowdepth.data.readers.{catalogue.reader(dataset)}")
    source: Source = module.read(dataset)
    return source


def plan_by_share(pool: str, images: int, dataset: Dataset) -> dict[str, tuple[str, Tensor]]:
    """Return the plan of one ``pool`` of ``images``, split at random by the shares of the settings.

    Test images come first: their choice must not depend on the validation share.
    """
    order = shuffled(images, dataset)
    sizes = catalogue.sizes_by_share(images, dataset)
    test, validation, train = order.split([sizes.test, sizes.validation, sizes.train])
    parts = {"train": train, "validation": validation, "test": test}
    return {split: (pool, rows.sort().values) for split, rows in parts.items()}


def plan_in_order(sizes: Sizes) -> dict[str, tuple[str, Tensor]]:
    """Return the plan of pools ``train`` and ``test``: the last of ``train`` are to validate."""
    trained = sizes.train + sizes.validation
    return {
        "train": ("train", torch.arange(sizes.train)),
        "validation": ("train", torch.arange(sizes.train, trained)),
        "test": ("test", torch.arange(sizes.test)),
    }


def shuffled(images: int, dataset: Dataset) -> Tensor:
    """Return the positions of ``images`` in the order of the split's own chance."""
    return torch.randperm(images, generator=generator(dataset.seed, "split"))
