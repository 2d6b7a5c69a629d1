from __future__ import annotations

import io
from collections.abc import Callable
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

from flowdepth.analysis.results import StudyResults
from flowdepth.report import registry
from flowdepth.report.sheets import sheet

Summarised = Callable[..., StudyResults]
OPENING = "data:text/csv;charset=utf-8,"


def read(name: str, results: StudyResults) -> pd.DataFrame:
    address = sheet(name, results)
    assert address.startswith(OPENING)
    return pd.read_csv(io.StringIO(unquote(address.removeprefix(OPENING))))


def test_the_numbers_of_the_first_figure_are_its_means_and_its_seeds(
    summarised: Summarised,
) -> None:
    results = summarised(failed=[(4, 1)])
    found = read("nll_by_depth", results)
    means = found[found["seed"] == "mean"]
    wanted = results.summary[["nll_mean", "nll_low", "nll_high", "nll_difference_mean"]]
    np.testing.assert_allclose(
        means[["nll", "nll_low", "nll_high", "nll_difference"]], wanted, rtol=1e-5
    )
    seeds = found[found["seed"] != "mean"].astype({"seed": int}).set_index(["depth", "seed"])
    nll = results.metrics.set_index(["depth", "seed"])["nll"].dropna()
    np.testing.assert_allclose(seeds["nll"], nll, rtol=1e-5)
    assert seeds.loc[(4, 2), "nll_difference"] == pytest.approx(nll[4, 2] - nll[0, 2], abs=1e-4)


@pytest.mark.parametrize(
    "name", [one.name for one in registry.FIGURES if one.stage in ("figures", "gap_figures")]
)
def test_a_figure_of_numbers_has_a_sheet_with_a_row_for_each_depth(
    summarised: Summarised, name: str
) -> None:
    results = summarised(settings={"gaps": {"images": 5}, "certify": {"images": 5}})
    if name == "prior_samples":
        assert sheet(name, results) == ""
    else:
        assert {*read(name, results)["depth"]} == {*results.study.depths}
