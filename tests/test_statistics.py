from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdepth.statistics import decimals, paired_difference, t_interval


def test_interval_of_five_values_is_the_textbook_one() -> None:
    # t quantile of 4 degrees of freedom: 2.776445, not the normal 1.96
    found = t_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.n == 5
    assert found.mean == pytest.approx(3)
    assert found.se == pytest.approx(math.sqrt(2.5 / 5))
    assert found.low == pytest.approx(3 - 2.7764451 * math.sqrt(0.5))
    assert found.high == pytest.approx(3 + 2.7764451 * math.sqrt(0.5))


def test_interval_covers_the_mean_as_often_as_it_says() -> None:
    samples = np.random.default_rng(0).normal(7, 2, (2000, 4))
    hits = [(i := t_interval(row)).low <= 7 <= i.high for row in samples]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.015)


def test_one_value_has_a_mean_and_no_interval() -> None:
    found = t_interval([2.5])
    assert found.mean == 2.5
    assert all(math.isnan(value) for value in (found.se, found.low, found.high))


def test_no_values_give_no_mean() -> None:
    assert math.isnan(t_interval([]).mean)


def test_equal_values_have_an_interval_of_no_width() -> None:
    found = t_interval([3.0, 3.0, 3.0])
    assert (found.low, found.high) == (3, 3)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        t_interval([1.0, bad])


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=9), st.floats(-1e3, 1e3))
def test_interval_moves_with_its_values(values: list[float], shift: float) -> None:
    here, there = t_interval(values), t_interval([value + shift for value in values])
    assert there.low == pytest.approx(here.low + shift, abs=1e-6)
    assert there.high == pytest.approx(here.high + shift, abs=1e-6)


def test_pairing_uses_only_seeds_that_both_have() -> None:
    found = paired_difference({0: 5.0, 1: 7.0, 9: 100.0}, {0: 4.0, 1: 5.0, 3: -100.0})
    assert found.n == 2
    assert found.mean == pytest.approx(1.5)


def test_pairing_takes_out_what_the_seeds_share() -> None:
    reference = {seed: 10.0 * seed for seed in range(5)}
    values = {seed: value - 0.3 + 0.01 * (-1) ** seed for seed, value in reference.items()}
    found = paired_difference(values, reference)
    assert found.high < 0
    assert found.high - found.low < 0.05


@pytest.mark.parametrize(
    ("half_widths", "places"),
    [([3.1], 2), ([0.31], 2), ([0.031], 3), ([0.0031], 4), ([1e-9], 4), ([], 2)],
)
def test_decimals_follow_the_interval(half_widths: list[float], places: int) -> None:
    assert decimals(half_widths) == places


def test_decimals_ignore_unknown_widths() -> None:
    assert decimals([math.nan, 0.0, 0.02, math.nan]) == 3
