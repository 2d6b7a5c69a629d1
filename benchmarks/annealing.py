"""Annealing beside the machine's limit -> results/annealing.csv: gradients of log w in a second."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from benchmarks.clock import seconds
from benchmarks.contenders.flowdepth import FlowDepth
from benchmarks.harness import SIZES, process, sgemm_rate
from benchmarks.peers import PRODUCTS
from benchmarks.results import command, spread
from benchmarks.work import annealing_flops, images
from flowdepth.estimation.annealed import Sample, anneal
from flowdepth.estimation.lengths import pilot_distributions
from flowdepth.settings.sections import Certify

DEPTHS = (0, 16, 32)
REPETITIONS, IMAGES = 5, 16
SETTINGS = Certify(distributions=40, chains=16, leapfrog=2)


def measure(quick: bool) -> Iterator[dict[str, Any]]:
    """Yield a row per repetition and depth, and one of each product."""
    count = 2 if quick else IMAGES
    with process() as worker:
        for repetition in range(1 if quick else REPETITIONS):
            for shape in PRODUCTS:
                rate = worker.submit(sgemm_rate, *shape).result()
                yield {"work": "sgemm", "repetition": repetition, "rate": rate}
            for depth in DEPTHS:
                rate = worker.submit(_rate, depth, count).result()
                yield {"work": "anneal", "depth": depth, "repetition": repetition, "rate": rate}


def _rate(depth: int, count: int) -> float:
    """Return gradients of log w in a second; noise, acceptance and the encoder are in the time."""
    contender = FlowDepth(SIZES, depth, amortised=True)
    contender.prepare_process()
    x = images(count, SIZES).unsqueeze(0)
    sample = Sample("test", x, range(count))

    def run(distributions: int) -> None:
        settings = SETTINGS.model_copy(update={"distributions": distributions})
        anneal(contender.model, [sample], (0,), settings)

    run(2)
    walks = (SETTINGS.distributions, pilot_distributions(SETTINGS.distributions))
    gradients = sum(1 + SETTINGS.leapfrog * (walk - 1) for walk in walks)
    return count * SETTINGS.chains * gradients / seconds(lambda: run(SETTINGS.distributions))


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return gradients in a second, and their products as a share of the fastest product's rate."""
    limit = rows[rows["work"] == "sgemm"].groupby("repetition")["rate"].max()
    lines = []
    for depth, group in rows[rows["work"] == "anneal"].groupby("depth"):
        flops = annealing_flops(SIZES, int(depth))
        shares = flops * group["rate"] / group["repetition"].map(limit)
        columns = {"gradients/s": group["rate"], "share of the products' rate": shares}
        lines.append(
            {"K": f"{depth:.0f}"}
            | {name: spread(v.median(), v.min(), v.max()) for name, v in columns.items()}
        )
    return pd.DataFrame(lines)


if __name__ == "__main__":
    command("annealing", __doc__, measure, summary)
