"""Log-likelihoods by quadrature as tables: a row per seed, or per seed and test image."""

from __future__ import annotations

import pandas as pd

from flowdepth.estimation.quadrature import Exact
from flowdepth.estimation.rows import by_image
from flowdepth.model.checkpoint import Header


def exact_by_seed(result: Exact, header: Header) -> pd.DataFrame:
    """Return a row per seed: its exact NLL and the error of that; empty for a failed seed."""
    numbers = pd.DataFrame(
        {"exact_nll": -result.log_p.mean(1).cpu(), "exact_error": result.mean_error.cpu()}
    )
    outcomes = pd.DataFrame(header.outcomes, columns=["seed", "status"])
    done = outcomes.pop("status") == "done"
    return outcomes.join(numbers.where(done))


def exact_by_image(result: Exact, seeds: tuple[int, ...]) -> pd.DataFrame:
    """Return a row per seed and test image; nats."""
    columns = {"exact_log_p": result.log_p, "error": result.error}
    return by_image(seeds, columns)
