"""Values by seed and image as rows of a table."""

from __future__ import annotations

import pandas as pd
from torch import Tensor


def by_image(seeds: tuple[int, ...], columns: dict[str, Tensor]) -> pd.DataFrame:
    """Return values [R, N] as columns of a row per seed and image."""
    count = next(iter(columns.values())).shape[1]
    return pd.DataFrame(
        {
            "seed": [seed for seed in seeds for _ in range(count)],
            "image": [*range(count)] * len(seeds),
            **{name: value.flatten().cpu() for name, value in columns.items()},
        }
    )
