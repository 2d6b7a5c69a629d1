"""What the importance weights themselves tell of an estimate made from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The tail is a fifth of few draws; a fit takes five of them.
_FEWEST_SAMPLES = 25
# log w sums hundreds of single-precision terms: below this, what differs is rounding.
_FLAT_TAIL = 1e-3


def nested_sizes(samples: int) -> tuple[int, ...]:
    """Return the sizes 1, 2, 5, 10, 20, 50, ... of nested sub-samples, up to ``samples`` itself.

    >>> nested_sizes(60)
    (1, 2, 5, 10, 20, 50, 60)
    """
    steps = (m * 10**power for power in range(len(str(samples))) for m in (1, 2, 5))
    return (*(size for size in steps if size < samples), samples)


def pareto_k(log_w: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Return the Pareto shape :math:`\hat k` of weights from their logarithms [..., S].

    A generalised Pareto distribution is fitted to the largest ``3 sqrt(S)`` weights (a fifth of
    them up to S = 225). Moments of the weights of order ``1 / k`` and above do not exist: from
    ``k = 0.5`` on the variance does not, and with it no central limit theorem (Vehtari et al. 2024,
    sections 3.1 and 3.2).

    NaN where there is no tail to fit: fewer than 25 samples, or largest weights that are equal up
    to rounding. Infinite where the largest weight leaves the tail behind by more than double
    precision can hold.
    """
    samples = log_w.shape[-1]
    found = np.full(log_w.shape[:-1], np.nan)
    if samples < _FEWEST_SAMPLES:
        return found
    size = int(3 * samples**0.5) if samples > 225 else samples // 5
    tail = np.sort(log_w, axis=-1)[..., -size - 1 :]  # the threshold, then the tail
    fall = tail - tail[..., -1:]
    steep = fall[..., 0] < -_FLAT_TAIL
    # The fit divides by the tail's first quartile above the threshold.
    held = steep & (np.exp(fall[..., size // 4]) > np.exp(fall[..., 0]))
    found[steep] = np.inf
    if held.any():
        # Half a second, which a stage that fits no tail must not take.
        from arviz_stats.base import array_stats

        weights = np.exp(log_w[held] - tail[held, -1:])
        found[held] = array_stats.pareto_khat(
            weights, chain_axis=None, draw_axis=-1, r_eff=1.0, tail="right"
        )
    return found
