"""The study's answer in words, made from its tables and claiming no more than they show."""

from __future__ import annotations

import math
from itertools import permutations

import pandas as pd

from flowdepth.analysis.comparisons import NEIGHBOUR, TREND, VANILLA
from flowdepth.analysis.statistics import Interval, decimals, paired_difference
from flowdepth.estimation.thresholds import K_HAT_LIMIT, WARNING_SHARE
from flowdepth.report.typesetting import compared_p, plain, signed

# A difference is shown where the p-value, after Holm's correction, is below it.
LEVEL = 0.05
# Bounds of log p(x) further apart than this, in nats, are no certificate.
LOOSE = 0.1
_INTERVAL = "95 % interval"
_CANNOT_TELL = (
    "This study cannot rank its depths: at {} importance sampling is too low, by amounts that it "
    "cannot tell and that differ between depths; with certify.images above 0 they are measured, by "
    "annealing."
)


def answer(summary: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """Return one sentence: the depth of lowest mean NLL and its paired difference from K = 0."""
    done = summary[summary["seeds"] > 0]
    if done.empty:
        return "No training finished, so there is no answer."
    if cannot_tell(summary):
        return _CANNOT_TELL.format(_list([f"K = {depth}" for depth in doubtful(summary)]))
    best = done[done["depth"] == best_depth(summary)].iloc[0]
    vanilla, places = _made(comparisons, VANILLA), _places(comparisons)
    return f"{_loses(done, best)}{_lead(done, best)}{_comparison(done, best, vanilla, places)}."


def headline(summary: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """Return which depths are better than none, in words; nothing where that cannot be told."""
    rows = _made(comparisons, VANILLA)
    if cannot_tell(summary) or rows["p_holm"].isna().all():
        return ""
    shown = is_shown(rows)
    better, worse = (
        rows.loc[shown & side, "depth"] for side in (rows["mean"] < 0, rows["mean"] > 0)
    )
    if better.empty:
        lead = "No depth is shown to give unseen images a higher likelihood than no flow (K = 0)"
    else:
        gives = "gives" if len(better) == 1 else "give"
        lead = (
            f"{named_depths(better)} {gives} unseen images a higher likelihood than no flow (K = 0)"
        )
        if (others := rows.loc[~shown, "depth"]).size:
            lead += f"; of {named_depths(others)} that is not shown"
    return lead + (f"; {named_depths(worse)} a lower one." if len(worse) else ".")


def findings(summary: pd.DataFrame, comparisons: pd.DataFrame) -> list[str]:
    """Return how far the gain reaches, a sentence each: between depths, and beside the whole."""
    if cannot_tell(summary):
        return []
    return [
        *_part_of_the_gap(summary, comparisons),
        *_estimators_share(summary, comparisons),
        *_steps(_made(comparisons, NEIGHBOUR)),
        *_slope(_made(comparisons, TREND), _places(comparisons)),
    ]


def remarks(summary: pd.DataFrame, comparisons: pd.DataFrame) -> list[str]:
    """Return what a reader must know beside the answer and `findings`, a sentence each."""
    if cannot_tell(summary):
        return _failures(summary)
    found = []
    if comparisons["p"].notna().any():
        found.append(
            "A difference is shown where the p-value of the paired t-test over seeds is below "
            f"{LEVEL}, after Holm's correction for the number of comparisons of its kind; the "
            "intervals are not corrected."
        )
    found += _too_few_annealed(_made(comparisons, VANILLA), summary)
    if summary["seeds"].max() == 1:
        found.append(
            "With one seed there is no interval and no p-value: how much chance in training "
            "changes a result shows only between seeds."
        )
    return found + _failures(summary)


def best_depth(summary: pd.DataFrame) -> int | None:
    """Return the depth of lowest mean NLL; None where no training finished."""
    done = summary[summary["seeds"] > 0]
    return None if done.empty else int(done.iloc[int(done["nll_mean"].argmin())]["depth"])


def is_certified(summary: pd.DataFrame) -> bool:
    """Return whether the bias of importance sampling is known, and taken out of every NLL."""
    return bool(summary["nll_correction_se"].notna().any())


def loose(certificate: pd.DataFrame) -> str:
    """Return at which depths the certificate itself says little, or nothing."""
    wide = certificate.loc[certificate["sandwich_mean"] > LOOSE, ["depth", "sandwich_mean"]]
    if wide.empty:
        return ""
    widths = [f"K = {depth:.0f} ({width:.2f})" for depth, width in wide.itertuples(index=False)]
    return (
        f"The certificate itself is loose: the bounds of log p(x) are more than {LOOSE} nats apart "
        f"at {_list(widths)}. Raise certify.distributions."
    )


def doubtful(summary: pd.DataFrame) -> list[int]:
    """Return the depths whose importance weights cannot be trusted."""
    return [*map(int, summary.loc[summary["k_hat_share_mean"] > WARNING_SHARE, "depth"])]


def cannot_tell(summary: pd.DataFrame) -> bool:
    """Return whether the estimator cannot rank the depths of this study."""
    return bool(doubtful(summary)) and not is_certified(summary)


def warning(summary: pd.DataFrame) -> str:
    """Return what is wrong with the estimates of which depths, or nothing.

    Where the bias is known and taken out, nothing is.
    """
    if not cannot_tell(summary):
        return ""
    rows = summary[summary["depth"].isin(doubtful(summary))]
    shares = [
        f"K = {depth} ({100 * share:.1f} %)"
        for depth, share in zip(rows["depth"], rows["k_hat_share_mean"], strict=True)
    ]
    return (
        f"More than {100 * WARNING_SHARE:.0f} % of the test images have importance weights whose "
        f"Pareto shape is above {K_HAT_LIMIT} at {_list(shares)}. For such images a few weights "
        "decide the estimate, its Monte-Carlo error cannot be trusted, and the NLL given, marked "
        "†, is likely too high, by amounts that differ between depths. Set certify.images to "
        "measure them."
    )


def estimators_share(summary: pd.DataFrame, comparisons: pd.DataFrame) -> list[str]:
    """Return the best depth's gain in nats over K = 0, and how much of it is the estimator's.

    As text: the gain by importance sampling, the corrected one, and the share with the ends of its
    interval, which are empty for one seed; nothing where it is not known.
    """
    rows = _best_against_vanilla(summary, comparisons)
    if rows.empty or not is_certified(summary):
        return []
    row, shift = rows.iloc[0], rows.iloc[0][["shift_mean", "shift_high", "shift_low"]]
    gains = -pd.Series([row["mean"] + row["shift_mean"], row["mean"], *shift])
    return signed(gains, _places(comparisons))


def _estimators_share(summary: pd.DataFrame, comparisons: pd.DataFrame) -> list[str]:
    """Return the sentence on the estimator's share."""
    found = estimators_share(summary, comparisons)
    if not found:
        return []
    by_importance, corrected, *share = found
    return [
        f"By importance sampling K = {best_depth(summary)} gains {by_importance} nats over K = 0, "
        f"corrected {corrected}: the estimator's share of the gain is {_as_interval(*share)}."
    ]


def _part_of_the_gap(summary: pd.DataFrame, comparisons: pd.DataFrame) -> list[str]:
    """Return how large the best depth's gain is beside what its bound lacks without a flow."""
    rows = _best_against_vanilla(summary, comparisons)
    if not is_shown(rows).any() or rows.iloc[0]["mean"] >= 0:
        return []
    vanilla = summary[summary["depth"] == 0].iloc[0]
    lacking, gain = vanilla["neg_elbo_mean"] - vanilla["nll_mean"], -rows.iloc[0]["mean"]
    places = _places(comparisons)
    return [
        f"The gain, {gain:.{places}f} nats an image, is {100 * gain / lacking:.0f} % of the "
        f"{lacking:.{places}f} nats by which the ELBO of K = 0 falls short of the log-likelihood."
    ]


def _best_against_vanilla(summary: pd.DataFrame, comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return the comparison of the best depth with K = 0; no row where there is none."""
    rows = _made(comparisons, VANILLA)
    return rows[rows["depth"] == best_depth(summary)]


def _too_few_annealed(vanilla: pd.DataFrame, summary: pd.DataFrame) -> list[str]:
    """Return how many annealed images would settle what so few cannot, and seeds could."""
    told_by_seeds = (vanilla["low"] > 0) | (vanilla["high"] < 0)
    drowned = vanilla[told_by_seeds & (2 * vanilla["correction_se"] > vanilla["mean"].abs())]
    if drowned.empty:
        return []
    row = drowned.iloc[int(drowned["mean"].abs().argmax())]
    return [
        "The error of the correction, which rests on a sub-sample of the test images, drowns the "
        f"difference from K = 0 at {_list([f'K = {depth}' for depth in drowned['depth']])}; "
        f"certify.images times {math.ceil((2 * row['correction_se'] / row['mean']) ** 2)} would "
        f"settle that of K = {row['depth']}."
    ]


def may_be_best(metrics: pd.DataFrame, summary: pd.DataFrame) -> list[int]:
    """Return the depths among which the best is, with 95 % confidence; none where that is all.

    A depth is left out where its NLL is shown to be higher than another's: the p-value of the
    t-test paired by seed, times the number of other depths, is below `LEVEL`. The best depth itself
    is compared with that many, so that the chance of losing it stays below `LEVEL` although nobody
    knows which it is (the confidence set of multiple comparisons with the best, Hsu 1984). Nor is
    one left out by less than twice the error of the correction, or where `cannot_tell`.
    """
    if cannot_tell(summary):
        return []
    corrections = summary.set_index("depth")["nll_correction_se"].fillna(0).to_dict()
    nll = metrics.pivot(index="seed", columns="depth", values="nll").dropna(axis=1, how="all")
    depths = [*map(int, nll.columns)]
    others = len(depths) - 1
    beaten = {
        depth
        for depth, other in permutations(depths, 2)
        if (found := _paired(nll, depth, other)).p * others < LEVEL
        and found.mean > 2 * math.hypot(corrections[depth], corrections[other])
    }
    return [depth for depth in depths if depth not in beaten] if beaten else []


def excluded(metrics: pd.DataFrame, summary: pd.DataFrame) -> list[int]:
    """Return the depths that are shown not to be the best, those `may_be_best` leaves out."""
    best = may_be_best(metrics, summary)
    return [
        depth for depth in summary.loc[summary["seeds"] > 0, "depth"] if best and depth not in best
    ]


def is_shown(comparisons: pd.DataFrame) -> pd.Series:
    """Return which differences are shown: beyond chance in training and in the correction."""
    drowned = 2 * comparisons["correction_se"] > comparisons["mean"].abs()
    return (comparisons["p_holm"] < LEVEL) & ~drowned


def _paired(nll: pd.DataFrame, depth: int, other: int) -> Interval:
    return paired_difference(nll[depth].dropna().to_dict(), nll[other].dropna().to_dict())


def _made(comparisons: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the comparisons of a kind that have a seed to rest on."""
    return comparisons[(comparisons["kind"] == kind) & (comparisons["seeds"] > 0)]


def _places(comparisons: pd.DataFrame) -> int:
    """Return the decimals of differences, those of the table of comparisons."""
    return decimals((comparisons["high"] - comparisons["low"]) / 2)


def nll_places(summary: pd.DataFrame) -> int:
    """Return the decimals of an NLL, those of the main table."""
    return decimals((summary["nll_high"] - summary["nll_low"]) / 2)


def _loses(done: pd.DataFrame, best: pd.Series) -> str:
    """Return that no depth is better than the baseline, where that is so."""
    if not best["baseline_nll"] <= best["nll_mean"]:
        return ""
    (baseline,) = plain([best["baseline_nll"]], nll_places(done))
    return (
        f"No depth beats its baseline, {best['baseline']}, whose test NLL is "
        f"{baseline} nats: this study says nothing of flows before its "
        "networks are trained better. "
    )


def _lead(done: pd.DataFrame, best: pd.Series) -> str:
    name = f"K = {best['depth']:.0f}" + (", the vanilla VAE," if best["depth"] == 0 else "")
    (nll,) = plain([best["nll_mean"]], nll_places(done))
    seeds = "one seed" if best["seeds"] == 1 else f"{best['seeds']:.0f} seeds"
    claim = "is the only depth with a result: mean" if len(done) == 1 else "has the lowest mean"
    return f"{name} {claim} test NLL, {nll} nats over {seeds}"


def _comparison(done: pd.DataFrame, best: pd.Series, vanilla: pd.DataFrame, places: int) -> str:
    """Return what follows the lead: the paired difference, or why there is none."""
    if vanilla.empty:
        return _no_comparison(done)
    difference = _difference(vanilla, best["depth"], places)
    tests = int(vanilla["p_holm"].notna().sum())
    if not tests:
        return "; ".join(["", *difference, "with one seed no interval can be given"])
    if not is_shown(vanilla).any():
        none = f"no depth's p-value, corrected for {_count(tests)}, is below {LEVEL}"
        return f", with no difference shown at this size: {', and '.join([*difference, none])}"
    return "; ".join(["", *difference])


def _no_comparison(done: pd.DataFrame) -> str:
    missing = "" if (done["depth"] == 0).any() else "; without K = 0 there is nothing to compare"
    single = "; with one seed no interval can be given" if done["seeds"].max() == 1 else ""
    return f"{missing}{single}"


def _difference(vanilla: pd.DataFrame, depth: int, places: int) -> list[str]:
    """Return the clause on the depth's difference from K = 0; none for K = 0 itself."""
    rows = vanilla[vanilla["depth"] == depth]
    if rows.empty:
        return []
    row = rows.iloc[0]
    test = _p("; ", row["p_holm"], f", corrected for {_count(vanilla['p'].notna().sum())}")
    change = _with_interval(row, places, test)
    return [f"its difference from K = 0, paired by seed, is {change}"]


def _with_interval(row: pd.Series, places: int, more: str = "") -> str:
    mean, low, high = signed(row[["mean", "low", "high"]], places)
    return _as_interval(mean, low, high, more)


def _as_interval(mean: str, low: str, high: str, more: str = "") -> str:
    return f"{mean} nats" + (f" ({_INTERVAL} {low} to {high}{more})" if low else "")


def _p(before: str, p: float, after: str = "") -> str:
    text = compared_p(p)
    return f"{before}p {text}{after}" if text else ""


def _count(tests: int) -> str:
    return "1 comparison" if tests == 1 else f"{tests} comparisons"


def _steps(rows: pd.DataFrame) -> list[str]:
    """Return the sentence on neighbouring depths, where it says more than the one above."""
    if len(rows) < 2 or rows["p_holm"].isna().all():
        return []
    changed = rows.loc[is_shown(rows), ["reference", "depth", "mean"]]
    shown = [
        f"from {lower} to {depth} ({'lower' if mean < 0 else 'higher'})"
        for lower, depth, mean in changed.itertuples(index=False)
    ]
    if not shown:
        return ["No step between neighbouring depths is shown to change the NLL."]
    return [f"Steps between neighbouring depths shown to change the NLL: {_list(shown)}."]


def _slope(rows: pd.DataFrame, places: int) -> list[str]:
    return [
        f"On average each doubling of K from {row['reference']} to {row['depth']} changes the NLL "
        f"by {_with_interval(row, places)}."
        for _, row in rows.iterrows()
    ]


def _failures(summary: pd.DataFrame) -> list[str]:
    failed = int(summary["failed"].sum())
    total = failed + int(summary["seeds"].sum())
    verb = "is" if failed == 1 else "are"
    text = f"{failed} of {total} trainings failed and {verb} left out of every mean."
    return [text] if failed else []


def named_depths(depths: pd.Series) -> str:
    """Return depths in words, such as ``K = 2, 4 and 8``."""
    return f"K = {_list(depths.map(str).tolist())}"


def _list(words: list[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
