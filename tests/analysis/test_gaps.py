from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from flowdepth.analysis.columns import IMAGES
from flowdepth.analysis.gaps import gap_summary, read_gaps
from flowdepth.analysis.readers import read_rows
from flowdepth.analysis.statistics import t_interval
from flowdepth.base.errors import UserError
from flowdepth.settings.study import Study
from tabled import write_gaps

Fabricate = Callable[..., tuple[Study, list[Path]]]


def test_seeds_are_the_unit_of_the_interval(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=(0, 4), seeds=(0, 1, 2, 3))
    write_gaps(study, packs)
    frame = read_gaps(study, packs)
    row = gap_summary(frame, study.depths).iloc[1]
    mine = frame[frame["depth"] == 4].groupby("seed")[["approximation", "amortisation"]].mean()
    for name in mine:
        expected = t_interval(mine[name])
        assert row[f"{name}_low"] == pytest.approx(expected.low)
        assert row[f"{name}_mean"] == pytest.approx(expected.mean)
    whole = t_interval(mine.sum(axis=1))
    assert row["inference_high"] == pytest.approx(whole.high)
    assert row["seeds"] == 4


def test_a_damaged_missing_or_strange_file_is_named(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=(0, 4))
    write_gaps(study, packs)
    path = packs[0] / "gaps.parquet"
    whole = pd.read_parquet(path)
    whole.drop(columns="elbo").to_parquet(path)
    with pytest.raises(UserError, match=r"gaps\.parquet: column elbo missing"):
        read_gaps(study, packs)
    path.write_bytes(b"PAR1 torn")
    with pytest.raises(UserError, match=r"gaps\.parquet: not a parquet table"):
        read_gaps(study, packs)
    pd.concat([whole, whole.iloc[:1]]).to_parquet(path)
    with pytest.raises(UserError, match=r"gaps\.parquet: found depth 0, seed \d, image \d twice"):
        read_gaps(study, packs)
    path.unlink()
    with pytest.raises(UserError, match=r"gaps\.parquet: missing"):
        read_gaps(study, packs)
    whole.assign(seed=9).to_parquet(path)
    with pytest.raises(UserError, match="expected seeds"):
        read_gaps(study, packs)


def test_log_p_is_the_annealed_one_where_an_image_was_annealed(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=(0, 4), bias={0: 1.0, 4: 0.5})
    write_gaps(study, packs)
    frame = read_gaps(study, packs).set_index(["depth", "seed", "image"])
    sampled = read_rows(study, packs, "images.parquet", IMAGES).set_index(frame.index.names)
    more = frame["log_p"] - sampled["log_p"].reindex(frame.index)
    annealed = frame.index.get_level_values("image") % 4 == 0
    assert 0 < annealed.sum() < len(annealed)
    assert (more[~annealed] == 0).all()
    assert more[annealed].groupby("depth").mean().tolist() == pytest.approx([1.0, 0.5], abs=0.05)
    split = frame["approximation"] + frame["amortisation"]
    assert split.to_numpy() == pytest.approx((frame["log_p"] - frame["elbo"]).to_numpy())
