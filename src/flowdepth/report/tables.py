"""The study's tables of numbers -> tables to read: every cell is text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from flowdepth.analysis.columns import ESTIMATES
from flowdepth.analysis.comparisons import TREND, VANILLA
from flowdepth.analysis.statistics import decimals
from flowdepth.estimation.thresholds import K_HAT_LIMIT
from flowdepth.report.answer import cannot_tell, doubtful, is_certified, is_shown, nll_places
from flowdepth.report.typesetting import (
    BRACKET,
    PLUS_MINUS,
    grouped,
    intervals,
    minus,
    p_value,
    percent,
    plain,
    signed,
    significant,
    with_error,
)
from flowdepth.settings.sections import Published
from flowdepth.settings.study import Study

MARK = " †"
# Rows a depth in the table of images of lowest log p(x).
WORST = 3


def nll_by_depth(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the main table as text, a row per depth and one of the baseline."""
    marked = summary["depth"].isin(doubtful(summary)) & cannot_tell(summary)
    nll = intervals(summary, "nll_", BRACKET)
    columns = {
        "K": summary["depth"].map(str),
        "difference from K = 0 [95 %]": intervals(summary, "nll_difference_", BRACKET, sign="+"),
        "NLL [95 %]": [text + MARK * mark for text, mark in zip(nll, marked, strict=True)],
        **by_importance(summary),
        "−ELBO ± 95 %": intervals(summary, "neg_elbo_", PLUS_MINUS),
    }
    if "bits_per_dim_mean" in summary:
        columns["bits/dim"] = plain(summary["bits_per_dim_mean"], 3)
    columns |= {"seeds": _seeds(summary), "parameters": grouped(summary["parameters"])}
    rows = _with_failures(pd.DataFrame(columns), summary, keep=("K", "seeds"))
    return pd.concat([rows, _baseline(summary)], ignore_index=True).fillna("")


def _baseline(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the row of the baseline, none where nobody knows it."""
    known = summary[:1].dropna(subset="baseline_nll")
    places = nll_places(summary)
    cells = {"K": known["baseline"], "NLL [95 %]": plain(known["baseline_nll"], places)}
    if "baseline_bits_per_dim" in known:
        cells["bits/dim"] = plain(known["baseline_bits_per_dim"], 3)
    return pd.DataFrame(cells)


def by_importance(summary: pd.DataFrame) -> dict[str, list[str]]:
    """Return importance sampling's NLL where the other is corrected."""
    if not is_certified(summary):
        return {}
    places = nll_places(summary)
    return {"by importance sampling": plain(summary["nll_importance_mean"], places)}


def errors(summary: pd.DataFrame, convergence: pd.DataFrame) -> pd.DataFrame:
    """Return the standard errors of each depth's mean NLL, and what its weights tell.

    Where the weights cannot be trusted, nor can a Monte-Carlo error that they make.
    """
    unknown = summary["depth"].isin(doubtful(summary))
    noise = significant(summary["nll_mcse"])
    columns = {
        "K": summary["depth"].map(str),
        "seeds": _seeds(summary),
        "SE across seeds": significant(summary["nll_se"]),
        "SE across test images": significant(summary["nll_image_se"]),
        "Monte-Carlo SE": ["unknown" if u else e for u, e in zip(unknown, noise, strict=True)],
        **_correction(summary),
        **{
            metric.heading: plain(summary[f"{metric.name}_mean"], metric.places)
            for metric in ESTIMATES
            if metric.heading
        },
        f"images with k_hat > {K_HAT_LIMIT}": percent(summary["k_hat_share_mean"]),
        **_last_step(summary, convergence),
    }
    return _with_failures(pd.DataFrame(columns), summary, keep=("K", "seeds"))


def _correction(summary: pd.DataFrame) -> dict[str, list[str]]:
    if not is_certified(summary):
        return {}
    return {"SE of the correction": significant(summary["nll_correction_se"])}


def certificate(certificate: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return the bias of importance sampling and how well it is known as text, a row per depth."""
    columns = {
        "K": certificate["depth"].map(str),
        "seeds": _seeds(summary),
        "test images": plain(certificate["images"], 0),
        "importance sampling is low by ± SE": with_error(
            certificate["bias_mean"], certificate["bias_se"]
        ),
        "simulated images": plain(certificate["simulated"], 0),
        "lower bound": plain(certificate["lower_mean"], 3),
        "upper bound": plain(certificate["upper_mean"], 3),
        "apart ± SE": with_error(certificate["sandwich_mean"], certificate["sandwich_se"]),
    }
    return _with_failures(pd.DataFrame(columns), summary, keep=("K", "seeds"))


def _last_step(summary: pd.DataFrame, convergence: pd.DataFrame) -> dict[str, list[str]]:
    """Return by how much the last samples still changed the NLL, where there were any before."""
    nll = convergence.pivot(index="samples", columns="depth", values="nll_mean")
    if len(nll) < 2:
        return {}
    step = nll.diff().iloc[-1].reindex(summary["depth"])
    few, all_ = nll.index[-2:]
    return {f"change of NLL from S = {few} to {all_}": signed(step, decimals(step.abs()))}


def comparisons(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the differences from K = 0 as text, a row per depth."""
    rows = compared[compared["kind"] == VANILLA]
    return pd.DataFrame({"K": rows["depth"].map(str), **differences(rows), **_over_images(rows)})


def neighbours(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the differences between neighbouring depths as text, and a row for the trend."""
    rows = compared[compared["kind"] != VANILLA]
    steps = zip(rows["kind"], rows["reference"], rows["depth"], strict=True)
    names = [_step(*step) for step in steps]
    return pd.DataFrame({"K": names, **differences(rows), **_over_images(rows)})


def differences(rows: pd.DataFrame) -> dict[str, list[str]]:
    """Return differences between depths over seeds as columns of text."""
    return {
        "seeds": _seeds(rows),
        "difference in NLL [95 %]": intervals(rows, "", BRACKET, sign="+"),
        "p": [*rows["p"].map(p_value)],
        "p (Holm)": [*rows["p_holm"].map(p_value)],
    }


def _over_images(rows: pd.DataFrame) -> dict[str, list[str]]:
    return {
        "over images ± SE": with_error(rows["image_mean"], rows["image_se"]),
        "images improved": percent(rows["image_share_improved"]),
    }


def worst(images: pd.DataFrame) -> pd.DataFrame:
    """Return some test images of lowest log p(x) a depth as text: means over its seeds."""
    means = images.groupby(["depth", "image"], as_index=False).agg(
        {"log_p": "mean", "mcse": "mean", "ess": "mean", "k_hat": "max"}
    )
    above = means.groupby("depth")["log_p"].transform("mean") - means["log_p"]
    lowest = means.assign(above=above).sort_values(["depth", "log_p", "image"])
    rows = lowest.groupby("depth").head(WORST)
    return pd.DataFrame(
        {
            "K": rows["depth"].map(str),
            "test image": rows["image"].map(str),
            "log p (nats)": plain(rows["log_p"], 2),
            "below the mean by": plain(rows["above"], 2),
            "Monte-Carlo SE": plain(rows["mcse"], 2),
            "ESS": plain(rows["ess"], 0),
            "largest k_hat": plain(rows["k_hat"], 2),
        }
    )


def exact(exact: pd.DataFrame) -> pd.DataFrame:
    """Return the estimate beside the exact NLL as text, a row per depth: means over its seeds."""
    done = exact.dropna(subset=["exact_nll"])
    seeds = pd.DataFrame({"seeds": done.groupby("depth").size()})
    seeds = seeds.reindex(sorted(exact["depth"].unique()), fill_value=0)
    seeds["failed"] = exact.groupby("depth").size() - seeds["seeds"]
    means = done.groupby("depth").mean(numeric_only=True).reindex(seeds.index)
    worst = done.groupby("depth").agg(_largest).reindex(seeds.index)
    columns = {
        "K": seeds.index.map(str),
        "seeds": _seeds(seeds),
        "exact NLL": plain(means["exact_nll"], 4),
        "quadrature error": [minus(f"{error:.0e}") for error in worst["exact_error"]],
        "estimated NLL": plain(means["nll"], 4),
        "difference": signed(means["difference"], 4),
        "Monte-Carlo SE, one seed": plain(means["nll_mcse"], 4),
        "difference in SE, worst seed": plain(worst["difference_in_mcse"], 1),
        "worst image": plain(worst["worst_image_in_mcse"], 1),
    }
    return _with_failures(pd.DataFrame(columns), seeds, keep=("K", "seeds"))


def estimators(estimators: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return three estimates of the same NLLs as text, a row per depth: means over its images."""
    frame = estimators.copy()
    for way in ("importance", "annealed"):
        frame[f"{way}_away"] = (frame[way] - frame["exact_log_p"]) / frame[f"{way}_mcse"]
    depths, index = frame.groupby("depth"), sorted(study.depths)
    means = -depths[["exact_log_p", "importance", "annealed"]].mean().reindex(index)
    worst = depths[["importance_away", "annealed_away"]].agg(_largest).reindex(index)
    pairs = pd.DataFrame({"seeds": depths.size().reindex(index, fill_value=0)})
    columns = {
        "K": [*map(str, index)],
        "seeds and images": [*map(str, pairs["seeds"])],
        "exact NLL": plain(means["exact_log_p"], 4),
        "importance sampling": plain(means["importance"], 4),
        "annealing": plain(means["annealed"], 4),
        "worst image by importance sampling, in SE": plain(worst["importance_away"], 1),
        "worst image by annealing, in SE": plain(worst["annealed_away"], 1),
    }
    return _with_failures(pd.DataFrame(columns), pairs, keep=("K",))


def _largest(column: pd.Series) -> float:
    largest: float = column.abs().max()
    return largest


def costs(costs: pd.DataFrame, summary: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    """Return what a seed cost as text, a row per depth: a mean over its seeds, and the most memory.

    Failed seeds have cost their share, too. A nat has a price where the gain over K = 0 is shown.
    """
    depths = costs.groupby("depth")
    totals = depths[["train_seconds", "evaluate_seconds"]].sum()
    seconds = totals.div(depths["seeds"].sum(), axis=0)
    train = seconds["train_seconds"]
    return pd.DataFrame(
        {
            "K": seconds.index.map(str),
            "parameters": grouped(summary.set_index("depth")["parameters"][seconds.index]),
            "seconds of training per seed": plain(train, 1),
            "seconds of evaluation per seed": plain(seconds["evaluate_seconds"], 1),
            "peak memory (MB)": plain(depths["peak_memory_mb"].max(), 0),
            "device": depths["device"].agg(lambda names: ", ".join(dict.fromkeys(names))),
            "seconds more per nat gained": plain(_price_of_a_nat(train, compared), 0),
        }
    )


def published(published: Sequence[Published], summary: pd.DataFrame) -> pd.DataFrame:
    """Return published test log-likelihoods as text, a row each, beside the study's at that K."""
    own = dict(zip(summary["depth"], intervals(summary, "nll_", BRACKET), strict=True))
    importance = {
        name: dict(zip(summary["depth"], texts, strict=True))
        for name, texts in by_importance(summary).items()
    }
    nll = [f"{'≤ ' * one.bound}{one.nll:g}" for one in published]
    spread = ["" if one.spread is None else f" ± {one.spread:g}" for one in published]
    return pd.DataFrame(
        {
            "model": [one.label for one in published],
            "K": ["" if one.depth is None else str(one.depth) for one in published],
            "NLL": [f"{mean}{half}" for mean, half in zip(nll, spread, strict=True)],
            "this study [95 %]": [own.get(one.depth, "") for one in published],
            **{
                name: [texts.get(one.depth, "") for one in published]
                for name, texts in importance.items()
            },
            "protocol": [one.protocol for one in published],
            "source": [f"{one.source} ({one.quoted})" for one in published],
        }
    )


def inference_gap(gaps: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the split of the inference gap as text, a row per depth."""
    gaps = gaps.assign(failed=len(study.seeds) - gaps["seeds"])
    columns = {
        "K": gaps["depth"].map(str),
        "seeds": _seeds(gaps),
        "approximation gap [95 %]": intervals(gaps, "approximation_", BRACKET),
        "amortisation gap [95 %]": intervals(gaps, "amortisation_", BRACKET),
        "inference gap [95 %]": intervals(gaps, "inference_", BRACKET),
        "last doubling of steps gained": _gained(gaps),
    }
    return _with_failures(pd.DataFrame(columns), gaps, keep=("K", "seeds"))


def _gained(gaps: pd.DataFrame) -> list[str]:
    pairs = zip(gaps["last_improvement"], gaps["converged"], strict=True)
    words = (f"{gained:z.3f}{'' if converged else ': too few'}" for gained, converged in pairs)
    return [*map(minus, words)]


def _price_of_a_nat(train: pd.Series, compared: pd.DataFrame) -> pd.Series:
    """Return by depth the seconds of training beyond those of K = 0, for each nat gained."""
    shown = compared[(compared["kind"] == VANILLA) & is_shown(compared) & (compared["mean"] < 0)]
    gained = -shown.set_index("depth")["mean"].reindex(train.index)
    price: pd.Series = (train - train.get(0, math.nan)) / gained
    return price


def _step(kind: str, lower: int, depth: int) -> str:
    return f"per doubling, {lower} to {depth}" if kind == TREND else f"{lower} to {depth}"


def _seeds(frame: pd.DataFrame) -> list[str]:
    pairs = zip(frame["seeds"], frame["failed"], strict=True)
    return [f"{done} ({failed} failed)" if failed else str(done) for done, failed in pairs]


def _with_failures(
    frame: pd.DataFrame, summary: pd.DataFrame, keep: tuple[str, ...]
) -> pd.DataFrame:
    estimates = [name for name in frame if name not in keep]
    frame.loc[(summary["seeds"] == 0).to_numpy(), estimates] = "failed"
    return frame
