from __future__ import annotations

from pathlib import Path

import pytest

from flowdepth.study import layout
from flowdepth.study.leftovers import forget


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Unfinished work of three stages, of which gaps has no results yet."""
    for stage in ("train", "evaluate", "gaps"):
        layout.unfinished(stage, tmp_path).touch()
    for stage in ("train", "evaluate"):
        layout.provenance(stage, tmp_path).touch()
    return tmp_path


def _left(pack: Path) -> set[str]:
    stages = layout.PACK_OUTPUTS
    return {stage for stage in stages if layout.unfinished(stage, pack).exists()}


def test_unfinished_work_is_forgotten_where_results_came_of_it(pack: Path) -> None:
    forget(pack)
    assert _left(pack) == {"gaps"}


def test_other_stages_are_left_alone(pack: Path) -> None:
    forget(pack, "train", "gaps")
    assert _left(pack) == {"evaluate", "gaps"}
