from __future__ import annotations

import math

import pandas as pd
import pytest

from flowdepth.analysis.kinds import differences
from flowdepth.analysis.statistics import paired_difference

SEEDS = (0, 1, 2)


def metrics(nll: dict[int, float], parameters: dict[int, int]) -> pd.DataFrame:
    """Rows of metrics.csv, each seed's NLL off by its number and a little of its own a depth."""
    return pd.DataFrame(
        {
            "depth": depth,
            "seed": seed,
            "nll": value + seed + 0.01 * seed * depth,
            "parameters": parameters[depth],
        }
        for depth, value in nll.items()
        for seed in SEEDS
    )


PLANAR = metrics({0: 90.0, 2: 89.0, 8: 88.0}, {0: 1000, 2: 2000, 8: 8000})


def test_at_equal_depth_seeds_are_paired_with_themselves() -> None:
    other = metrics({0: 90.0, 2: 88.5, 4: 80.0}, {0: 1000, 2: 1500, 4: 2500})
    found = differences({"planar": PLANAR, "other": other}).set_index(["at", "depth"])
    row = found.loc[("depth", 2)]
    assert (row["study"], row["seeds"], row["parameters"]) == ("other", 3, 1500)
    assert row["mean"] == pytest.approx(-0.5)
    assert (row["low"], row["high"]) == pytest.approx((-0.5, -0.5))
    assert ("depth", 4) not in found.index


def test_at_equal_parameters_the_reference_is_read_between_its_depths() -> None:
    other = metrics({0: 90.0, 2: 88.5, 4: 80.0}, {0: 1000, 2: 4000, 4: 9000})
    found = differences({"planar": PLANAR, "other": other}).set_index(["at", "depth"])
    # 4000 lies halfway between 2000 and 8000 on a logarithmic scale.
    expected = paired_difference(
        {seed: 88.5 + seed + 0.02 * seed for seed in SEEDS},
        {seed: 88.5 + seed + 0.05 * seed for seed in SEEDS},
    )
    assert found.loc[("parameters", 2), "mean"] == pytest.approx(expected.mean)
    assert found.loc[("parameters", 2), "p"] == pytest.approx(expected.p)
    assert ("parameters", 4) not in found.index


def test_a_failed_seed_is_in_no_pair() -> None:
    other = metrics({0: 90.0, 2: 88.5}, {0: 1000, 2: 1500})
    other.loc[(other["depth"] == 2) & (other["seed"] == 1), "nll"] = math.nan
    found = differences({"planar": PLANAR, "other": other})
    assert found["seeds"].tolist() == [2, 2]


def test_p_values_are_corrected_for_the_rows_alike() -> None:
    noisy = metrics({0: 90.0, 2: 88.9, 8: 87.0}, {0: 1000, 2: 1500, 8: 6000})
    noisy["nll"] += 0.1 * (noisy["seed"] == 1)
    found = differences({"planar": PLANAR, "a": noisy, "b": noisy.assign(nll=noisy["nll"] + 1)})
    at_depth = found[found["at"] == "depth"]
    assert len(at_depth) == 4
    assert at_depth["p_holm"].min() == pytest.approx(4 * at_depth["p"].min())


def test_a_study_without_common_depths_has_no_row() -> None:
    other = metrics({3: 80.0}, {3: 9000})
    assert differences({"planar": PLANAR, "other": other}).empty
