"""What importance sampling and annealing cost, and how far off they are -> results/accuracy.csv.

On the same test images of a trained pack, against annealing with many more distributions. A lower
bound is compared with a tighter one, so that an error is at least what is told. The cost is counted
in passes through the decoder, of which a gradient is two.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from torch import Tensor

from benchmarks.results import FOLDER, NAME_HELP, read, tabulate, write
from flowdepth.compute.devices import select
from flowdepth.data import inputs, prepared
from flowdepth.estimation.annealed import Sample, anneal
from flowdepth.estimation.importance import estimate
from flowdepth.estimation.lengths import pilot_distributions
from flowdepth.model import checkpoint
from flowdepth.report import style
from flowdepth.settings.sections import Certify
from flowdepth.stages.pack import sub_sample

SAMPLES = (10, 100, 1000, 10_000, 100_000)
DISTRIBUTIONS = (25, 50, 100, 200, 400)
REFERENCE = 1600
CHAINS, LEAPFROG = 8, 2
COLOURS = {"importance sampling": style.CONTRAST, "annealing": style.ACCENT}
LETTERS = {"importance sampling": "S", "annealing": "T"}


def main() -> None:
    """Read the command line, measure, and write table and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pack", type=Path, nargs="*", help="folders of trained packs")
    parser.add_argument("--images", type=int, default=25, help="test images (default: 25)")
    parser.add_argument("--name", default="accuracy", help=NAME_HELP)
    parser.add_argument("--quick", action="store_true", help="to see it run; numbers mean nothing")
    args = parser.parse_args()
    if args.pack:
        share = 20 if args.quick else 1
        rows = [row for pack in args.pack for row in measure(pack, args.images, share)]
        write(args.name, rows)
    tabulate(args.name, summary)
    with style.visual_language():
        style.save(figure(read(args.name)[0]), FOLDER, args.name)


def measure(pack: Path, count: int, share: int) -> Iterator[dict[str, Any]]:
    """Yield a row per estimator: passes and seconds an image, error in nats and its spread."""
    device = select("auto", 1)
    model, header = checkpoint.load(pack / "model.safetensors", device)
    data = prepared.load(pack.parents[1] / "data" / "images.safetensors").to(device)
    numbers = sub_sample(data, count)
    x = inputs.observed(data, "test", torch.float32)[numbers]
    seeds = header.seeds
    sample = Sample("test", x.expand(len(seeds), -1, -1), numbers)

    def annealed(distributions: int) -> Tensor:
        settings = Certify(distributions=distributions, chains=CHAINS, leapfrog=LEAPFROG)
        return anneal(model, [sample], seeds, settings)[0].log_p

    def by_importance(samples: int) -> Tensor:
        return estimate(model, x, seeds, samples).log_p

    cases = [("importance sampling", by_importance, max(1, size // share)) for size in SAMPLES]
    cases += [("annealing", annealed, max(2, size // share)) for size in DISTRIBUTIONS]
    reference = annealed(max(2, REFERENCE // share)).cpu()
    by_importance(100)  # imports what fits the tails of the weights
    for method, log_p, size in cases:
        start = time.perf_counter()
        error = reference - log_p(size).cpu()
        yield {
            "pack": f"{pack.parents[1].name}, K = {header.depth}",
            "method": method,
            "size": size,
            "passes": size if log_p is by_importance else _passes(size),
            "seconds": (time.perf_counter() - start) / error.numel(),
            "error": error.mean().item(),
            "se": error.mean(0).std().item() / len(numbers) ** 0.5,
            "worst": error.max().item(),
        }


def _passes(distributions: int) -> int:
    """Return the passes an image: the walk that counts and the pilot that tunes it."""
    return 2 * CHAINS * LEAPFROG * (distributions + pilot_distributions(distributions))


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the errors and costs as text."""
    pairs = zip(rows["error"], rows["se"], strict=True)
    return pd.DataFrame(
        {
            "model": rows["pack"],
            "estimator": [
                f"{method}, {LETTERS[method]} = {size}"
                for method, size in rows[["method", "size"]].itertuples(index=False)
            ],
            "passes an image": rows["passes"].map("{:,}".format).str.replace(",", " "),
            "ms an image": (1000 * rows["seconds"]).map("{:.0f}".format),
            "low by ± SE (nats)": [f"{error:.3f} ± {se:.3f}" for error, se in pairs],
            "worst image": rows["worst"].map("{:.2f}".format),
        }
    )


def figure(rows: pd.DataFrame) -> Figure:
    """Draw the errors against passes and against seconds, a panel each."""
    drawn = style.new_figure(1.7 * style.WIDTH, style.HEIGHT)
    panels = drawn.subplots(1, 2, sharey=True)
    labels = {"passes": "passes through the decoder, an image", "seconds": "seconds an image"}
    for axes, (cost, label) in zip(panels, labels.items(), strict=True):
        _panel(axes, rows, cost)
        axes.set(xscale="log", yscale="log", xlabel=label)
        for axis in (axes.xaxis, axes.yaxis):
            # matplotlib's own are mathematics, which text here is not.
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel("log p(x) is low by  (nats)")
    drawn.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=4)
    return drawn


def _panel(axes: Axes, rows: pd.DataFrame, cost: str) -> None:
    packs = [*rows["pack"].unique()]
    for (pack, method), group in rows.groupby(["pack", "method"], sort=False):
        shown = group[group["error"] > 0]
        line = style.DASHED if packs.index(pack) == 0 else "solid"
        name = f"{method}, {pack.rpartition(', ')[2]}"
        axes.errorbar(
            shown[cost],
            shown["error"],
            2 * shown["se"],
            label=name,
            color=COLOURS[method],
            ls=line,
            marker="o",
            ms=4,
            lw=1.3,
            elinewidth=0.8,
        )


if __name__ == "__main__":
    main()
