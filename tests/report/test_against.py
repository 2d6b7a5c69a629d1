from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from flowdepth.analysis.comparisons import against
from flowdepth.analysis.results import StudyResults
from flowdepth.report.against import against_each

Summarised = Callable[..., StudyResults]
NUMBERS = ["seeds", "mean", "se", "low", "high", "p", "p_holm"]


def test_against_k_0_it_is_what_the_study_compares(summarised: Summarised) -> None:
    results = summarised(failed=[(4, 1)])
    wanted = results.compared.query("kind == 'vanilla'")[NUMBERS]
    np.testing.assert_allclose(against(results.metrics, 0)[NUMBERS], wanted)


def test_two_depths_differ_by_the_same_either_way(summarised: Summarised) -> None:
    metrics = summarised().metrics
    there = against(metrics, 1).set_index("depth").loc[4]
    back = against(metrics, 4).set_index("depth").loc[1]
    assert there["mean"] == -back["mean"]
    assert (there["low"], there["high"]) == (-back["high"], -back["low"])
    assert there["p"] == back["p"]


def test_every_depth_can_be_chosen_and_is_not_compared_with_itself(summarised: Summarised) -> None:
    found = against_each(summarised().metrics)
    assert [*found] == [0, 1, 4]
    assert [row[0] for row in found[1][1:]] == ["0", "4"]


def test_one_depth_alone_is_compared_with_nothing(summarised: Summarised) -> None:
    assert against_each(summarised(depths=(0,)).metrics) == {}


def test_a_bar_lies_where_its_interval_does(summarised: Summarised) -> None:
    results = summarised(gain=0.5)
    found = against(results.metrics, 0)
    for row, bar in zip(
        found.to_dict("records"), against_each(results.metrics)[0][1:], strict=True
    ):
        low, high = map(float, re.search(r'd="M([\d.]+) 7.0H([\d.]+)"', bar[-1]).groups())
        dot = float(re.search(r'cx="([\d.]+)"', bar[-1])[1])
        assert low < dot < high
        assert (dot < 60) == (row["mean"] < 0)
        assert (high < 60) == (row["high"] < 0)


def test_a_depth_without_a_result_has_no_bar(summarised: Summarised) -> None:
    results = summarised(failed=[(4, 0), (4, 1), (4, 2)])
    assert "circle" not in against_each(results.metrics)[0][-1][-1]
