from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import torch

from flowdepth.analysis.columns import EXACT_IMAGES, PACK_CONVERGENCE, PACK_EXACT
from flowdepth.analysis.gaps import COLUMNS
from flowdepth.data.inputs import observed
from flowdepth.data.prepare import prepare
from flowdepth.estimation import exact_tables, gap_table, tables
from flowdepth.estimation.gaps import Bounds
from flowdepth.estimation.importance import Estimate, estimate
from flowdepth.estimation.quadrature import Exact
from flowdepth.model.checkpoint import Header
from flowdepth.model.replicas import build
from flowdepth.settings.sections import Dataset, Flow, Model, TrainSettings
from trained import SEEDS, header

MODEL = Model(hidden=(16,), latent=2)


def said(model: Model = MODEL, failed: tuple[int, ...] = ()) -> Header:
    return header(TrainSettings(model=model), failed=failed)


def estimated(count: int) -> Estimate:
    vae = build(MODEL, Flow(), 2, 64, SEEDS)
    x = observed(prepare(Dataset()), "test", torch.float32)[:count]
    return estimate(vae, x, SEEDS, 30)


def evaluated(
    model: Model = MODEL, failed: tuple[int, ...] = (), count: int = 50
) -> tuple[pd.DataFrame, pd.DataFrame]:
    binarisation = "none" if model.likelihood == "normal" else "static"
    images = prepare(Dataset(binarisation=binarisation))
    vae = build(model, Flow(), 2, 64, SEEDS)
    result = estimate(vae, observed(images, "test", torch.float32)[:count], SEEDS, 30)
    return tables.metrics(result, vae, said(model, failed), images), tables.per_image(result, SEEDS)


def test_metrics_are_means_over_the_images_with_the_errors_of_means() -> None:
    frame, images = evaluated()
    for row in frame.itertuples():
        mine = images[images["seed"] == row.seed]
        assert row.nll == pytest.approx(-mine["log_p"].mean())
        assert row.nll_mcse == pytest.approx(math.sqrt((mine["mcse"] ** 2).sum()) / 50)
        assert row.nll_image_se == pytest.approx(mine["log_p"].std() / math.sqrt(50))
        assert row.k_hat_share == pytest.approx((mine["k_hat"] > 0.7).mean())
        assert row.ess == pytest.approx(mine["ess"].mean())
        assert row.kl == pytest.approx(row.reconstruction - row.elbo)
        assert -row.nll > row.elbo


def test_images_without_a_shape_count_for_nothing() -> None:
    k_hat = torch.tensor([[0.9, math.inf, math.nan, 0.1], [math.nan] * 4, [0.7, 0.1, 0.2, 0.3]])
    share = tables._share_above(k_hat)
    assert share[0] == 2 / 3
    assert share[1].isnan()
    assert share[2] == 0


def test_one_image_has_no_error_across_images() -> None:
    frame, _ = evaluated(count=1)
    assert frame["nll"].notna().all()
    assert frame["nll_image_se"].isna().all()


def test_convergence_has_the_rows_of_the_finished_seeds() -> None:
    result = estimated(20)
    frame = tables.convergence(result, said(failed=(3,)), 30)
    assert frame["seed"].unique().tolist() == [7]
    assert frame["nll"].iloc[-1] == pytest.approx(-result.log_p[1].mean().item())
    assert frame["nll_mcse"].isna().tolist() == [True] + [False] * (len(frame) - 1)


def test_convergence_of_nothing_but_failures_has_its_columns() -> None:
    none = tables.convergence(estimated(20), said(failed=SEEDS), 30)
    assert none.empty
    assert list(none) == list(PACK_CONVERGENCE)


def test_a_failed_seed_has_no_metrics() -> None:
    frame, _ = evaluated(failed=(3,))
    assert frame["nll"].isna().tolist() == [True, False]
    assert frame["status"].tolist() == ["failed", "done"]


def test_parameters_are_those_of_one_seed() -> None:
    frame, _ = evaluated()
    encoder, decoder = 65 * 16 + 17 * (4 + 2 * 5), 3 * 16 + 17 * 64
    assert frame["parameters"].tolist() == [encoder + decoder] * 2


def test_grey_pixels_have_bits_per_dim_and_binary_ones_none() -> None:
    grey, _ = evaluated(MODEL.model_copy(update={"likelihood": "normal"}))
    expected = grey["nll"] / (64 * math.log(2)) + math.log2(17)
    np.testing.assert_allclose(grey["bits_per_dim"], expected)
    binary, _ = evaluated()
    assert "bits_per_dim" not in binary


LOG_P = torch.tensor([[-10.0, -20.0], [-30.0, -40.0]], dtype=torch.float64)
EXACT = Exact(LOG_P, torch.full_like(LOG_P, 1e-6), torch.tensor([1e-7, 2e-7], dtype=torch.float64))


def test_exact_nll_is_a_mean_over_the_images() -> None:
    frame = exact_tables.exact_by_seed(EXACT, said())
    assert tuple(frame) == PACK_EXACT
    assert frame["seed"].tolist() == [*SEEDS]
    assert frame["exact_nll"].tolist() == pytest.approx([15, 35])
    assert frame["exact_error"].tolist() == [1e-7, 2e-7]


def test_a_failed_seed_has_no_exact_nll() -> None:
    frame = exact_tables.exact_by_seed(EXACT, said(failed=(3,))).set_index("seed")
    assert frame.loc[3].isna().all()
    assert frame.loc[7].notna().all()


def test_exact_log_p_has_a_row_per_seed_and_image() -> None:
    frame = exact_tables.exact_by_image(EXACT, SEEDS)
    assert tuple(frame) == EXACT_IMAGES
    assert frame[["seed", "image"]].to_numpy().tolist() == [[3, 0], [3, 1], [7, 0], [7, 1]]
    assert frame["exact_log_p"].tolist() == [-10, -20, -30, -40]
    assert frame["error"].tolist() == [1e-6] * 4


def bounds_of() -> Bounds:
    return Bounds(LOG_P - 2, LOG_P - 0.5, torch.zeros_like(LOG_P))


def test_gaps_have_the_rows_of_the_finished_seeds() -> None:
    frame = gap_table.bounds_by_image(bounds_of(), [4, 9], said(failed=(3,)))
    assert tuple(frame) == COLUMNS
    assert frame[["seed", "image"]].to_numpy().tolist() == [[7, 4], [7, 9]]
    assert frame["elbo"].tolist() == [-32, -42]
    assert frame["optimised_elbo"].tolist() == [-30.5, -40.5]


@pytest.mark.parametrize("bound", ["elbo", "optimised_elbo"])
def test_a_seed_with_a_bound_that_is_no_number_has_no_gaps(bound: str) -> None:
    found = bounds_of()
    broken = getattr(found, bound).clone()
    broken[0, 1] = -math.inf
    found = dataclasses.replace(found, **{bound: broken})
    assert set(gap_table.bounds_by_image(found, [0, 1], said())["seed"]) == {7}


def test_gaps_of_nothing_but_failures_have_their_columns() -> None:
    frame = gap_table.bounds_by_image(bounds_of(), [0, 1], said(failed=SEEDS))
    assert frame.empty
    assert tuple(frame) == COLUMNS
