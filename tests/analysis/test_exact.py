from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from flowdepth.analysis.exact import compare, read_exact
from flowdepth.base.errors import UserError
from flowdepth.base.files import write_frame
from flowdepth.settings.study import read_study

PAIRS = {"seed": [3, 3, 7, 7], "image": [0, 1, 0, 1]}
BY_SEED = pd.DataFrame({"seed": [3, 7], "exact_nll": [15.0, 35.0], "exact_error": [1e-7, 2e-7]})
STUDY = read_study({"name": "t", "depths": [0, 2, 4], "seeds": [3, 7]})
BY_IMAGE = pd.DataFrame({**PAIRS, "exact_log_p": [-10.0, -20.0, -30.0, -40.0], "error": 1e-6})
ESTIMATES = pd.DataFrame(
    {
        **PAIRS,
        **{"log_p": [-10.3, -20.0, -29.6, -40.2], "mcse": [0.3, 0.4, 0.1, 0.1]},
        **{"ess": 9.0, "k_hat": math.nan},
    }
)


def write_pack(pack: Path, estimates: pd.DataFrame = ESTIMATES, **changed: object) -> Path:
    write_frame(BY_SEED.assign(**changed), pack / "exact.csv")
    write_frame(BY_IMAGE, pack / "exact.parquet")
    write_frame(estimates, pack / "images.parquet")
    return pack


def test_the_difference_is_estimate_minus_exact_in_nats_and_in_errors() -> None:
    frame = compare(BY_SEED, BY_IMAGE, ESTIMATES).set_index("seed")
    assert frame["exact_nll"].tolist() == [15, 35]
    assert frame["exact_error"].tolist() == [1e-7, 2e-7]
    assert frame["nll"].tolist() == pytest.approx([15.15, 34.9])
    assert frame["nll_mcse"].tolist() == pytest.approx([0.25, 0.02**0.5 / 2])
    assert frame["difference"].tolist() == pytest.approx([0.15, -0.1])
    assert frame["difference_in_mcse"].tolist() == pytest.approx([0.6, -(2**0.5)])
    assert frame["worst_image_in_mcse"].tolist() == pytest.approx([1, 4])


def test_a_failed_seed_has_no_numbers() -> None:
    failed = BY_SEED.assign(exact_nll=[math.nan, 35.0], exact_error=[math.nan, 2e-7])
    frame = compare(failed, BY_IMAGE, ESTIMATES).set_index("seed")
    assert frame.loc[3].isna().all()
    assert frame.loc[7].notna().all()


def test_a_failed_seed_keeps_its_number(tmp_path: Path) -> None:
    failed = {"exact_nll": [math.nan, 35.0], "exact_error": [math.nan, 2e-7]}
    frame = read_exact(STUDY, [write_pack(tmp_path / "K2" / "seeds3+7", **failed)])
    assert frame[["depth", "seed"]].to_numpy().tolist() == [[2, 3], [2, 7]]


def test_packs_come_in_the_order_of_depth_and_seed(tmp_path: Path) -> None:
    packs = [write_pack(tmp_path / f"K{depth}" / "seeds3+7") for depth in (4, 0)]
    frame = read_exact(STUDY, packs)
    assert frame[["depth", "seed"]].to_numpy().tolist() == [[0, 3], [0, 7], [4, 3], [4, 7]]


def test_estimates_of_other_images_are_refused(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "K2" / "seeds3+7", ESTIMATES.iloc[1:])
    with pytest.raises(UserError, match="found 3 estimates, expected those of the 4 pairs"):
        read_exact(STUDY, [pack])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "K2" / "seeds3+7")
    for name in ("exact.csv", "exact.parquet", "images.parquet"):
        content = (pack / name).read_bytes()
        (pack / name).unlink()
        with pytest.raises(UserError, match=f"{name}: missing"):
            read_exact(STUDY, [pack])
        (pack / name).write_bytes(content)
