from __future__ import annotations

from typing import Any

import pytest

from flowdepth.settings.study import read_study
from flowdepth.study.oddities import oddities

FIVE = {"name": "s", "depths": [0, 8], "seeds": [0, 1, 2, 3, 4]}


def found(**sections: Any) -> list[str]:  # noqa: ANN401
    return [*oddities(read_study({**FIVE, **sections}))]


def test_the_default_study_has_nothing_odd() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("sections", "start"),
    [
        ({"training": {"epochs": 20}}, "objective.annealing: a warm-up of 30 epochs in a training"),
        ({"training": {"epochs": 30}}, "objective.annealing: a warm-up of 30 epochs in a training"),
        (
            {
                "training": {"epochs": None, "updates": 50},
                "objective": {"annealing": {"length": 100, "unit": "updates"}},
            },
            "objective.annealing: a warm-up of 100 updates in a training of 50",
        ),
        ({"model": {"latent": 65}}, "model.latent: 65 latent dimensions for images of 64 pixels"),
        ({"seeds": [7]}, "seeds: 1, too few to tell depths apart"),
        ({"evaluate": {"samples": 50}}, "evaluate.samples: 50, too few"),
        (
            {"model": {"latent": 40}, "certify": {"images": 0}},
            "certify.images: 0 with 40 latent dimensions",
        ),
    ],
)
def test_what_will_look_odd_is_said_with_what_to_set(sections: dict[str, Any], start: str) -> None:
    (said,) = found(**sections)
    assert said.startswith(start)
    assert ";" in said or "," in said


@pytest.mark.parametrize(
    "sections",
    [
        {"training": {"epochs": 20}, "objective": {"annealing": {"kind": "none"}}},
        {"training": {"epochs": 20}, "objective": {"annealing": {"start": 1}}},
        {"model": {"latent": 40}},
    ],
)
def test_what_is_meant_is_not_odd(sections: dict[str, Any]) -> None:
    assert found(**sections) == []
