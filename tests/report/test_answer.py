from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flowdepth.analysis.summary import study_tables
from flowdepth.report.answer import (
    answer,
    findings,
    headline,
    may_be_best,
    remarks,
    warning,
)
from flowdepth.settings.study import Study
from tabled import against

Fabricate = Callable[..., tuple[Study, list[Path]]]
NONE = float("nan")
Row = dict[str, Any]


def summary_row(depth: int, nll: float, seeds: int = 5) -> Row:
    level = {"nll_mean": nll, "nll_low": nll - 0.1, "nll_high": nll + 0.1}
    level["neg_elbo_mean"] = nll + 0.6
    return {"depth": depth, "seeds": seeds, "failed": 0, **level, "k_hat_share_mean": 0.0} | {
        "nll_correction_se": NONE,
        "baseline": "independent pixels",
        "baseline_nll": NONE,
    }


def words(*comparisons: Row, nll: tuple[float, ...] = (22.0, 21.7, 21.8)) -> tuple[str, str]:
    """Return answer, and headline, findings and remarks, for depths 0, 4 and 8."""
    rows = [summary_row(depth, level) for depth, level in zip((0, 4, 8), nll, strict=True)]
    tables = pd.DataFrame(rows), pd.DataFrame(comparisons)
    more = [headline(*tables), *findings(*tables), *remarks(*tables)]
    return answer(*tables), " ".join(more)


def test_the_answer_names_the_lowest_depth_and_its_interval() -> None:
    sentence, more = words(against(0, 4, -0.4, -0.2, 0.004), against(0, 8, -0.3, 0.1, 0.2))
    assert sentence.startswith("K = 4 has the lowest mean test NLL, 21.70 nats over 5 seeds")
    assert (
        "−0.30 nats (95 % interval −0.40 to −0.20; p = 0.004, corrected for 2 comparisons)"
        in sentence
    )
    assert "no difference" not in sentence
    assert more.startswith(
        "K = 4 gives unseen images a higher likelihood than no flow (K = 0); of K = 8 that is not "
        "shown. The gain, 0.30 nats an image, is 50 % of the 0.60 nats by which the ELBO of K = 0 "
    )


def test_the_answer_claims_nothing_that_holm_s_correction_takes_back() -> None:
    # The interval excludes 0; among two comparisons that is not enough.
    sentence, more = words(against(0, 4, -0.4, -0.01, 0.08), against(0, 8, -0.3, 0.1, 0.2))
    assert "no difference shown at this size" in sentence
    assert "no depth's p-value, corrected for 2 comparisons, is below 0.05" in sentence
    assert more.startswith("No depth is shown to give unseen images a higher likelihood")


def test_the_answer_tells_where_depth_does_harm() -> None:
    harm = against(0, 4, 0.4, 0.6, 0.001), against(0, 8, 0.1, 0.3, 0.01)
    sentence, more = words(*harm, nll=(22.0, 22.5, 22.2))
    assert sentence.startswith("K = 0, the vanilla VAE, has the lowest")
    assert "no difference" not in sentence
    assert more.startswith(
        "No depth is shown to give unseen images a higher likelihood than no flow (K = 0); K = 4 "
        "and 8 a lower one."
    )
    assert "The gain" not in more


def test_a_step_between_depths_is_claimed_by_its_own_p_value() -> None:
    rows = against(0, 4, -0.4, -0.2, 0.001), against(4, 8, -0.1, 0.1, 0.5)
    first = rows[0] | {"kind": "neighbour"}
    assert "shown to change the NLL: from 0 to 4 (lower)." in words(*rows, first)[1]
    none = first | {"p_holm": 0.2}
    assert "No step between neighbouring depths" in words(*rows, none)[1]


@pytest.mark.parametrize(("level", "loses"), [(21.69, True), (21.71, False), (NONE, False)])
def test_a_study_that_loses_to_its_baseline_says_so_first(level: float, loses: bool) -> None:
    rows = [summary_row(0, 22.0), summary_row(4, 21.7)]
    summary = pd.DataFrame(rows).assign(baseline_nll=level)
    sentence = answer(summary, pd.DataFrame([against(0, 4, -0.4, -0.2, 0.004)]))
    start = "No depth beats its baseline, independent pixels, whose test NLL is 21.69 nats"
    assert sentence.startswith(start) == loses
    assert "K = 4 has the lowest mean test NLL" in sentence


def of(results: tuple[Study, list[Path]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    numbers = study_tables(*results)
    return numbers["summary"], numbers["comparisons"]


def test_the_answer_from_one_seed_has_no_interval(fabricate: Fabricate) -> None:
    numbers = of(fabricate(seeds=(0,)))
    sentence, more = answer(*numbers), " ".join(remarks(*numbers))
    assert "with one seed no interval can be given" in sentence
    assert "shows only between seeds" in more
    assert "nan" not in sentence + more


def test_the_answer_without_k_0_compares_with_nothing(fabricate: Fabricate) -> None:
    sentence = answer(*of(fabricate(depths=(1, 4))))
    assert "without K = 0 there is nothing to compare" in sentence


def test_where_everything_failed_there_is_no_answer(fabricate: Fabricate) -> None:
    failed = [(depth, seed) for depth in (0, 4) for seed in (0, 1)]
    numbers = of(fabricate(depths=(0, 4), seeds=(0, 1), failed=failed))
    assert answer(*numbers) == "No training finished, so there is no answer."
    assert remarks(*numbers) == ["4 of 4 trainings failed and are left out of every mean."]
    assert warning(numbers[0]) == ""


def nll_of(**levels: tuple[float, ...]) -> pd.DataFrame:
    """Return metrics of seeds 0, 1, ... at the depths that the names K<depth> give."""
    return pd.DataFrame(
        {"depth": int(name[1:]), "seed": seed, "nll": nll}
        for name, values in levels.items()
        for seed, nll in enumerate(values)
    )


def best_of(**levels: tuple[float, ...]) -> list[int]:
    metrics = nll_of(**levels)
    summary = pd.DataFrame(summary_row(depth, 22.0) for depth in metrics["depth"].unique())
    return may_be_best(metrics, summary)


CLEAR = {"K0": (22.0, 22.1, 22.2, 22.3), "K4": (21.0, 21.11, 21.19, 21.3)}


def test_depths_as_good_as_the_best_may_be_the_best() -> None:
    assert best_of(**CLEAR, K8=(21.1, 21.0, 21.3, 21.19)) == [4, 8]


@pytest.mark.parametrize(
    "levels",
    [
        {"K0": (22.0, 21.0, 23.0), "K4": (21.9, 21.3, 22.5)},
        {"K0": (22.0,), "K4": (21.0,)},
        {"K4": (21.0, 22.0)},
        {"K0": (NONE, NONE), "K4": (21.0, 22.0)},
    ],
    ids=["chance", "one seed", "one depth", "the other failed"],
)
def test_no_depth_is_the_best_where_no_test_shows_it(levels: dict[str, tuple[float, ...]]) -> None:
    assert best_of(**levels) == []


def test_the_more_depths_the_clearer_the_best_has_to_be() -> None:
    two = {"K0": (22.0, 22.2, 22.1), "K1": (21.0, 21.5, 21.4)}
    assert best_of(**two) == [1]
    ten = {f"K{depth}": two["K0"] for depth in range(2, 12)}
    assert best_of(**two, **ten) == []


def test_too_few_samples_for_a_shape_raise_no_warning() -> None:
    rows = [summary_row(0, 22.0) | {"k_hat_share_mean": NONE}]
    assert warning(pd.DataFrame(rows)) == ""


def test_more_annealed_images_are_advised_where_they_alone_can_show_a_difference() -> None:
    drowned = against(0, 4, -0.08, -0.02, 0.01) | {"correction_se": 0.05}
    _, told = words(drowned, against(0, 8, -0.3, -0.1, 0.01))
    assert "drowns the difference from K = 0 at K = 4; certify.images times 4" in told
    _, untold = words(against(0, 4, -0.3, 0.29, 0.9) | {"correction_se": 0.05})
    assert "drowns" not in untold
