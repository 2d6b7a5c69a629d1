from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flowdepth.cluster.demand import demand
from flowdepth.settings.study import Study

SHORT_MNIST = {
    "dataset": {"name": "binarized_mnist"},
    "model": {"hidden": [300, 300], "latent": 40},
    "training": {"epochs": 2, "validation_samples": 1},
    "evaluate": {"samples": 100},
}
CONVOLUTIONS = {
    "dataset": {"name": "binarized_mnist"},
    "model": {"network": "gated_conv", "latent": 64},
    "training": {"batch_size": 100, "epochs": None, "updates": 20, "validation_samples": 1},
    "evaluate": {"samples": 1},
}
TRAINED = {"training": {"epochs": 150, "patience": None}}
WIDE = {"flow": {"kind": "sylvester", "width": 4}}
# Stage, study, K, seeds, then its peak memory [MB] and seconds on one thread of a shared machine.
MEASURED = [
    ("train", TRAINED, 0, 5, 418, 9.1),
    ("train", TRAINED, 32, 5, 439, 29.3),
    ("evaluate", {}, 0, 5, 478, 11.5),
    ("evaluate", {}, 32, 5, 493, 14.8),
    ("certify", {}, 0, 5, 484, 14.0),
    ("certify", {}, 32, 5, 488, 17.7),
    ("gaps", {}, 0, 5, 434, 15.0),
    ("gaps", {}, 32, 5, 441, 46.8),
    ("train", {**WIDE, "training": {"epochs": 254, "patience": None}}, 32, 5, 525, 345.6),
    ("evaluate", WIDE, 32, 5, 509, 33.8),
    ("certify", WIDE, 32, 5, 509, 24.2),
    ("gaps", WIDE, 32, 5, 527, 110.6),
    ("train", SHORT_MNIST, 0, 2, 524, 26.4),
    ("train", SHORT_MNIST, 16, 2, 549, 26.2),
    ("evaluate", SHORT_MNIST, 0, 2, 553, 38.9),
    ("train", CONVOLUTIONS, 4, 2, 2122, 86.9),
    ("evaluate", CONVOLUTIONS, 4, 2, 3090, 72.7),
]


def study(**settings: object) -> Study:
    return Study(name="test", depths=[0], seeds=[0], **settings)


@pytest.mark.parametrize(("stage", "settings", "depth", "seeds", "mb", "seconds"), MEASURED)
def test_demand_exceeds_a_measured_run_by_a_bounded_factor(
    stage: str, settings: dict[str, object], depth: int, seeds: int, mb: float, seconds: float
) -> None:
    asked = demand(stage, study(**settings), depth, seeds)
    assert 3 * seconds < 60 * asked.runtime < 3 * (120 + 12 * seconds)
    assert 2 * mb < asked.mem_mb < 20 * mb


LONG = {"epochs": 10_000}
GROWTH = {
    "epochs": ("train", {"training": {"epochs": 100_000}}, {"training": LONG}),
    "updates": (
        "train",
        {"training": {"epochs": None, "updates": 10**6}},
        {"training": {"epochs": None, "updates": 10**5}},
    ),
    "training samples": ("train", {"objective": {"samples": 50}}, {}),
    "units": ("train", {"model": {"hidden": [2000, 2000]}}, {}),
    "width of layers": (
        "train",
        {"flow": {"kind": "sylvester", "width": 8}, "training": LONG},
        {"flow": {"kind": "sylvester", "width": 1}, "training": LONG},
    ),
    "importance samples": ("evaluate", {"evaluate": {"samples": 10**6}}, {}),
    "annealed images": ("certify", {"certify": {"images": 100_000}}, {}),
    "distributions": ("certify", {"certify": {"distributions": 10**5}}, {}),
    "optimised images": ("gaps", {"gaps": {"images": 10_000}}, {}),
}


@pytest.mark.parametrize(("stage", "larger", "smaller"), GROWTH.values(), ids=GROWTH)
def test_larger_study_asks_for_more_time(
    stage: str, larger: dict[str, object], smaller: dict[str, object]
) -> None:
    times = [demand(stage, study(**settings), 4, 5).runtime for settings in (smaller, larger)]
    assert times[1] > 2 * times[0]


@pytest.mark.parametrize("stage", ["train", "evaluate", "certify", "exact", "gaps"])
def test_depth_asks_for_more_memory_and_seeds_for_more_time_too(stage: str) -> None:
    large = study(
        training=LONG, evaluate={"samples": 10**6}, gaps={"steps": 10**5}, certify={"images": 10**4}
    )
    one, deep, many = (demand(stage, large, *cell) for cell in ((0, 1), (512, 1), (0, 100)))
    assert many.runtime > one.runtime
    assert min(deep.mem_mb, many.mem_mb) > one.mem_mb


def test_larger_images_of_an_npz_file_ask_for_more_memory(tmp_path: Path) -> None:
    asked = []
    for side in (8, 64):
        path = tmp_path / f"{side}.npz"
        np.savez(path, images=np.zeros((1000, side, side), np.uint8))
        images = study(dataset={"name": "images", "root": str(path)})
        asked.append(demand("train", images, 0, 5).mem_mb)
    assert asked[1] > asked[0]
