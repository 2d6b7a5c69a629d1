"""The inference gap, split, as a table: a row per seed and image."""

from __future__ import annotations

import pandas as pd

from flowdepth.estimation.gaps import InferenceGap
from flowdepth.estimation.rows import by_image, of_finished
from flowdepth.model.checkpoint import Header


def gaps_by_image(split: InferenceGap, header: Header) -> pd.DataFrame:
    """Return a row per image and seed that finished with finite ELBOs and gaps."""
    columns = {
        "elbo": split.elbo,
        "optimised_elbo": split.optimised_elbo,
        "log_p": split.log_p,
        "log_p_mcse": split.log_p_mcse,
        "approximation": split.approximation,
        "amortisation": split.amortisation,
        "last_improvement": split.last_improvement,
    }
    frame = by_image(header.seeds, columns)
    sums = frame["elbo"] + frame["approximation"] + frame["amortisation"]
    return of_finished(frame, sums, header)
