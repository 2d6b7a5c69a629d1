from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flowdepth.analysis.summary import study_tables
from flowdepth.settings.study import Study

Fabricate = Callable[..., tuple[Study, list[Path]]]

METRICS = (
    "study dataset depth seed status elbo nll nll_mcse nll_image_se kl reconstruction ess "
    "k_hat_share active_units nll_importance nll_correction_se parameters epochs best_epoch message"
)

SUMMARY = (
    "depth seeds failed nll_mean nll_se nll_low nll_high "
    "neg_elbo_mean neg_elbo_se neg_elbo_low neg_elbo_high nll_difference_mean nll_difference_se "
    "nll_difference_low nll_difference_high nll_importance_mean nll_correction_se "
    "nll_image_se nll_mcse kl_mean reconstruction_mean ess_mean k_hat_share_mean "
    "active_units_mean parameters baseline baseline_nll"
)


def summary_table(results: tuple[Study, list[Path]]) -> pd.DataFrame:
    return study_tables(*results)["summary"]


def row_of(summary: pd.DataFrame, depth: int) -> pd.Series:
    return summary.set_index("depth").loc[depth]


def test_tables_have_the_promised_columns_in_order(fabricate: Fabricate) -> None:
    tables = study_tables(*fabricate())
    assert list(tables["metrics"]) == METRICS.split()
    assert list(tables["summary"]) == SUMMARY.split()


def test_rows_are_sorted_whatever_the_order_of_packs(fabricate: Fabricate) -> None:
    study, packs = fabricate(seeds=(0, 1, 2, 3), depths=(0, 4, 16))
    there, back = study_tables(study, packs)["metrics"], study_tables(study, packs[::-1])["metrics"]
    pd.testing.assert_frame_equal(there, back)
    assert there["depth"].tolist() == [0] * 4 + [4] * 4 + [16] * 4
    assert there["seed"].tolist() == [0, 1, 2, 3] * 3


def test_summary_has_means_of_finished_seeds(fabricate: Fabricate) -> None:
    tables = study_tables(*fabricate(failed=[(4, 1)]))
    metrics, row = tables["metrics"], row_of(tables["summary"], 4)
    done = metrics[(metrics["depth"] == 4) & (metrics["seed"] != 1)]
    assert (row["seeds"], row["failed"]) == (2, 1)
    assert row["nll_mean"] == pytest.approx(done["nll"].mean())
    assert row["neg_elbo_mean"] == pytest.approx(-done["elbo"].mean())


def test_the_difference_is_paired_by_seed(fabricate: Fabricate) -> None:
    # Seed 0 failed at K = 0 and seed 1 at K = 4: only seed 2 and 3 can be compared.
    tables = study_tables(*fabricate(seeds=(0, 1, 2, 3), failed=[(0, 0), (4, 1)]))
    nll = tables["metrics"].set_index(["depth", "seed"])["nll"]
    expected = np.mean([nll[4, seed] - nll[0, seed] for seed in (2, 3)])
    assert row_of(tables["summary"], 4)["nll_difference_mean"] == pytest.approx(expected)


def test_k_0_is_not_compared_with_itself(fabricate: Fabricate) -> None:
    row = row_of(summary_table(fabricate()), 0)
    assert row.filter(like="nll_difference").isna().all()


def test_without_k_0_there_are_no_differences(fabricate: Fabricate) -> None:
    summary = summary_table(fabricate(depths=(1, 4)))
    assert summary.filter(like="nll_difference").isna().all(axis=None)


def test_depth_whose_seeds_all_failed_keeps_its_row(fabricate: Fabricate) -> None:
    failed = [(4, 0), (4, 1), (4, 2)]
    row = row_of(summary_table(fabricate(failed=failed)), 4)
    assert (row["seeds"], row["failed"]) == (0, 3)
    assert pd.isna(row["nll_mean"])


def test_one_seed_has_a_mean_and_no_interval(fabricate: Fabricate) -> None:
    row = row_of(summary_table(fabricate(seeds=(5,))), 4)
    assert np.isfinite(row["nll_mean"])
    assert np.isfinite(row["nll_difference_mean"])
    assert np.isnan(
        row[["nll_low", "nll_high", "nll_se", "nll_difference_low"]].astype(float)
    ).all()


def test_monte_carlo_error_of_the_mean_shrinks_with_seeds(fabricate: Fabricate) -> None:
    row = row_of(summary_table(fabricate(seeds=(0, 1, 2, 3))), 4)
    assert row["nll_mcse"] == pytest.approx(0.004 / 2)


def test_the_normal_likelihood_has_bits_per_dimension(fabricate: Fabricate) -> None:
    grey = {"dataset": {"binarisation": "none"}, "model": {"likelihood": "normal"}}
    tables = study_tables(*fabricate(settings=grey))
    assert list(tables["metrics"])[-3:] == ["bits_per_dim", "best_epoch", "message"]
    assert list(tables["summary"])[-3:] == ["bits_per_dim_mean", "baseline", "baseline_nll"]


def test_three_errors_are_across_seeds_across_images_and_of_sampling(fabricate: Fabricate) -> None:
    study, packs = fabricate(failed=[(4, 1)])
    tables = study_tables(study, packs)
    row = row_of(tables["summary"], 4)
    images = pd.concat([pd.read_parquet(pack / "images.parquet") for pack in packs[-1:]])
    by_image = images[images["seed"] != 1].groupby("image")["log_p"].mean()
    done = tables["metrics"].query("depth == 4 and status == 'done'")
    assert row["nll_image_se"] == pytest.approx(by_image.std() / np.sqrt(len(by_image)))
    assert row["nll_se"] == pytest.approx(done["nll"].std() / np.sqrt(2))
    assert row["nll_mcse"] == pytest.approx(0.004 / np.sqrt(2))


def test_sub_samples_are_averaged_over_finished_seeds(fabricate: Fabricate) -> None:
    failed = [(0, 2), (4, 0), (4, 1), (4, 2)]
    tables = study_tables(*fabricate(failed=failed))
    convergence = tables["convergence"].set_index(["depth", "samples"])
    assert set(convergence.index.get_level_values("depth")) == {0, 1}
    assert convergence.loc[(0, 10), "seeds"] == 2
    assert convergence.loc[(0, 10), "nll_mcse"] == pytest.approx(0.01 / np.sqrt(2))
    assert np.isnan(convergence.loc[(0, 1), "nll_mcse"])
    done = tables["metrics"].query("depth == 0 and status == 'done'")["nll"].mean()
    assert convergence.loc[(0, 1000), "nll_mean"] == pytest.approx(done + 0.002)
