"""Fit planar flows to four energies in the plane -> a figure of densities and a table of KL."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from flowdepth.base.files import write_text
from flowdepth.estimation.energies import NAMES, Fit, divergence, energy, fit, grid, log_normaliser
from flowdepth.report import style
from flowdepth.report.typesetting import markdown
from flowdepth.stages.command import run

DEPTHS = (2, 8, 32)
SAMPLES = 100_000
SEEN = 5.0  # half-width of a panel
PIXELS = 160


def main() -> None:
    """Read the command line, fit, and write figure and table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="folder of figure and table")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    fits = {depth: _best(depth) for depth in DEPTHS}
    table = pd.concat([_rows(depth, best) for depth, best in fits.items()], ignore_index=True)
    write_text(args.output / "energies.csv", table.to_csv(index=False))
    text = markdown(_printed(table))
    write_text(args.output / "energies.md", text)
    print(text)
    with style.visual_language():
        style.save(_figure(fits), args.output, "energies")


def _best(depth: int) -> list[Fit]:
    """Return for each energy the restart of smallest KL, on samples that are not the table's."""
    start = time.perf_counter()
    fitted = fit(depth)
    kl, _ = divergence(fitted, SAMPLES // 10, seed=1)
    print(f"K = {depth}: fitted in {time.perf_counter() - start:.0f} s", flush=True)
    return [fitted.restart(e, int(kl[e].argmin())) for e in range(len(NAMES))]


def _rows(depth: int, best: list[Fit]) -> pd.DataFrame:
    """Return the columns energy, depth, kl, kl_mcse (nats) of one depth."""
    results = [divergence(fitted, SAMPLES, (n,)) for n, fitted in zip(NAMES, best, strict=True)]
    kl, error = (np.array([float(r[i]) for r in results]) for i in (0, 1))
    return pd.DataFrame({"energy": NAMES, "depth": depth, "kl": kl, "kl_mcse": error})


def _printed(table: pd.DataFrame) -> pd.DataFrame:
    cells = [f"{row.kl:.3f} ± {row.kl_mcse:.3f}" for row in table.itertuples()]
    wide = table.assign(cell=cells).pivot(index="energy", columns="depth", values="cell")
    wide.columns = [f"K = {depth}" for depth in wide.columns]
    return wide.reset_index()


def _figure(fits: dict[int, list[Fit]]) -> Figure:
    """Draw a row an energy: its own density, then the flows', on one colour scale a row."""
    columns = 1 + len(fits)
    figure = style.new_figure(height=style.WIDTH * len(NAMES) / columns + 0.2)
    panels = figure.subplots(len(NAMES), columns)
    points = grid(SEEN, PIXELS)
    for row, name in enumerate(NAMES):
        exact = np.exp(-energy(name, points).numpy() - log_normaliser(name))
        densities = [exact, *(_density(best[row], points) for best in fits.values())]
        for axes, density in zip(panels[row], densities, strict=True):
            _panel(axes, density, exact.max())
        panels[row, 0].set_ylabel(f"$U_{row + 1}$", rotation=0, ha="right", va="center")
    for axes, title in zip(panels[0], ["exp(−U) / Z", *(f"K = {k}" for k in fits)], strict=True):
        axes.set_title(title, fontsize=9)
    return figure


def _density(fitted: Fit, points: torch.Tensor) -> NDArray[np.float64]:
    flat = points.view(1, 1, -1, 2)
    return fitted.log_prob(flat).exp().view(PIXELS, PIXELS).numpy()


def _panel(axes: Axes, density: NDArray[np.float64], top: float) -> None:
    axes.imshow(
        density.T,
        origin="lower",
        extent=(-SEEN, SEEN, -SEEN, SEEN),
        cmap="mako",
        vmin=0,
        vmax=top,
        interpolation="bilinear",
        rasterized=True,
    )
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


if __name__ == "__main__":
    run(main)
