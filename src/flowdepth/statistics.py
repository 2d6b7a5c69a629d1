"""Means across seeds with t-intervals. Seeds are the unit of replication."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import t


@dataclass(frozen=True)
class Interval:
    """A mean of ``n`` values, its standard error and a confidence interval.

    With one value ``se``, ``low`` and ``high`` are NaN; with none ``mean`` is too.
    """

    mean: float
    se: float
    low: float
    high: float
    n: int


def t_interval(values: Iterable[float], level: float = 0.95) -> Interval:
    r"""Return the mean of ``values`` with Student's interval.

    .. math:: \bar v \pm t_{n-1}\!\left(\tfrac{1 + level}{2}\right) \frac{s}{\sqrt n}

    where ``s`` is the sample standard deviation with ``n - 1`` in its denominator. The interval
    keeps the unit of ``values`` (nats for an NLL). A bootstrap over five seeds would be too narrow.

    Raises
    ------
    ValueError
        If a value is not finite, which would silently spoil or drop out of the mean.
    """
    sample = np.asarray(list(values), dtype=np.float64)
    if not np.isfinite(sample).all():
        raise ValueError(f"values must be finite, found {sample.tolist()}")
    n = sample.size
    mean = float(sample.mean()) if n else math.nan
    if n < 2:
        return Interval(mean, math.nan, math.nan, math.nan, n)
    se = float(sample.std(ddof=1)) / math.sqrt(n)
    half = float(t.ppf((1 + level) / 2, n - 1)) * se
    return Interval(mean, se, mean - half, mean + half, n)


def paired_difference(
    values_by_seed: Mapping[int, float],
    reference_by_seed: Mapping[int, float],
    level: float = 0.95,
) -> Interval:
    """Return the interval of ``value - reference`` over the seeds that both have.

    Pairing takes out what a seed's split of chance (initialisation, order of the data) does to
    both models alike.
    """
    seeds = sorted(values_by_seed.keys() & reference_by_seed.keys())
    return t_interval((values_by_seed[s] - reference_by_seed[s] for s in seeds), level)


def decimals(half_widths: Iterable[float]) -> int:
    """Return how many decimals two significant digits of the median half-width need: 2 to 4.

    One number of decimals for a whole column, so that its numbers can be compared by eye; unknown
    (NaN) and zero half-widths do not count.
    """
    known = [width for width in half_widths if width > 0]
    if not known:
        return 2
    return min(4, max(2, 1 - math.floor(math.log10(np.median(known)))))
