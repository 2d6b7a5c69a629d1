"""The study's tables and the packs' images, histories and examples -> figures."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from flowdepth.analysis.readers import (
    CONVERGENCE,
    HISTORY,
    METRICS,
    PACK_FILES,
    SUMMARY,
    Examples,
    depth_of,
    read_examples,
    read_images,
    read_rows,
    read_study_table,
    read_table,
)
from flowdepth.estimation.pareto import WARNING_SHARE
from flowdepth.report import style
from flowdepth.report.figures import trust
from flowdepth.report.figures.published_marks import add_key, mark_published
from flowdepth.settings.sections import Published
from flowdepth.settings.study import Study
from flowdepth.stages.command import run
from flowdepth.study.provenance import Job


def nll_by_depth(
    metrics: pd.DataFrame, summary: pd.DataFrame, published: Sequence[Published] = ()
) -> Figure:
    """Draw the test NLL against K, every seed a dot; below it the paired difference from K = 0.

    Intervals of two means may overlap although the paired difference is clear, so that the lower
    panel, where there is something to compare, is the one that answers the question.
    """
    compared = summary["nll_difference_mean"].notna().any()
    figure = style.new_figure(height=1.5 * style.HEIGHT if compared else style.HEIGHT)
    panels = figure.subplots(2 if compared else 1, sharex=True, squeeze=False)[:, 0]
    _levels(panels[0], metrics, summary)
    if compared:
        _means(panels[1], summary, "nll_difference", style.ACCENT)
        _reference(panels[1], 0.0)
        panels[1].set_ylabel("difference from K = 0\n(nats, paired by seed)")
    depths = summary["depth"].tolist()
    style.depth_axis(panels[-1], depths)
    if published and summary["seeds"].any():
        mark_published(panels[0], published, depths)
        add_key(figure, published)
    return figure


def _levels(axes: Axes, metrics: pd.DataFrame, summary: pd.DataFrame) -> None:
    gap = style.closest(style.depth_positions(summary["depth"]))
    _seed_dots(axes, metrics, gap)
    _means(axes, summary, "nll", style.ACCENT)
    _mark_doubtful(axes, summary)
    for vanilla in summary.loc[summary["depth"] == 0, "nll_mean"].dropna():
        _reference(axes, vanilla)
    _mark_failed(axes, summary)
    axes.set_ylabel("test NLL\n(nats, lower is better)")


def elbo_and_nll(metrics: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Draw -ELBO and NLL against K, every seed a dot; between them lies the inference gap."""
    figure = style.new_figure()
    axes = figure.add_subplot()
    style.depth_axis(axes, summary["depth"].tolist())
    done = summary[summary["seeds"] > 0]
    x = style.depth_positions(done["depth"])
    bound, exact = done["neg_elbo_mean"], done["nll_mean"]
    axes.fill_between(x, exact, bound, color=style.CONTRAST, alpha=0.08, lw=0)
    bounds = (("neg_elbo", "−ELBO", style.CONTRAST), ("nll", "NLL", style.ACCENT))
    seeds = metrics.assign(neg_elbo=-metrics["elbo"])
    gap = style.closest(style.depth_positions(summary["depth"]))
    for name, _, colour in bounds:
        _seed_dots(axes, seeds, gap, name, colour)
        _means(axes, summary, name, colour)
    if len(done):
        last = done.iloc[-1]
        style.label_ends(
            axes, {label: (x[-1], last[f"{name}_mean"], colour) for name, label, colour in bounds}
        )
    _mark_failed(axes, summary)
    axes.set_ylabel("test set  (nats, lower is better)")
    return figure


def _seed_dots(
    axes: Axes, metrics: pd.DataFrame, gap: float, name: str = "nll", colour: str = style.ACCENT
) -> None:
    """Draw the seeds right of the mean, each seed at the same place in every depth."""
    done = metrics[metrics["status"] == "done"]
    seeds = sorted(metrics["seed"].unique())
    if len(seeds) == 1:  # the mean already is that seed
        return
    offsets = dict(zip(seeds, np.linspace(0.15, 0.38, len(seeds)) * gap, strict=True))
    x = style.depth_positions(done["depth"]) + done["seed"].map(offsets).to_numpy(dtype=float)
    axes.scatter(x, done[name], s=9, color=colour, alpha=0.45, lw=0, zorder=2)


def _reference(axes: Axes, level: float) -> None:
    """Draw the level of K = 0, the same in every figure: grey and dashed."""
    axes.axhline(level, color=style.GREY, lw=0.9, ls=style.DASHED, zorder=1)
    place = axes.get_yaxis_transform()
    axes.text(1.01, level, "K = 0", transform=place, color=style.GREY, va="center")


def _means(axes: Axes, summary: pd.DataFrame, name: str, colour: str) -> None:
    """Draw the means of a quantity, joined by a thin line, and their intervals where they exist."""
    done = summary[summary[f"{name}_mean"].notna()]
    x = style.depth_positions(done["depth"])
    axes.plot(x, done[f"{name}_mean"], color=colour, lw=0.9, alpha=0.6, zorder=3)
    axes.plot(x, done[f"{name}_mean"], "o", color=colour, ms=5, mec="white", mew=0.8, zorder=5)
    known = done[f"{name}_low"].notna().to_numpy()
    bounds = done.loc[known, [f"{name}_low", f"{name}_high"]].to_numpy(dtype=float)
    axes.vlines(x[known], bounds[:, 0], bounds[:, 1], color=colour, lw=1.8, zorder=4)


def _mark_failed(axes: Axes, summary: pd.DataFrame) -> None:
    if not summary["seeds"].any():
        axes.set_yticks([])  # no number, no scale
    style.mark_failed(axes, summary.loc[summary["seeds"] == 0, "depth"])


def _mark_doubtful(axes: Axes, summary: pd.DataFrame) -> None:
    """Make the means hollow whose importance weights cannot be trusted."""
    rows = summary[summary["k_hat_share_mean"] > WARNING_SHARE]
    x = style.depth_positions(rows["depth"])
    axes.plot(x, rows["nll_mean"], "o", color="white", ms=2.2, mew=0, zorder=6)


def learning_curves(history: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Draw the validation ELBO by epoch: thin lines for seeds, a bold one for a depth's mean."""
    figure = style.new_figure()
    axes = figure.add_subplot()
    colours = style.depth_colours(metrics["depth"])
    history = history[np.isfinite(history["validation"])]
    axes.set_ylim(*_curve_limits(history))
    ends = {}
    for depth, rows in history.groupby("depth"):
        curves = rows.pivot(index="epoch", columns="seed", values="validation")
        axes.plot(curves.index, curves, color=colours[depth], lw=0.5, alpha=0.3)
        mean = _mean_curve(curves, metrics[metrics["depth"] == depth])
        if len(mean):
            axes.plot(mean.index, mean, color=colours[depth], lw=1.6, ls=style.dashes(depth))
            ends[f"K = {depth}"] = (mean.index[-1], mean.iloc[-1], colours[depth])
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if ends:
        style.label_ends(axes, ends)
    axes.set_xlabel("epoch")
    axes.set_ylabel("validation ELBO  (nats, higher is better)")
    return figure


def _mean_curve(curves: pd.DataFrame, metrics: pd.DataFrame) -> pd.Series:
    """Return the mean over finished seeds, up to the last epoch that all of them reached."""
    done = metrics.loc[metrics["status"] == "done", "seed"]
    return curves[[seed for seed in curves if seed in set(done)]].dropna().mean(axis=1).dropna()


def _curve_limits(history: pd.DataFrame) -> tuple[float, float]:
    """Return limits that show the later half well; the first epochs may leave the axis below."""
    if history.empty:
        return -1.0, 0.0
    late = history.loc[history["epoch"] > history["epoch"].max() / 2, "validation"]
    low, high = float(late.quantile(0.05)), float(history["validation"].max())
    room = max(high - low, 1e-3 * abs(high), 1e-6)
    lowest = float(history["validation"].min()) - 0.05 * room
    return max(low - 1.5 * room, lowest), high + 0.1 * room


def reconstructions(examples: dict[int, Examples], metrics: pd.DataFrame) -> Figure:
    """Draw the originals, then a row of reconstructions for each depth's first finished seed."""
    originals = next((shown.originals for shown in examples.values()), None)
    rows = {"original": originals, **_rows_by_depth(examples, metrics, "reconstructions")}
    return _image_rows(rows)


def prior_samples(examples: dict[int, Examples], metrics: pd.DataFrame) -> Figure:
    """Draw samples of each depth's first finished seed, a row a depth."""
    return _image_rows(_rows_by_depth(examples, metrics, "samples"))


def _rows_by_depth(
    examples: dict[int, Examples], metrics: pd.DataFrame, name: str
) -> dict[str, NDArray[np.float32] | None]:
    done = metrics[metrics["status"] == "done"]
    rows: dict[str, NDArray[np.float32] | None] = {}
    for depth in sorted(metrics["depth"].unique()):
        first = done.loc[done["depth"] == depth, "seed"]
        shown = examples.get(depth)
        if len(first) and shown is not None:
            rows[f"K = {depth}"] = getattr(shown, name)[shown.seeds.index(first.iloc[0])]
        else:
            rows[f"K = {depth}  failed"] = None
    return rows


def _image_rows(rows: dict[str, NDArray[np.float32] | None]) -> Figure:
    """Draw labelled rows of images [n, height, width] as one mosaic; a missing row stays empty."""
    n, height, width = next((r.shape for r in rows.values() if r is not None), (10, 1, 1))
    pad = max(1, round(min(height, width) / 10))
    mosaic = np.full((len(rows) * (height + pad) - pad, n * (width + pad) - pad), np.nan)
    for i, row in enumerate(rows.values()):
        for j, image in enumerate(() if row is None else row):
            top, left = i * (height + pad), j * (width + pad)
            mosaic[top : top + height, left : left + width] = image
    axes = style.beside_labels(list(rows), aspect=mosaic.shape[0] / mosaic.shape[1])
    axes.imshow(mosaic, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_yticks(np.arange(len(rows)) * (height + pad) + (height - 1) / 2, list(rows))
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return axes.figure


def first_examples(packs: Sequence[Path], metrics: pd.DataFrame, count: int) -> dict[int, Examples]:
    """Return by depth ``count`` examples of the pack with the depth's first finished seed."""
    done = metrics[metrics["status"] == "done"]
    first = done.groupby("depth")["seed"].min()
    found: dict[int, Examples] = {}
    for pack in packs:
        depth = depth_of(pack)
        if depth in first.index and depth not in found:
            examples = read_examples(pack, count)
            if first[depth] in examples.seeds:
                found[depth] = examples
    return dict(sorted(found.items()))


def of_likelihood(
    study: Study,
    packs: Sequence[Path],
    metrics: pd.DataFrame,
    summary: pd.DataFrame,
    convergence: pd.DataFrame,
) -> Iterator[tuple[str, Figure]]:
    """Yield the figures that a paper shows, too: test log-likelihoods and how far to trust them."""
    yield "nll_by_depth", nll_by_depth(metrics, summary, study.report.published)
    yield "convergence", trust.convergence(convergence)
    images = read_images(packs, metrics)
    yield "weights", trust.weights(images, summary, study.evaluate.samples)
    yield "elbo_and_nll", elbo_and_nll(metrics, summary)


def draw(
    study: Study,
    packs: Sequence[Path],
    metrics: pd.DataFrame,
    summary: pd.DataFrame,
    convergence: pd.DataFrame,
) -> Iterator[tuple[str, Figure]]:
    """Yield every figure of the study with its name."""
    yield from of_likelihood(study, packs, metrics, summary, convergence)
    history = read_rows(packs, "history.csv", HISTORY)
    yield "learning_curves", learning_curves(history, metrics)
    examples = first_examples(packs, metrics, study.report.examples)
    yield "reconstructions", reconstructions(examples, metrics)
    yield "prior_samples", prior_samples(examples, metrics)


def main() -> None:
    """Write the figures as SVG, PDF and PNG."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="the whole study as JSON")
    parser.add_argument("--packs", required=True, type=Path, nargs="+", help="folders of the jobs")
    for name in ("metrics", "summary", "convergence"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    parser.add_argument("--output", required=True, type=Path, help="folder of the figures")
    parser.add_argument("--provenance", required=True, type=Path)
    args = parser.parse_args()
    study = Study.model_validate_json(args.settings)
    packs = [pack / name for pack in args.packs for name in PACK_FILES]
    job = Job("figures", [args.metrics, args.summary, args.convergence, *packs], args.settings)
    metrics = read_study_table(args.metrics, METRICS, study)
    summary = read_study_table(args.summary, SUMMARY, study)
    convergence = read_table(args.convergence, CONVERGENCE)
    written = []
    with style.visual_language():
        for name, figure in draw(study, args.packs, metrics, summary, convergence):
            written += style.save(figure, args.output, name)
            print(f"wrote {args.output / name} as {', '.join(style.FORMATS)}")
    job.write(args.provenance, written)


if __name__ == "__main__":
    run(main)
