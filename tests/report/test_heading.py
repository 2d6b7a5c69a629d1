from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from flowdepth.report import heading
from flowdepth.settings.study import read_study

SIZES = {"train": 50_000, "validation": 10_000, "test": 10_000}
DATA: dict[str, Any] = {"height": 28, "width": 28, "sizes": SIZES}
STUDY: dict[str, Any] = {"name": "t", "depths": [0, 4], "seeds": [0, 1]}


class Results:
    def __init__(self, **settings: Any) -> None:  # noqa: ANN401
        self.study = read_study(STUDY | settings)
        self.summary = pd.DataFrame({"parameters": [688_464, 785_988]})


def test_the_heading_tells_data_model_cost_and_code() -> None:
    git = {"commit": "0123456789", "date": "2026-11-27T06:44:33+00:00", "dirty": False}
    facts = {"data": DATA, "seconds": {"train": 306.1, "evaluate": 400.0}, "devices": ["cpu"]}
    facts |= {"versions": {"flowdepth": "0.1.0"}, "git": git}
    assert heading.about(Results(dataset={"name": "mnist"}), facts) == [
        "mnist, 28 × 28 pixels: 50,000 training, 10,000 validation and 10,000 test images",
        "encoder 784-200-200, D = 8, 688,464 to 785,988 parameters",
        "K = 0, 4, 2 seeds each",
        "12 min on cpu",
        "flowdepth 0.1.0, commit 0123456 of 2026-11-27",
    ]


def test_images_of_one_s_own_are_named_by_their_file() -> None:
    dataset = {"name": "images", "root": "/home/me/ducks.npz"}
    assert heading.about(Results(dataset=dataset), {"data": DATA})[0].startswith("ducks.npz, 28")


@pytest.mark.parametrize(
    ("seconds", "told"), [(5.4, "5 s"), (89, "89 s"), (100, "2 min"), (9000, "2.5 h")]
)
def test_durations_are_rounded_to_what_a_reader_keeps(seconds: float, told: str) -> None:
    assert heading._duration(seconds) == told
