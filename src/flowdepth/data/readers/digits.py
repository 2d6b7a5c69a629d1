"""The digits that come with scikit-learn."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits

from flowdepth.data.sources import Source, plan_by_share
from flowdepth.settings.datasets import KNOWN
from flowdepth.settings.sections import Dataset


def read(dataset: Dataset) -> Source:
    """Return the images."""
    digits = load_digits()
    images = torch.from_numpy(digits.images.astype(np.uint8))
    return Source(
        pools={"images": images},
        plan=plan_by_share("images", len(images), dataset),
        levels=KNOWN["digits"].levels,
        labels=torch.from_numpy(digits.target).long(),
    )
