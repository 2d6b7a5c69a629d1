from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flowdepth.analysis.certificate import bias_error, read_certificates
from flowdepth.analysis.summary import study_tables
from flowdepth.base.errors import UserError
from flowdepth.settings.study import Study
from tabled import ANNEALED

Fabricate = Callable[..., tuple[Study, list[Path]]]
BIAS = {0: 1.3, 1: 1.2, 4: 0.9}


def test_the_corrected_nll_is_importance_sampling_s_less_the_bias(fabricate: Fabricate) -> None:
    plain = study_tables(*fabricate())["metrics"]
    tables = study_tables(*fabricate_again(fabricate))
    metrics = tables["metrics"]
    shape = 0.05 * np.cos(np.arange(0, 4 * ANNEALED, 4)).mean()
    expected = plain["nll"] - plain["depth"].map(BIAS) - shape
    np.testing.assert_allclose(metrics["nll"], expected)
    np.testing.assert_allclose(metrics["nll_importance"], plain["nll"])
    assert plain["nll_importance"].equals(plain["nll"])
    assert plain["nll_correction_se"].isna().all()
    row = tables["summary"].set_index("depth").loc[4]
    done = metrics[metrics["depth"] == 4]
    assert row["nll_mean"] == pytest.approx(done["nll"].mean())
    assert row["nll_importance_mean"] == pytest.approx(done["nll_importance"].mean())


def fabricate_again(fabricate: Fabricate, **more: object) -> tuple[Study, list[Path]]:
    for folder in fabricate.args[0].iterdir():
        shutil.rmtree(folder)
    return fabricate(bias=BIAS, **more)


def test_bits_per_dimension_are_corrected_by_the_same_nats(fabricate: Fabricate) -> None:
    grey = {"dataset": {"binarisation": "none"}, "model": {"likelihood": "normal"}}
    plain = study_tables(*fabricate(settings=grey))["metrics"]
    metrics = study_tables(*fabricate_again(fabricate, settings=grey))["metrics"]
    nats = (plain["bits_per_dim"] - metrics["bits_per_dim"]) * 64 * math.log(2)
    np.testing.assert_allclose(nats, metrics["nll_importance"] - metrics["nll"])


def test_the_certificate_has_bias_and_bounds_of_each_depth(fabricate: Fabricate) -> None:
    table = study_tables(*fabricate(bias=BIAS, failed=[(4, 0), (4, 1), (4, 2)]))["certificate"]
    assert table["depth"].tolist() == [0, 1, 4]
    assert table["seeds"].tolist() == [3, 3, 0]
    assert table["images"].tolist() == [ANNEALED, ANNEALED, 0]
    assert table["simulated"].tolist() == [3 * ANNEALED, 3 * ANNEALED, 0]
    assert table["bias_mean"].iloc[1] == pytest.approx(1.2, abs=0.05)
    assert table["sandwich_mean"].tolist()[:2] == pytest.approx([0.03, 0.03])
    np.testing.assert_allclose(table["upper_mean"] - table["lower_mean"], table["sandwich_mean"])
    assert table.iloc[2, 4:].isna().all()


def test_nothing_annealed_leaves_an_empty_certificate(fabricate: Fabricate) -> None:
    table = study_tables(*fabricate())["certificate"]
    assert table["images"].tolist() == [0, 0, 0]
    assert table["bias_mean"].isna().all()


def images_of(bias: np.ndarray, noise: float = 0.0) -> pd.DataFrame:
    """Rows of certify.parquet of two seeds that agree."""
    rows = pd.DataFrame({"image": range(len(bias)), "bias": bias, "annealed_mcse": noise})
    return pd.concat([rows, rows])


def test_the_error_of_the_correction_is_that_of_a_sample_without_replacement() -> None:
    bias = np.random.default_rng(0).normal(1, 0.5, 400)
    chance = np.random.default_rng(1)
    means, errors = [], []
    for _ in range(2000):
        chosen = chance.choice(400, 100, replace=False)
        means.append(bias[chosen].mean())
        errors.append(bias_error(images_of(bias[chosen]), 400))
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.05)


def test_annealing_every_image_leaves_the_error_of_annealing_alone() -> None:
    bias = np.random.default_rng(0).normal(1, 0.5, 40)
    assert bias_error(images_of(bias, noise=0.2), 40) == pytest.approx(0.2 / math.sqrt(2 * 40))


def test_biases_that_images_share_leave_their_difference_exact() -> None:
    bias = np.random.default_rng(0).normal(1, 0.5, 10)
    assert bias_error(images_of(bias), 100, images_of(bias - 0.3)) == pytest.approx(0)
    assert math.isnan(bias_error(images_of(bias[:1]), 100))


def test_differences_tell_the_estimators_share(fabricate: Fabricate) -> None:
    tables = study_tables(*fabricate(bias=BIAS))
    row = tables["comparisons"].set_index(["kind", "depth"]).loc[("vanilla", 4)]
    assert row["shift_mean"] == pytest.approx(0.9 - 1.3)
    summary = tables["summary"].set_index("depth")
    apart = summary["nll_importance_mean"][4] - summary["nll_importance_mean"][0]
    assert row["mean"] + row["shift_mean"] == pytest.approx(apart)
    assert row["correction_se"] < 0.01


def test_a_seed_without_annealed_images_has_failed(fabricate: Fabricate) -> None:
    study, packs = fabricate(bias=BIAS)
    path = packs[0] / "certify.parquet"
    frame = pd.read_parquet(path)
    frame[frame["seed"] != 1].to_parquet(path)
    metrics = study_tables(study, packs)["metrics"].set_index(["depth", "seed"])
    assert metrics.loc[(0, 1), "status"] == "failed"
    assert metrics.loc[(0, 1), "message"] == "no finite annealed estimate"


def test_certificates_of_other_seeds_are_refused(fabricate: Fabricate) -> None:
    study, packs = fabricate(bias=BIAS)
    path = packs[0] / "certify.parquet"
    pd.read_parquet(path).assign(seed=7).to_parquet(path)
    with pytest.raises(UserError, match=r"certify.parquet: found seeds .*7.* expected seeds"):
        read_certificates(study, packs)
