from __future__ import annotations

from typing import Any

import pytest

from flowdepth.report.protocol import protocol
from flowdepth.settings.study import Study, read_study

GRID: dict[str, Any] = {"name": "t", "depths": [0, 4], "seeds": [0]}


def study(**settings: Any) -> Study:  # noqa: ANN401
    return read_study(GRID | settings)


def test_what_a_study_says_for_itself_comes_first() -> None:
    own, defaults = protocol(study(training={"epochs": 7}))
    assert dict(own) == {"name": "t", "depths": "[0, 4]", "seeds": "[0]", "training.epochs": "7"}
    assert dict(defaults)["training.batch_size"] == "128"


@pytest.mark.parametrize(
    ("path", "settings"),
    [
        ("model.maxout_window", {"model": {"activation": "maxout"}}),
        ("training.momentum", {"training": {"optimizer": "rmsprop"}}),
        (
            "model.scale_start",
            {"model": {"likelihood": "normal"}, "dataset": {"binarisation": "none"}},
        ),
        ("objective.annealing.length", {}),
        ("certify.chains", {"certify": {"images": 5}}),
        ("gaps.steps", {"gaps": {"images": 5}}),
        ("dataset.colour", {"dataset": {"name": "images", "colour": "grey"}}),
    ],
)
def test_settings_are_told_where_they_have_an_effect(path: str, settings: dict[str, Any]) -> None:
    without = {
        "objective": {"annealing": {"kind": "none"}},
        "certify": {"images": 0},
        "gaps": {"images": 0},
    }
    if path.startswith("objective"):
        del without["objective"]
    told = [key for pairs in protocol(study(**(without | settings))) for key, _ in pairs]
    assert path in told
    silent = study(**{**without, "objective": {"annealing": {"kind": "none"}}})
    assert path not in [key for pairs in protocol(silent) for key, _ in pairs]
