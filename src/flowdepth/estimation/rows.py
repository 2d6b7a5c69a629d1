"""Values by seed and image as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from flowdepth.model.checkpoint import Header


def by_image(
    seeds: tuple[int, ...], columns: dict[str, Tensor], images: Sequence[int] | None = None
) -> pd.DataFrame:
    """Return values [R, N] as columns of a row per seed and image; numbered from 0 if not told."""
    numbers = images or range(next(iter(columns.values())).shape[1])
    return pd.DataFrame(
        {
            "seed": [seed for seed in seeds for _ in numbers],
            "image": [*numbers] * len(seeds),
            **{name: value.flatten().cpu() for name, value in columns.items()},
        }
    )


def of_finished(frame: pd.DataFrame, numbers: pd.Series, header: Header) -> pd.DataFrame:
    """Return the rows of the seeds that finished and whose ``numbers`` are all finite."""
    failed = {o["seed"] for o in header.outcomes if o["status"] == "failed"}
    failed |= {*frame.loc[~np.isfinite(numbers), "seed"]}
    return frame[~frame["seed"].isin(failed)]
