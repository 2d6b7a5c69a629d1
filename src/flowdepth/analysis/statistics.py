"""Means across seeds with t-intervals and tests. Seeds are the unit of replication."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A mean of ``n`` values, its standard error, a confidence interval and a test.

    ``p`` is the two-sided p-value of a mean of 0. With one value ``se``, ``low``, ``high`` and
    ``p`` are NaN; with none ``mean`` is too.
    """

    mean: float
    se: float
    low: float
    high: float
    p: float
    n: int


def t_interval(values: Iterable[float], level: float = 0.95) -> Interval:
    r"""Return the mean of ``values`` with Student's interval.

    .. math:: \bar v \pm t_{n-1}\!\left(\tfrac{1 + level}{2}\right) \frac{s}{\sqrt n}

    where ``s`` is the sample standard deviation with ``n - 1`` in its denominator. The interval
    keeps the unit of ``values`` (nats for an NLL). A bootstrap over five seeds would be too narrow.
    The p-value is that of Student's test, below 0.05 where the 95 % interval excludes 0.

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
        return Interval(mean, math.nan, math.nan, math.nan, math.nan, n)
    # Imported here: scipy.stats takes half a second, which a reader of results need not wait.
    from scipy.stats import sem, ttest_1samp

    with warnings.catch_warnings():
        # Of values that are equal but for rounding: the interval is as narrow as they are close.
        warnings.simplefilter("ignore", RuntimeWarning)
        test = ttest_1samp(sample, 0)
    low, high = test.confidence_interval(level)
    se = float(sem(sample))
    p = 1.0 if mean == se == 0 else float(test.pvalue)  # which is NaN for 0 / 0
    return Interval(mean, se, float(low), float(high), p, n)


def holm(p_values: Iterable[float]) -> list[float]:
    r"""Return the p-values adjusted for their number, in their order; NaN is no test and stays.

    .. math:: \tilde p_{(i)} = \min\bigl(1, \max_{j \le i} (m - j + 1) \, p_{(j)}\bigr)

    for the ``m`` tests in ascending order (Holm 1979): the chance of any false finding among those
    below a level is at most that level, whatever their dependence.
    """
    from statsmodels.stats.multitest import multipletests

    p = np.asarray(list(p_values), dtype=np.float64)
    made = np.isfinite(p)
    p[made] = multipletests(p[made], method="holm")[1]
    adjusted: list[float] = p.tolist()
    return adjusted


def paired_difference(
    values_by_seed: Mapping[Any, float],
    reference_by_seed: Mapping[Any, float],
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
