"""What `snakemake plan` forecasts of five studies beside what they take -> results/forecast.csv.

Each study is planned and then run in a fresh copy, on all cores. What a stage took comes from its
provenance. ``BENCHMARK_DATA`` names the folder with the files of binarised MNIST.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.results import command
from benchmarks.study import copy_of_the_study, recorded, snakemake

_SHORT = "depths=[0, 4]", "seeds=[0, 1]"
STUDIES = {
    "quick": ("--configfile", "studies/quick.yaml"),
    "digits": (),
    "digits, Normal": ("--configfile", "studies/digits_normal.yaml", "--config", *_SHORT),
    "binarised MNIST, 3 epochs": (
        *("--configfile", "studies/binarized_mnist_short.yaml", "--config"),
        f"dataset={{name: binarized_mnist, root: '{os.environ.get('BENCHMARK_DATA', 'data')}'}}",
        "training={epochs: 3}",
        "objective={annealing: {length: 1}}",
        "evaluate={samples: 100}",
        "certify={images: 10, simulated: 5, distributions: 100}",
    ),
    "a folder of PNG": (
        "--config",
        "name=pictures",
        *_SHORT,
        "dataset={name: images, root: pictures}",
        "training={epochs: 60}",
    ),
}


def measure(quick: bool) -> Iterator[dict[str, Any]]:
    """Yield a row a stage of each study, and one of the whole."""
    for name, words in STUDIES.items():
        if not quick or name == "quick":
            with tempfile.TemporaryDirectory() as folder:
                yield from ({"study": name, **row} for row in _study(Path(folder), words))


def _study(folder: Path, words: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    copy_of_the_study(folder)
    _pictures(folder / "pictures")
    forecast = _forecast(folder, words)
    taken = Counter({"whole study": snakemake(folder, *words)})
    for stage, seconds in recorded(folder, "**"):
        taken[stage] += seconds
    for stage, seconds in forecast.items():
        yield {"stage": stage, "forecast": seconds, "took": taken[stage]}


def _forecast(folder: Path, words: tuple[str, ...]) -> dict[str, float]:
    """Return the seconds that the plan names by stage, and for the whole study."""
    line = [sys.executable, "-m", "snakemake", "plan", "--quiet", *words]
    told = subprocess.run(line, cwd=folder, check=True, capture_output=True, text=True).stdout
    time = r"((?:\d+ (?:h|min|s) ?)+)"
    whole = re.findall(rf"^about {time}", told, re.MULTILINE)
    stages = re.findall(rf"^(\w+) +\d+ +{time} +[\d.]+ GB", told, re.MULTILINE)
    rows = [*(("whole study", words) for words in whole), *stages]
    return {name: _seconds(words) for name, words in rows}


def _seconds(words: str) -> float:
    unit = {"h": 3600, "min": 60, "s": 1}
    return sum(int(n) * unit[name] for n, name in re.findall(r"(\d+) (h|min|s)", words))


def _pictures(folder: Path) -> None:
    """Write 600 pictures of 20 x 20 pixels: blots of ten shapes."""
    noise = np.random.default_rng(0)
    places = np.linspace(-1, 1, 20)
    for number in range(600):
        x, y = noise.uniform(-0.5, 0.5, 2)
        blot = np.hypot(places - x, (places[:, None] - y) * (1 + number % 10 / 5)) < 0.4
        path = folder / f"{number % 10}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * blot).astype(np.uint8)).save(path)


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return seconds and their ratio, of each study and of its stages on packs."""
    return pd.DataFrame(
        {
            "study": rows["study"],
            "": rows["stage"],
            "forecast, s": rows["forecast"].map("{:.0f}".format),
            "took, s": rows["took"].map("{:.0f}".format),
            "ratio": (rows["forecast"] / rows["took"]).map("{:.2f}".format),
        }
    )


if __name__ == "__main__":
    command("forecast", __doc__, measure, summary)
