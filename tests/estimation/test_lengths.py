from __future__ import annotations

import pytest

from flowdepth.estimation import lengths
from flowdepth.estimation.lengths import pilot_distributions, rounds


def test_rounds_double_the_steps_up_to_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengths, "_FIRST_ROUND", 4)
    assert rounds(16) == [0, 4, 8, 16]
    assert rounds(30) == [0, 3, 7, 15, 30]
    assert rounds(4) == [0, 2, 4]
    assert rounds(1) == [0, 0, 1]


def test_pilot_is_a_quarter_of_the_walk_and_no_shorter_than_twenty() -> None:
    assert [*map(pilot_distributions, (1, 80, 100, 400))] == [20, 20, 25, 100]
