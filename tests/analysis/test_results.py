from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flowdepth.base.errors import UserError
from flowdepth.settings.study import Study
from tabled import summarise

Fabricate = Callable[..., tuple[Study, list[Path]]]


def test_there_are_as_many_examples_as_the_settings_say(
    fabricate: Fabricate, tmp_path: Path
) -> None:
    made = fabricate(depths=(0, 4), settings={"report": {"examples": 3}})
    for examples in summarise(*made, tmp_path).examples.values():
        assert len(examples.originals) == examples.samples.shape[1] == 3


def test_a_file_is_read_only_when_its_part_is_asked_for(
    fabricate: Fabricate, tmp_path: Path
) -> None:
    results = summarise(*fabricate(), tmp_path)
    (tmp_path / "convergence.csv").unlink()
    assert results.summary["depth"].tolist() == [0, 1, 4]
    with pytest.raises(UserError, match=r"convergence.csv: missing"):
        results.convergence  # noqa: B018
