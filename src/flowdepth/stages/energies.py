"""Fit planar flows to four energies in the plane -> a figure of densities and a table of KL."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from flowdepth.base.files import write_text
from flowdepth.estimation.energies import NAMES, Fit, divergence, fit
from flowdepth.report import style
from flowdepth.report.figures.energies import energies
from flowdepth.report.typesetting import markdown
from flowdepth.stages.command import run

DEPTHS = (2, 8, 32)
SAMPLES = 100_000


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
        style.save(energies(fits), args.output, "energies")


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


if __name__ == "__main__":
    run(main)
