"""Flows of several kinds against one of them: at equal depth, and at equal numbers of parameters.

Differences of NLL in nats per image, negative where the kind is better than the reference. Seeds
are the unit of replication, and a seed is paired with itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from flowdepth.analysis.statistics import holm, paired_difference

DEPTH, PARAMETERS = "depth", "parameters"
COLUMNS = ("at", "study", "depth", "parameters", "seeds", "mean", "se", "low", "high", "p")


def differences(metrics: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a row for each flow of every study but the first, which is the reference.

    ``metrics`` are rows of metrics.csv by the name of the study. Where ``at`` is ``depth``, the
    reference has as many layers; where it is ``parameters``, the NLL of each of its seeds is read
    from the line through that seed's depths, K = 0 among them, over the logarithm of the model's
    number of parameters, no further than these reach. ``p_holm`` is adjusted for the number of
    rows alike.
    """
    (_, reference), *others = metrics.items()
    rows = [row for name, frame in others for row in _against(name, _done(frame), _done(reference))]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.assign(p_holm=frame.groupby("at", sort=False)["p"].transform(holm))


def _done(metrics: pd.DataFrame) -> pd.DataFrame:
    return metrics[metrics["nll"].notna()]


def _against(name: str, own: pd.DataFrame, reference: pd.DataFrame) -> Iterator[dict[str, Any]]:
    flows = own[own["depth"] > 0]
    for depth in sorted(map(int, flows["depth"].unique())):
        flow = flows[flows["depth"] == depth]
        values, parameters = _by_seed(flow), float(flow["parameters"].iloc[0])
        alike = _by_seed(reference[reference["depth"] == depth])
        for at, others in ((DEPTH, alike), (PARAMETERS, _of_size(reference, parameters))):
            if others:
                found = paired_difference(values, others)
                place = {"at": at, "study": name, "depth": depth, "parameters": parameters}
                yield {**place, "seeds": found.n, **asdict(found)}


def _by_seed(metrics: pd.DataFrame) -> dict[Any, float]:
    """Return the NLL by seed."""
    return dict(zip(metrics["seed"], metrics["nll"], strict=True))


def _of_size(reference: pd.DataFrame, parameters: float) -> dict[Any, float]:
    """Return the NLL of the reference by seed between its depths; none beyond them."""
    found = {}
    for seed, of_seed in reference.groupby("seed"):
        curve = of_seed.sort_values("parameters")
        if curve["parameters"].iloc[0] <= parameters <= curve["parameters"].iloc[-1]:
            sizes = np.log(curve["parameters"].to_numpy(dtype=float))
            found[seed] = float(np.interp(np.log(parameters), sizes, curve["nll"]))
    return found
