from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from flowdepth.analysis.statistics import decimals, holm, paired_difference, t_interval

NATS = st.floats(-1e3, 1e3).map(lambda value: round(value, 6))  # whose squares do not underflow


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
    assert all(math.isnan(value) for value in (found.se, found.low, found.high, found.p))


def test_no_values_give_no_mean() -> None:
    assert math.isnan(t_interval([]).mean)


def test_equal_values_have_an_interval_of_no_width() -> None:
    found = t_interval([3.0, 3.0, 3.0])
    assert (found.low, found.high) == (3, 3)


def test_values_that_differ_by_rounding_have_an_interval() -> None:
    found = t_interval([0.3, 0.1 + 0.2])
    assert 0 < found.high - found.low < 1e-14
    assert found.p < 1e-15


@given(st.lists(NATS, min_size=2, max_size=9), st.sampled_from([0.5, 0.95, 0.99]))
def test_interval_and_p_value_are_those_of_the_formulas(values: list[float], level: float) -> None:
    found, n = t_interval(values, level), len(values)
    mean, se = np.mean(values), np.std(values, ddof=1) / math.sqrt(n)
    half = t.ppf((1 + level) / 2, n - 1) * se
    scale = 1e-12 * (abs(mean) + half)
    assert (found.mean, found.se) == (mean, pytest.approx(se, rel=1e-12, abs=0))
    assert (found.low, found.high) == pytest.approx((mean - half, mean + half), rel=0, abs=scale)
    p = 2 * t.sf(abs(mean) / se, n - 1) if se else float(mean == 0)
    assert found.p == pytest.approx(p, rel=1e-12, abs=0)


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


def test_p_value_is_below_a_twentieth_where_the_interval_excludes_zero() -> None:
    for shift in np.linspace(-2, 2, 41):
        found = t_interval(np.array([-1.0, 0.3, 0.2, 0.5]) + shift)
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_p_value_is_the_textbook_one() -> None:
    assert t_interval([1.0, 2.0, 3.0, 4.0, 5.0]).p == pytest.approx(0.01324, abs=1e-5)


@pytest.mark.parametrize(("values", "p"), [([2.0, 2.0], 0.0), ([0.0, 0.0], 1.0)])
def test_equal_values_have_a_p_value(values: list[float], p: float) -> None:
    assert t_interval(values).p == p


def test_holm_multiplies_by_the_number_of_tests_left() -> None:
    # 3 * 0.01, then 2 * 0.03, then no less than the one before
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.6, 0.5]) == [1.0, 1.0]


def test_comparison_that_was_not_made_does_not_count() -> None:
    found = holm([math.nan, 0.02, 0.5, math.nan])
    assert found[1:3] == pytest.approx([0.04, 0.5])
    assert math.isnan(found[0])
    assert math.isnan(found[3])
    assert math.isnan(holm([math.nan])[0])
    assert holm([]) == []


# statsmodels collects garbage at every call: 50 ms.
FEWER = settings(max_examples=25)


@FEWER
@given(st.lists(st.floats(0, 1), max_size=9))
def test_holm_s_p_values_are_those_of_the_formula(p: list[float]) -> None:
    ranked = sorted(p)
    steps = [(len(p) - i) * value for i, value in enumerate(ranked)]
    expected = [min(1, max(steps[: ranked.index(value) + p.count(value)])) for value in p]
    assert holm(p) == pytest.approx(expected, rel=1e-12, abs=0)


@FEWER
@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_lies_between_no_correction_and_bonferroni(p: list[float]) -> None:
    adjusted = np.array(holm(p))
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, len(p) * np.array(p)) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()
