"""results/<name>.csv of the peers -> table and figure, without measuring again."""

from __future__ import annotations

import argparse

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.results import FOLDER, NAME_HELP, footer, read, spread
from benchmarks.work import Sizes, sampling_flops, training_flops
from flowdepth.base.files import write_text
from flowdepth.report import style
from flowdepth.report.typesetting import markdown

WORKS = {"train": "training", "sample": "importance sampling"}
UNITS = {"train": "images/s", "sample": "image-samples/s"}
FLOWS = {True: "amortised", False: "shared"}
_MARKERS = {"plain torch": "s", "pyro": "^", "pythae": "v", "normflows": "D"}


def main() -> None:
    """Read the command line and write ``<name>.md`` and the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="peers", help=NAME_HELP)
    parser.add_argument("--samples", type=int, default=1000, help="importance samples an image")
    args = parser.parse_args()
    rows, facts = read(args.name)
    rates = _summary(rows, args.samples)
    text = "\n".join([*_tables(rates), _growth(rates), _products(rows), footer(facts)])
    write_text(FOLDER / f"{args.name}.md", text)
    with style.visual_language():
        style.save(figure(rates), FOLDER, args.name)
    print(text)


def _summary(rows: pd.DataFrame, samples: int) -> pd.DataFrame:
    """Return a row per contender, flow, depth and work: median, extremes, share of the limit."""
    products = rows[rows["work"] == "sgemm"].groupby("contender")["rate"].median()
    measured = rows[rows["work"] != "sgemm"].astype({"amortised": bool, "depth": int})
    keys = ["work", "amortised", "contender", "depth"]
    measured["contender"] = measured["contender"].str.replace("_", " ")
    rates = measured.groupby(keys)["rate"].agg(["median", "min", "max"]).reset_index()
    flops = [_flops(row.work, row.depth, row.amortised, samples) for row in rates.itertuples()]
    limit = products.max() / pd.Series(flops)
    return rates.assign(limit=limit, share=rates["median"] / limit)


def _flops(work: str, depth: int, amortised: bool, samples: int) -> float:
    if work == "train":
        return training_flops(Sizes(), depth, amortised)
    return sampling_flops(Sizes(), depth, amortised, samples)


def _tables(rates: pd.DataFrame) -> list[str]:
    rates = rates.assign(
        flow=rates["amortised"].map(FLOWS),
        rate=[spread(*row) for row in rates[["median", "min", "max"]].itertuples(index=False)],
        share_text=[f"{share:.0%}" for share in rates["share"]],
    )
    texts = []
    for work, title in WORKS.items():
        chosen = rates[rates["work"] == work]
        texts += [f"### {title}, {UNITS[work]}: median (least–most)\n\n{_by_depth(chosen, 'rate')}"]
        texts += [f"Share of the products' rate:\n\n{_by_depth(chosen, 'share_text')}"]
    return texts


def _growth(rates: pd.DataFrame) -> str:
    """Return flowdepth's time for the same work, as a multiple of that at the least depth."""
    ours = rates[rates["contender"] == "flowdepth"].copy()
    base = ours.groupby(["work", "amortised"])["median"].transform("first")
    ours["times"] = (base / ours["median"]).map("{:.2f}".format)
    ours["flow"] = ours["amortised"].map(FLOWS)
    ours["contender"] = ours["work"].map(WORKS)
    return f"### flowdepth's cost against K, as a multiple\n\n{_by_depth(ours, 'times')}"


def _by_depth(rates: pd.DataFrame, values: str) -> str:
    table = rates.pivot(index=["flow", "contender"], columns="depth", values=values).fillna("")
    return markdown(table.rename(columns=lambda depth: f"K = {depth}").reset_index())


def _products(rows: pd.DataFrame) -> str:
    products = rows[rows["work"] == "sgemm"].groupby("contender", sort=False)["rate"]
    lines = [
        f"- {name}: {spread(group.median() / 1e9, group.min() / 1e9, group.max() / 1e9)}"
        for name, group in products
    ]
    return "### float32 products on one thread, GFLOP/s\n\n" + "\n".join(lines) + "\n"


def figure(rates: pd.DataFrame) -> Figure:
    """Draw rates against depth: a column a kind of work, a row a kind of flow."""
    drawn = style.new_figure(2 * style.WIDTH, 2 * style.HEIGHT)
    panels = drawn.subplots(len(FLOWS), len(WORKS), squeeze=False)
    for line, (amortised, flow) in zip(panels, FLOWS.items(), strict=True):
        for axes, (work, title) in zip(line, WORKS.items(), strict=True):
            chosen = rates[(rates["work"] == work) & (rates["amortised"] == amortised)]
            _panel(axes, chosen)
            axes.set_title(f"{title}, {flow} flow", loc="left", fontsize=9)
            axes.set_ylabel(f"thousand {UNITS[work]}")
    return drawn


def _panel(axes: Axes, rates: pd.DataFrame) -> None:
    depths = sorted(rates["depth"].unique())
    style.depth_axis(axes, depths)
    ends = {}
    for name, group in rates.groupby("contender"):
        colour = style.ACCENT if name == "flowdepth" else style.GREY
        ends[name] = _line(axes, name, group.sort_values("depth"), colour)
    limit = rates.groupby("depth")["limit"].first() / 1e3
    x = style.depth_positions(limit.index)
    axes.plot(x, limit, color=style.CONTRAST, ls=":", lw=1.2)
    ends["the products alone"] = (x[-1], limit.iloc[-1], style.CONTRAST)
    axes.set_ylim(0, 1.05 * max(limit.max(), rates["max"].max() / 1e3))
    style.label_ends(axes, ends)


def _line(axes: Axes, name: str, group: pd.DataFrame, colour: str) -> tuple[float, float, object]:
    x, y = style.depth_positions(group["depth"]), group["median"] / 1e3
    extremes = [y - group["min"] / 1e3, group["max"] / 1e3 - y]
    marker = _MARKERS.get(name, "o")
    axes.errorbar(x, y, extremes, color=colour, marker=marker, ms=4, lw=1.3, elinewidth=0.8)
    return x[-1], y.iloc[-1], colour


if __name__ == "__main__":
    main()
