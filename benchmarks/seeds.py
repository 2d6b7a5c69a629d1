"""Seeds per pack -> results/seeds.csv: what training together is worth against one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from benchmarks.harness import process
from benchmarks.packs import case, update_rate
from benchmarks.results import command, spread
from benchmarks.work import Sizes
from flowdepth.compute.devices import select

MODELS = {"digits": Sizes(64, (200, 200), 8), "MNIST": Sizes()}
PACKS = (1, 2, 5, 10)
DEPTH = 16
REPETITIONS, UPDATES = 5, 20


def measure(quick: bool) -> Iterator[dict[str, Any]]:
    """Yield a row per repetition, model and size of pack."""
    with process() as worker:
        for repetition in range(1 if quick else REPETITIONS):
            for name in MODELS:
                for seeds in PACKS:
                    rate = worker.submit(_rate, name, seeds, 3 if quick else UPDATES).result()
                    yield {"model": name, "seeds": seeds, "repetition": repetition, "rate": rate}


def _rate(name: str, seeds: int, updates: int) -> float:
    return update_rate(case(MODELS[name]), DEPTH, seeds, updates, select("cpu", threads=1))


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return seed-updates a second, and the speed-up over as many single runs by repetition."""
    single = rows[rows["seeds"] == 1].set_index(["model", "repetition"])["rate"]
    joined = rows.join(single.rename("single"), on=["model", "repetition"])
    joined["gain"] = joined["rate"] / joined["single"]
    columns = {"seed-updates/s": "rate", "speed-up over single runs": "gain"}
    lines = [
        {"model": model, "seeds in a pack": str(seeds)}
        | {title: spread(g[c].median(), g[c].min(), g[c].max()) for title, c in columns.items()}
        for (model, seeds), g in joined.groupby(["model", "seeds"])
    ]
    return pd.DataFrame(lines)


if __name__ == "__main__":
    command("seeds", __doc__, measure, summary)
