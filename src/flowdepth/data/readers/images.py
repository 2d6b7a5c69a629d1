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
    return Source(pools, _plan(pools, dataset), own.levels, labels)


def _plan(pools: dict[str, Tensor], dataset: Dataset) -> dict[str, tuple[str, Tensor]]:
    if "images" in pools:
        return plan_by_share("images", len(pools["images"]), dataset)
    plan = {name: (name, torch.arange(len(pool))) for name, pool in pools.items()}
    if "validation" not in pools:
        order = shuffled(len(pools["train"]), dataset)
        size = catalogue.share_of(len(order), dataset.validation)
        plan["validation"] = ("train", order[:size].sort().values)
        plan["train"] = ("train", order[size:].sort().values)
    return plan
