from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress, ttest_rel

from flowdepth.analysis.columns import CERTIFIED
from flowdepth.analysis.comparisons import NEIGHBOUR, TREND, VANILLA, comparisons_table

DEPTHS, SEEDS = (0, 1, 4, 8), (0, 1, 2, 3)


def study(
    depths: tuple[int, ...] = DEPTHS,
    seeds: tuple[int, ...] = SEEDS,
    failed: tuple[tuple[int, int], ...] = (),
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Metrics, and the images of the finished trainings, that belong together; none annealed."""
    chance = np.random.default_rng(0)
    images = pd.DataFrame(
        [
            {"depth": k, "seed": s, "image": i, "log_p": -20 - i + 0.2 * k + chance.normal()}
            for k in depths
            for s in seeds
            for i in range(30)
        ]
    )
    nll = -images.groupby(["depth", "seed"])["log_p"].mean()
    metrics = nll.rename("nll").reset_index()
    broken = [pair in failed for pair in zip(metrics["depth"], metrics["seed"], strict=True)]
    metrics.loc[broken, "nll"] = np.nan
    metrics["nll_importance"] = metrics["nll"]
    done = metrics.dropna()[["depth", "seed"]]
    return metrics, images.merge(done), pd.DataFrame(columns=[*CERTIFIED, "depth"])


def rows(kind: str, *args: pd.DataFrame) -> pd.DataFrame:
    table = comparisons_table(*args)
    return table[table["kind"] == kind].set_index("depth")


def by_depth(metrics: pd.DataFrame) -> pd.DataFrame:
    return metrics.pivot(index="seed", columns="depth", values="nll")


def test_each_depth_is_compared_with_k_0_and_its_neighbour_and_all_by_a_trend() -> None:
    table = comparisons_table(*study())
    pairs = [(r.kind, r.reference, r.depth) for r in table.itertuples()]
    assert pairs == [
        *((VANILLA, 0, 1), (VANILLA, 0, 4), (VANILLA, 0, 8)),
        *((NEIGHBOUR, 0, 1), (NEIGHBOUR, 1, 4), (NEIGHBOUR, 4, 8), (TREND, 1, 8)),
    ]


def test_neighbours_are_the_same_in_any_order_of_the_grid() -> None:
    metrics, images, none = study(depths=(8, 0, 4, 1))
    assert rows(NEIGHBOUR, metrics, images, none)["reference"].to_dict() == {1: 0, 4: 1, 8: 4}


def test_p_value_and_interval_are_those_of_the_paired_t_test() -> None:
    metrics, images, none = study()
    nll = by_depth(metrics)
    for depth, row in rows(VANILLA, metrics, images, none).iterrows():
        found = ttest_rel(nll[depth], nll[0])
        assert row["p"] == pytest.approx(found.pvalue)
        interval = found.confidence_interval(0.95)
        assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))


def test_correction_counts_comparisons_of_the_same_kind_alone() -> None:
    for kind in (VANILLA, NEIGHBOUR):
        found = rows(kind, *study())
        assert found["p_holm"].min() == pytest.approx(3 * found["p"].min())
    trend = rows(TREND, *study())
    assert trend["p_holm"].tolist() == trend["p"].tolist()


def test_images_and_seeds_agree_on_the_mean() -> None:
    """The same trainings, whichever is taken for the sample."""
    table = comparisons_table(*study(failed=((0, 1), (4, 2))))
    pairs = table[table["kind"] != TREND]
    np.testing.assert_allclose(pairs["image_mean"], pairs["mean"])


def test_images_are_paired() -> None:
    metrics, images, none = study()
    row = rows(VANILLA, metrics, images, none).loc[8]
    averaged = -images.groupby(["depth", "image"])["log_p"].mean().unstack("depth")
    difference = averaged[8] - averaged[0]
    assert row["image_se"] == pytest.approx(difference.std() / np.sqrt(30))
    assert row["image_share_improved"] == (difference < 0).mean()


def test_failed_seeds_are_counted_apart() -> None:
    found = rows(NEIGHBOUR, *study(failed=((1, 0), (4, 0), (4, 3))))
    assert found["seeds"].to_dict() == {1: 3, 4: 2, 8: 2}
    assert found["failed"].to_dict() == {1: 1, 4: 2, 8: 2}


def test_failed_depth_keeps_its_row_and_leaves_the_others_whole() -> None:
    found = rows(VANILLA, *study(failed=tuple((4, seed) for seed in SEEDS)))
    assert found["seeds"].to_dict() == {1: 4, 4: 0, 8: 4}
    assert found.loc[4, ["mean", "p", "p_holm", "image_mean"]].isna().all()
    assert found.loc[8, "p_holm"] <= 2 * found.loc[8, "p"] + 1e-12


def test_trend_is_the_mean_slope_per_doubling_of_the_depth() -> None:
    metrics, images, none = study(failed=((4, 2),))
    nll = by_depth(metrics).drop(index=2)
    slopes = [linregress(np.log2([1, 4, 8]), row[[1, 4, 8]]).slope for _, row in nll.iterrows()]
    row = rows(TREND, metrics, images, none).iloc[0]
    assert row["mean"] == pytest.approx(np.mean(slopes))
    assert row["se"] == pytest.approx(np.std(slopes, ddof=1) / np.sqrt(3))
    assert (row["seeds"], row["failed"]) == (3, 1)


def test_one_seed_has_a_mean_and_no_interval() -> None:
    table = comparisons_table(*study(seeds=(5,)))
    assert table["mean"].notna().all()
    assert table[["se", "low", "high", "p", "p_holm"]].isna().all(axis=None)
    assert table.loc[table["kind"] != TREND, "image_se"].notna().all()


def test_small_grid_has_the_comparisons_that_its_depths_allow() -> None:
    assert comparisons_table(*study(depths=(4,))).empty
    assert comparisons_table(*study(depths=(0, 4)))["kind"].tolist() == [VANILLA, NEIGHBOUR]
    assert comparisons_table(*study(depths=(2, 4)))["kind"].tolist() == [NEIGHBOUR, TREND]
