"""What each mark of a figure says when somebody points at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from flowdepth.analysis.comparisons import by_seed
from flowdepth.analysis.results import StudyResults, called
from flowdepth.estimation.thresholds import K_HAT_LIMIT
from flowdepth.report.typesetting import BRACKET, intervals, percent, plain, signed, with_error

Labels = dict[str, str]


def labels(figure: str, results: StudyResults) -> Labels:
    """Return by its name (`style.mark`) what each mark of a figure says, if it has any."""
    function = _BY_FIGURE.get(figure)
    return called(function, results) if function else {}


def _nll_by_depth(metrics: pd.DataFrame, summary: pd.DataFrame) -> Labels:
    name, title = "nll_difference", "difference from K = 0"
    paired = by_seed(metrics).dropna(subset=name)
    return {
        **_means(summary, name, title, sign="+"),
        **_seeds(paired, name, title, signed(paired[name], 3)),
        **_levels(metrics, summary, "nll", "NLL"),
    }


def _elbo_and_nll(metrics: pd.DataFrame, summary: pd.DataFrame) -> Labels:
    return {
        **_levels(by_seed(metrics), summary, "neg_elbo", "−ELBO"),
        **_levels(metrics, summary, "nll", "NLL"),
    }


def _levels(metrics: pd.DataFrame, summary: pd.DataFrame, name: str, title: str) -> Labels:
    done = metrics[metrics["status"] == "done"]
    return {
        **_means(summary, name, title),
        **_seeds(done, name, title, plain(done[name], 3)),
    }


def _means(summary: pd.DataFrame, name: str, title: str, sign: str = "") -> Labels:
    texts = intervals(summary, f"{name}_", BRACKET, sign)
    rows = zip(
        summary["depth"], summary["seeds"], texts, _weights_of(summary, "_mean"), strict=True
    )
    return {
        f"{name}-{depth}-mean": f"K = {depth}: {title} {text} nats, mean of {seeds} "
        f"seed{'s' * (seeds != 1)}; {weights}"
        for depth, seeds, text, weights in rows
        if text
    }


def _seeds(done: pd.DataFrame, name: str, title: str, texts: Iterable[str]) -> Labels:
    rows = zip(done["depth"], done["seed"], texts, _weights_of(done, ""), strict=True)
    return {
        f"{name}-{depth}-{seed}": f"K = {depth}, seed {seed}: {title} {text} nats; {weights}"
        for depth, seed, text, weights in rows
    }


def _weights_of(rows: pd.DataFrame, ending: str) -> list[str]:
    shares = percent(rows[f"k_hat_share{ending}"])
    beyond = [f", k_hat above {K_HAT_LIMIT} in {share} of images" * bool(share) for share in shares]
    sizes = plain(rows[f"ess{ending}"], 0)
    return [f"ESS {size}{share}" for size, share in zip(sizes, beyond, strict=True)]


def _convergence(convergence: pd.DataFrame) -> Labels:
    texts = plain(convergence["nll_mean"], 3)
    errors = plain(convergence["nll_mcse"], 3)
    rows = zip(convergence["depth"], convergence["samples"], texts, errors, strict=True)
    return {
        f"nll-{depth}-S{samples}": f"K = {depth}, S = {samples:,}: NLL {text} nats"
        + f", Monte-Carlo standard error {error}" * bool(error)
        for depth, samples, text, error in rows
    }


def _certificate(certificate: pd.DataFrame) -> Labels:
    titles = {"bias": "importance sampling is low by", "sandwich": "the bounds are apart by"}
    return {
        f"{name}-{depth}-mean": f"K = {depth}: {title} {text} nats (mean ± standard error)"
        for name, title in titles.items()
        for depth, text in zip(
            certificate["depth"],
            with_error(certificate[f"{name}_mean"], certificate[f"{name}_se"]),
            strict=True,
        )
        if text
    }


def _weights(images: pd.DataFrame, samples: int) -> Labels:
    share = images.assign(share=100 * images["ess"] / samples)
    forms = {"share": "effective sample size {} % of S", "k_hat": "Pareto shape k_hat {}"}
    found: Labels = {}
    for name, form in forms.items():
        by_depth: Iterable[tuple[Any, pd.Series]] = share.dropna(subset=name).groupby("depth")[name]
        for depth, values in by_depth:
            low, middle, high = plain(values.quantile([0.25, 0.5, 0.75]), 2)
            words = form.format(middle)
            found[f"{name}-{depth}-mean"] = (
                f"K = {depth}: {words} at the median image, {low} to {high} at the middle half"
            )
    return found


def _inference_gap(gaps: pd.DataFrame) -> Labels:
    return {
        f"{name}-{depth}-mean": f"K = {depth}: {name} gap {text} nats"
        for name in ("approximation", "amortisation")
        for depth, text in zip(gaps["depth"], intervals(gaps, f"{name}_", BRACKET), strict=True)
        if text
    }


_BY_FIGURE: dict[str, Callable[..., Labels]] = {
    "nll_by_depth": _nll_by_depth,
    "elbo_and_nll": _elbo_and_nll,
    "convergence": _convergence,
    "certificate": _certificate,
    "weights": _weights,
    "inference_gap": _inference_gap,
}
