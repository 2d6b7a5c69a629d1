"""The study's answer in words, made from summary.csv and claiming no more than it shows."""

from __future__ import annotations

import pandas as pd

from flowdepth.statistics import decimals


def answer(summary: pd.DataFrame) -> str:
    """Return one sentence: the depth of lowest mean NLL and its paired difference from K = 0."""
    done = summary[summary["seeds"] > 0]
    if done.empty:
        return "No training finished, so there is no answer."
    best = done.loc[done["nll_mean"].idxmin()]
    return f"{_lead(done, best)}{_comparison(done, best)}."


def remarks(summary: pd.DataFrame) -> list[str]:
    """Return what a reader must know beside the answer, a sentence each."""
    lower = summary.loc[summary["nll_difference_high"] < 0, "depth"].tolist()
    higher = summary.loc[summary["nll_difference_low"] > 0, "depth"].tolist()
    known = int(summary["nll_difference_low"].notna().sum())
    failed = int(summary["failed"].sum())
    total = failed + int(summary["seeds"].sum())
    sentences = {
        f"Below K = 0 by an interval that excludes 0: {_depths(lower)}.": lower,
        f"Above K = 0 by an interval that excludes 0: {_depths(higher)}.": higher,
        f"Each of the {known} intervals stands for its own comparison with K = 0; they are not "
        "corrected for their number, and say nothing of two depths above 0.": known > 1,
        f"{failed} of {total} trainings failed and {'is' if failed == 1 else 'are'} "
        "left out of every mean.": failed,
    }
    return [sentence for sentence, applies in sentences.items() if applies]


def _lead(done: pd.DataFrame, best: pd.Series) -> str:
    name = f"K = {best['depth']:.0f}" + (", the vanilla VAE," if best["depth"] == 0 else "")
    places = decimals((done["nll_high"] - done["nll_low"]) / 2)
    seeds = "one seed" if best["seeds"] == 1 else f"{best['seeds']:.0f} seeds"
    claim = "is the only depth with a result: mean" if len(done) == 1 else "has the lowest mean"
    return f"{name} {claim} test NLL, {best['nll_mean']:.{places}f} nats over {seeds}"


def _comparison(done: pd.DataFrame, best: pd.Series) -> str:
    """Return what follows the lead: the paired difference, or why there is none."""
    compared = done[done["nll_difference_mean"].notna()]
    low, high = compared["nll_difference_low"], compared["nll_difference_high"]
    if compared.empty:
        return _no_comparison(done)
    difference = _difference(compared, best)
    if low.isna().all():
        return "; ".join(["", *difference, "with one seed no interval can be given"])
    if not ((low > 0) | (high < 0)).any():
        shown = [*difference, "no depth's paired 95 % interval excludes 0"]
        return f", with no difference shown at this size: {', and '.join(shown)}"
    return "; ".join(["", *difference])


def _no_comparison(done: pd.DataFrame) -> str:
    missing = "" if (done["depth"] == 0).any() else "; without K = 0 there is nothing to compare"
    single = "; with one seed no interval can be given" if done["seeds"].max() == 1 else ""
    return f"{missing}{single}"


def _difference(compared: pd.DataFrame, best: pd.Series) -> list[str]:
    """Return the clause on the best depth's difference from K = 0; none for K = 0 itself."""
    mean, low, high = (best[f"nll_difference_{part}"] for part in ("mean", "low", "high"))
    if pd.isna(mean):
        return []
    widths = (compared["nll_difference_high"] - compared["nll_difference_low"]) / 2
    digits = f"+z.{decimals(widths)}f"
    interval = "" if pd.isna(low) else f" (95 % interval {low:{digits}} to {high:{digits}})"
    clause = f"its difference from K = 0, paired by seed, is {mean:{digits}} nats{interval}"
    return [clause.replace("-", "−")]


def _depths(depths: list[int]) -> str:
    *others, last = ["", *map(str, depths)]
    listed = ", ".join(filter(None, others))
    return f"K = {listed} and {last}" if listed else f"K = {last}"
