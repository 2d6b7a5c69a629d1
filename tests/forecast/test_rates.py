from __future__ import annotations

import time
from pathlib import Path

import pytest

from flowdepth.forecast.rates import Rates, _knots
from flowdepth.settings.study import Study

STUDY = Study(name="test", depths=(0, 1, 4), seeds=(0,))


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """Trials that take a second at K = 0 and two and K / 10 at others; which depths were tried."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    depths: list[int] = []

    def seconds(rates: Rates, step: str, depth: int, replicas: int) -> float:
        depths.append(depth)
        return 2 + depth / 10 if depth else 1.0

    monkeypatch.setattr(Rates, "_tried", seconds)
    return depths


def test_rates_between_tried_depths_lie_on_a_line(tried: list[int]) -> None:
    rates = Rates(STUDY, [0, 1, 2, 4, 8])
    found = [rates.seconds("update", depth, 1) for depth in (0, 1, 4, 8)]
    assert found == pytest.approx([1.0, 2.1, 2.4, 2.8])
    assert sorted(set(tried)) == [0, 1, 8]


@pytest.mark.parametrize(
    ("depths", "knots"),
    [([0], [0]), ([4], [4]), ([0, 1], [0, 1]), ([16, 0, 2], [0, 2, 16]), ([2, 8], [2, 8])],
)
def test_ends_and_the_first_flow_are_tried(depths: list[int], knots: list[int]) -> None:
    assert _knots(depths) == knots


def test_rates_are_measured_once_a_day(tried: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        Rates(STUDY, [0]).seconds("update", 0, 1)
    assert tried == [0]
    begun = time.time()
    monkeypatch.setattr(time, "time", lambda: begun + 3600)
    again = Rates(STUDY, [0])
    again.seconds("update", 0, 1)
    assert tried == [0]
    assert again.oldest == pytest.approx(begun, abs=60)
    monkeypatch.setattr(time, "time", lambda: begun + 90_000)
    Rates(STUDY, [0]).seconds("update", 0, 1)
    assert tried == [0, 0]


def test_other_settings_are_measured_for_themselves(tried: list[int]) -> None:
    wide = STUDY.model_copy(update={"model": STUDY.model.model_copy(update={"hidden": (9,)})})
    for study, replicas in ((STUDY, 1), (wide, 1), (STUDY, 2)):
        Rates(study, [0]).seconds("update", 0, replicas)
    assert len(tried) == 3
