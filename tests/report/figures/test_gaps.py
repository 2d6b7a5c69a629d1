from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drawn import overhang
from flowdepth.analysis.gaps import gap_summary, read_gaps
from flowdepth.report import style
from flowdepth.report.figures.gaps import inference_gap
from flowdepth.settings.study import Study
from tabled import write_gaps

Fabricate = Callable[..., tuple[Study, list[Path]]]


def summary_of(results: tuple[Study, list[Path]], **gaps: object) -> pd.DataFrame:
    study, packs = results
    write_gaps(study, packs, **gaps)
    return gap_summary(read_gaps(study, packs), study.depths)


def test_the_bar_of_one_gap_stands_on_that_of_the_other(fabricate: Fabricate) -> None:
    summary = summary_of(fabricate())
    bars = inference_gap(summary).axes[0].patches
    lower, upper = bars[:3], bars[3:]
    for below, above, row in zip(lower, upper, summary.itertuples(), strict=True):
        assert below.get_height() == pytest.approx(row.approximation_mean)
        assert above.get_y() == pytest.approx(row.approximation_mean)
        top = above.get_y() + above.get_height()
        assert top == pytest.approx(row.inference_mean)


def test_drawn_intervals_are_those_of_the_summary(fabricate: Fabricate) -> None:
    summary = summary_of(fabricate(depths=(0, 2, 16)))
    axes = inference_gap(summary).axes[0]
    approximation, amortisation = (
        np.array([s[:, 1] for s in c.get_segments()]) for c in axes.collections
    )
    np.testing.assert_allclose(approximation, summary[["approximation_low", "approximation_high"]])
    known = summary[["amortisation_low", "amortisation_high"]].to_numpy()
    np.testing.assert_allclose(
        amortisation, known + summary["approximation_mean"].to_numpy()[:, None]
    )


CASES = {
    "plain": {},
    "one seed": {"seeds": (3,)},
    "one depth": {"depths": (8,)},
    "twelve depths": {"depths": tuple(range(12))},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("gained", [0.0, 0.2])
def test_no_label_leaves_its_figure(fabricate: Fabricate, case: str, gained: float) -> None:
    summary = summary_of(fabricate(**CASES[case]), gained=gained)
    with style.visual_language():
        assert overhang(inference_gap(summary)) < 0.01


@pytest.mark.parametrize(("gained", "are_few"), [(0.04, True), (0.004, False)])
def test_bars_of_too_few_steps_are_hatched(
    fabricate: Fabricate, gained: float, are_few: bool
) -> None:
    summary = summary_of(fabricate(depths=(0, 4)), gained=gained)
    bars = inference_gap(summary).axes[0].patches
    assert all(bool(bar.get_hatch()) == are_few for bar in bars)


def test_a_depth_whose_seeds_all_failed_is_marked(fabricate: Fabricate) -> None:
    summary = summary_of(fabricate(), failed=[(1, 2), (4, 0), (4, 1), (4, 2)])
    texts = [text.get_text() for text in inference_gap(summary).axes[0].texts]
    assert texts == ["failed"]


def test_figure_of_nothing_but_failures_says_so(fabricate: Fabricate) -> None:
    made = fabricate(depths=(0, 4), seeds=(1,))
    figure = inference_gap(summary_of(made, failed=[(0, 1), (4, 1)]))
    assert [text.get_text() for text in figure.axes[0].texts] == ["failed", "failed"]
