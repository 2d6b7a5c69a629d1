"""The bounds that split the inference gap, as a table: a row per seed and image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from flowdepth.estimation.gaps import Bounds
from flowdepth.estimation.rows import by_image, of_finished
from flowdepth.model.checkpoint import Header


def bounds_by_image(found: Bounds, numbers: Sequence[int], header: Header) -> pd.DataFrame:
    """Return a row per image and seed that finished with finite bounds."""
    frame = by_image(header.seeds, asdict(found), numbers)
    return of_finished(frame, frame["elbo"] + frame["optimised_elbo"], header)
