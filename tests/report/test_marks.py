from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from flowdepth.analysis.results import StudyResults
from flowdepth.report import marks, registry, style
from flowdepth.report.drawing import draw

Summarised = Callable[..., StudyResults]
SETTINGS = {"gaps": {"images": 5}, "certify": {"images": 5}}
FIGURES = (
    *("nll_by_depth", "elbo_and_nll", "convergence"),
    *("weights", "certificate", "inference_gap"),
)
CASES = {"a failed seed": {"failed": [(4, 1)]}, "one seed": {"seeds": (0,), "depths": (0, 4)}}


def named(results: StudyResults, name: str) -> list[str]:
    """Return the names of the marks that the SVG of a figure has."""
    figure = next(one for one in registry.figures(results.study) if one.name == name)
    with style.visual_language():
        svg = style.contents(draw(figure, results), "svg").decode()
    return re.findall(r'<g id="([a-z_]+-\d+-\w+)">', svg)


@pytest.mark.parametrize("case", CASES)
def test_every_mark_of_a_figure_says_what_it_is(summarised: Summarised, case: str) -> None:
    results = summarised(settings=SETTINGS, **CASES[case])
    for name in FIGURES:
        found, labels = named(results, name), marks.labels(name, results)
        assert found
        assert len({*found}) == len(found)
        assert {*found} <= {*labels}
        assert all("nan" not in text.lower() for text in labels.values())


def test_a_mean_is_told_with_its_interval_and_how_far_its_weights_can_be_trusted(
    summarised: Summarised,
) -> None:
    labels = marks.labels("nll_by_depth", summarised())
    number = r"[+−]?\d+\.\d+"
    interval = rf"{number} \[{number}, {number}\]"
    end = r"mean of 3 seeds; ESS \d+, k_hat above 0.7 in 0.0 % of images"
    assert re.fullmatch(rf"K = 4: NLL {interval} nats, {end}", labels["nll-4-mean"])
    assert re.fullmatch(
        rf"K = 4: difference from K = 0 {interval} nats, {end}", labels["nll_difference-4-mean"]
    )


def test_a_seed_is_told_with_its_own_number(summarised: Summarised) -> None:
    results = summarised()
    row = results.metrics.query("depth == 4 and seed == 2").iloc[0]
    assert (
        f"K = 4, seed 2: NLL {row['nll']:.3f} nats; ESS "
        in (marks.labels("nll_by_depth", results)["nll-4-2"])
    )


def test_a_figure_of_images_has_no_marks(summarised: Summarised) -> None:
    assert marks.labels("prior_samples", summarised()) == {}
