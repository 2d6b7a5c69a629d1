"""Kinds of flow side by side -> results/kinds.csv: training a pack, and importance sampling."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pandas as pd
import torch

from benchmarks.harness import process
from benchmarks.packs import Case, case, update_rate
from benchmarks.results import command, spread
from benchmarks.work import Sizes, images
from flowdepth.compute.devices import select
from flowdepth.estimation.importance import estimate
from flowdepth.model.replicas import build
from flowdepth.settings.sections import Flow

FLOWS = {
    **{kind: Flow(kind=kind) for kind in ("planar", "radial", "householder")},
    **{f"sylvester, M = {width}": Flow(kind="sylvester", width=width) for width in (1, 4, 16)},
}
DEPTH, SEEDS, SAMPLES = 16, 5, 1000
REPETITIONS, UPDATES, IMAGES = 7, 10, 10


def measure(quick: bool) -> Iterator[dict[str, Any]]:
    """Yield a row per repetition and flow."""
    with process() as worker:
        for repetition in range(1 if quick else REPETITIONS):
            for name, flow in FLOWS.items():
                rates = worker.submit(_rates, flow, 2 if quick else UPDATES).result()
                yield {"flow": name, "repetition": repetition, **rates}


def _rates(flow: Flow, updates: int) -> dict[str, float]:
    device, work = select("cpu", threads=1), case(Sizes())._replace(flow=flow)
    return {
        "updates": update_rate(work, DEPTH, SEEDS, updates, device),
        "samples": _sampling_rate(work),
    }


@torch.no_grad()
def _sampling_rate(work: Case) -> float:
    """Return the samples of images in a second."""
    model, x = build(work.model, work.flow, DEPTH, work.pixels, (0,)), images(IMAGES, Sizes())
    estimate(model, x[:1], (0,), SAMPLES)
    start = time.perf_counter()
    estimate(model, x, (0,), SAMPLES)
    return IMAGES * SAMPLES / (time.perf_counter() - start)


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return both rates, and their ratios to planar layers' of the same repetition."""
    planar = rows[rows["flow"] == "planar"].set_index("repetition")
    for rate in ("updates", "samples"):
        rows[f"{rate}_ratio"] = rows[rate] / rows["repetition"].map(planar[rate])
    columns = {
        "seed-updates/s": "updates",
        "over planar's": "updates_ratio",
        "image-samples/s": "samples",
        "over planar's ": "samples_ratio",
    }
    return pd.DataFrame(
        {"flow": name}
        | {title: spread(g[c].median(), g[c].min(), g[c].max()) for title, c in columns.items()}
        for name, g in rows.groupby("flow", sort=False)
    )


if __name__ == "__main__":
    command("kinds", __doc__, measure, summary)
