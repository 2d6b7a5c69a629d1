from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from flowdepth.analysis.gaps import gap_summary, read_gaps
from flowdepth.analysis.summary import study_tables
from flowdepth.report import tables
from flowdepth.report.typesetting import p_value
from flowdepth.settings.study import Study, read_study
from tabled import against, write_gaps

Fabricate = Callable[..., tuple[Study, list[Path]]]


def summary_of(results: tuple[Study, list[Path]]) -> pd.DataFrame:
    return study_tables(*results)["summary"]


def test_intervals_are_those_of_the_summary(fabricate: Fabricate) -> None:
    summary = summary_of(fabricate())
    frame = tables.nll_by_depth(summary)
    for name, column in (("nll", "NLL [95 %]"), ("neg_elbo", "−ELBO ± 95 %")):
        mean, low, high = (summary[f"{name}_{part}"][2] for part in ("mean", "low", "high"))
        printed = [float(number) for number in re.findall(r"[\d.]+", frame[column][2])]
        interval = [low, high] if name == "nll" else [(high - low) / 2]
        assert printed == pytest.approx([mean, *interval], abs=0.005)


def test_differences_carry_their_sign(fabricate: Fabricate) -> None:
    summary = summary_of(fabricate())
    summary.loc[1, ["nll_difference_mean", "nll_difference_low"]] = [0.04, -1e-6]
    summary.loc[1, "nll_difference_high"] = 0.08
    frame = tables.nll_by_depth(summary)
    assert frame["difference from K = 0 [95 %]"][0] == ""
    assert frame["difference from K = 0 [95 %]"][1].startswith("+0.04")
    assert "−0.000" not in frame["difference from K = 0 [95 %]"][1]
    assert frame["difference from K = 0 [95 %]"][2].startswith("−0.")


def test_one_seed_says_that_it_has_no_interval(fabricate: Fabricate) -> None:
    frame = tables.nll_by_depth(summary_of(fabricate(seeds=(2,))))
    assert frame["NLL [95 %]"].str.contains("one seed: no interval").all()
    assert "nan" not in frame.to_csv()


def test_failures_are_shown(fabricate: Fabricate) -> None:
    failed = [(1, 2), (4, 0), (4, 1), (4, 2)]
    frame = tables.nll_by_depth(summary_of(fabricate(failed=failed)))
    assert frame["seeds"].tolist() == ["3", "2 (1 failed)", "0 (3 failed)"]
    assert frame["NLL [95 %]"][2] == "failed"
    assert frame["K"][2] == "4"
    assert "nan" not in frame.to_csv()


def test_the_last_row_is_the_baseline_s(fabricate: Fabricate) -> None:
    summary = summary_of(fabricate()).assign(baseline="independent pixels", baseline_nll=33.2071)
    last = tables.nll_by_depth(summary).iloc[-1]
    assert last["K"] == "independent pixels"
    assert last["NLL [95 %]"] == "33.207"
    assert set(last.drop(["K", "NLL [95 %]"])) == {""}


def test_bits_per_dimension_have_a_column_where_they_exist(fabricate: Fabricate) -> None:
    grey = {"dataset": {"binarisation": "none"}, "model": {"likelihood": "normal"}}
    assert "bits/dim" in tables.nll_by_depth(summary_of(fabricate(settings=grey)))


def test_a_doubtful_estimate_is_marked(fabricate: Fabricate) -> None:
    frame = tables.nll_by_depth(summary_of(fabricate(doubtful=[1])))
    assert frame["NLL [95 %]"].str.endswith("†").tolist() == [False, True, False]


def test_errors_are_those_of_the_summary(fabricate: Fabricate) -> None:
    numbers = study_tables(*fabricate(doubtful=[4]))
    summary, frame = numbers["summary"], tables.errors(numbers["summary"], numbers["convergence"])
    for name, column in (
        ("nll_se", "SE across seeds"),
        ("nll_image_se", "SE across test images"),
    ):
        assert [float(text) for text in frame[column]] == pytest.approx(summary[name], rel=0.05)
    noise = summary["nll_mcse"].tolist()
    assert [float(text) for text in frame["Monte-Carlo SE"][:2]] == pytest.approx(
        noise[:2], rel=0.05
    )
    assert frame["Monte-Carlo SE"].iloc[2] == "unknown"
    assert frame["images with k_hat > 0.7"].tolist() == ["0.0 %", "0.0 %", "10.0 %"]
    assert frame["change of NLL from S = 100 to 1000"].tolist() == ["−0.018"] * 3


def test_comparisons_are_those_of_the_study(fabricate: Fabricate) -> None:
    numbers = study_tables(*fabricate(failed=[(4, 1)]))["comparisons"]
    against, steps = tables.comparisons(numbers), tables.neighbours(numbers)
    assert against["K"].tolist() == ["1", "4"]
    assert steps["K"].tolist() == ["0 to 1", "1 to 4", "per doubling, 1 to 4"]
    assert against["seeds"].tolist() == ["3", "2 (1 failed)"]
    assert steps["seeds"].tolist() == ["3", "2 (1 failed)", "2 (1 failed)"]
    shown = [*against["p (Holm)"], *steps["p (Holm)"]]
    assert shown == numbers["p_holm"].map(p_value).tolist()
    assert "nan" not in against.to_csv() + steps.to_csv()


def test_the_exact_table_has_means_over_seeds_and_the_worst_of_them() -> None:
    row = {"depth": 2, "exact_nll": 20.0, "exact_error": 1e-7, "nll": 20.01, "nll_mcse": 0.004}
    row |= {"difference": 0.01, "difference_in_mcse": 2.5, "worst_image_in_mcse": 3.0}
    other = row | {"exact_nll": 21.0, "exact_error": 3e-7, "difference_in_mcse": -4.0}
    failure = dict.fromkeys(row, float("nan"))
    rows = [row, other, failure | {"depth": 2}, failure | {"depth": 8}]
    frame = tables.exact(pd.DataFrame(rows)).set_index("K")
    shown = frame.loc["2", ["exact NLL", "quadrature error", "difference in SE, worst seed"]]
    assert shown.tolist() == ["20.5000", "3e−07", "4.0"]
    assert frame["seeds"].tolist() == ["2 (1 failed)", "0 (1 failed)"]
    assert (frame.loc["8"].iloc[1:] == "failed").all()


def test_the_table_of_estimators_has_their_means_and_the_image_furthest_off() -> None:
    row = {"depth": 2, "exact_log_p": -20.0, "importance_mcse": 0.1, "annealed_mcse": 0.01}
    rows = [
        row | {"importance": -21.0, "annealed": -20.0},
        row | {"importance": -20.1, "annealed": -20.02},
    ]
    study = read_study({"name": "t", "depths": [2, 8], "seeds": [0]})
    frame = tables.estimators(pd.DataFrame(rows), study).set_index("K")
    assert [*frame.loc["2"]] == ["2", "20.0000", "20.5500", "20.0100", "10.0", "2.0"]
    assert (frame.loc["8"] == "failed").all()
    nothing = tables.estimators(pd.DataFrame(rows).iloc[:0], study).set_index("K")
    assert (nothing == "failed").all(axis=None)


def costs(seconds: dict[str, list[float]], *compared: dict) -> pd.DataFrame:
    rest = {"evaluate_seconds": 1.0, "peak_memory_mb": 1.0, "device": "cpu"}
    summary = pd.DataFrame({"depth": sorted({*seconds["depth"]}), "parameters": 1})
    frame = pd.DataFrame(compared or [against(0, 4, -0.6, -0.4, 0.2)])
    return tables.costs(pd.DataFrame({**rest, "seeds": 1, **seconds}), summary, frame)


def test_every_seed_of_a_depth_costs_the_same_whatever_its_pack() -> None:
    packs = {"depth": [0, 0], "seeds": [5, 1], "train_seconds": [100.0, 60.0]}
    table = costs(packs | {"evaluate_seconds": [10.0, 20.0], "peak_memory_mb": [300.0, 70.0]})
    assert table["seconds of training per seed"].tolist() == ["26.7"]
    assert table["seconds of evaluation per seed"].tolist() == ["5.0"]
    assert table["peak memory (MB)"].tolist() == ["300"]


def test_a_nat_has_a_price_only_where_a_gain_is_shown() -> None:
    table = costs(
        {"depth": [0, 4, 8, 16], "train_seconds": [10.0, 12.0, 14.0, 18.0]},
        against(0, 4, -0.6, -0.4, 0.01),  # half a nat for two seconds
        against(0, 8, -0.6, -0.4, 0.2),
        against(0, 16, 0.4, 0.6, 0.01),
    )
    assert table["seconds more per nat gained"].tolist() == ["", "4", "", ""]


def gap_table(study: Study, packs: list[Path], **gaps: object) -> pd.DataFrame:
    write_gaps(study, packs, **gaps)
    return tables.inference_gap(gap_summary(read_gaps(study, packs), study.depths), study)


@pytest.mark.parametrize(("gained", "are_few"), [(0.04, True), (0.008, False)])
def test_gaps_of_too_few_steps_say_so(fabricate: Fabricate, gained: float, are_few: bool) -> None:
    cells = gap_table(*fabricate(depths=(0, 4)), gained=gained)["last doubling of steps gained"]
    assert cells.str.contains("too few").tolist() == [are_few, are_few]


def test_gaps_show_failures(fabricate: Fabricate) -> None:
    frame = gap_table(*fabricate(), failed=[(1, 2), (4, 0), (4, 1), (4, 2)])
    assert frame["seeds"].tolist() == ["3", "2 (1 failed)", "0 (3 failed)"]
    assert frame["approximation gap [95 %]"][2] == "failed"
    assert "nan" not in frame.to_csv()


def test_gaps_of_nothing_but_failures_can_be_set(fabricate: Fabricate) -> None:
    frame = gap_table(*fabricate(depths=(0, 4), seeds=(1,)), failed=[(0, 1), (4, 1)])
    assert (frame["inference gap [95 %]"] == "failed").all()
    assert "nan" not in frame.to_csv()


def test_the_least_likely_images_are_those_of_lowest_mean_over_seeds() -> None:
    same = {"depth": 1, "mcse": 0.1, "ess": 9.0}
    rows = [
        same | {"seed": seed, "image": image, "log_p": log_p, "k_hat": k}
        for seed, k in ((0, 0.2), (1, 0.9))
        for image, log_p in enumerate([-10.0, -50.0 + 40 * seed, -20.0, -31.0, -12.0])
    ]
    table = tables.worst(pd.DataFrame(rows))
    assert table["test image"].tolist() == ["3", "1", "2"]
    assert table["log p (nats)"].tolist() == ["−31.00", "−30.00", "−20.00"]
    assert table["below the mean by"].tolist() == ["10.40", "9.40", "−0.60"]
    assert {*table["largest k_hat"]} == {"0.90"}
