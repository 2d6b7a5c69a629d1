"""The user's own images, as `flowdepth.data.own` understands them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from flowdepth.data import catalogue
from flowdepth.data.own import reading
from flowdepth.data.sources import Source, plan_by_share, shuffled
from flowdepth.settings.sections import Dataset


def read(dataset: Dataset) -> Source:
    """Return the images.

    Raises
    ------
    UserError
        If they cannot be read, or it is in doubt how.
    """
    own = reading.read(dataset)
    pools = {name: torch.from_numpy(np.ascontiguousarray(pool)) for name, pool in own.pools.items()}
    labels = None if own.labels is None else torch.from_numpy(own.labels)
    return Source(pools, plan(own, dataset), own.levels, labels)


def plan(own: reading.Own, dataset: Dataset) -> dict[str, tuple[str, Tensor]]:
    """Return in which pool each split lies, and at which positions, as `Source` has it."""
    pools = own.pools
    if "images" in pools:
        return plan_by_share("images", len(pools["images"]), dataset)
    found = {name: (name, torch.arange(len(pool))) for name, pool in pools.items()}
    if "validation" not in pools:
        order = shuffled(len(pools["train"]), dataset)
        size = catalogue.share_of(len(order), dataset.validation)
        found["validation"] = ("train", order[:size].sort().values)
        found["train"] = ("train", order[size:].sort().values)
    return found
