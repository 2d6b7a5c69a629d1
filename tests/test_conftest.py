from __future__ import annotations

import hypothesis


def test_no_example_of_hypothesis_has_a_deadline() -> None:
    assert hypothesis.settings().deadline is None
