"""Pieces of two trainings of a study exchanged, and folders copied, renamed and dated otherwise.

After a run the numbers are those of an undisturbed one, or the run says why not.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from checkout import QUICK, Checkout
from contents import contents
from faults.quick import Record, some
from faults.test_corruption import outcome
from flowdepth.study.layout import PACK_OUTPUTS, PROVENANCE

pytestmark = pytest.mark.faults
OTHER = ("--config", "training={learning_rate: 0.003}")


@pytest.fixture(scope="module")
def pieces(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The same study, trained and evaluated with another learning rate."""
    other = finished.copy(tmp_path_factory.mktemp("other") / "study")
    assert other.snakemake("summarise", *QUICK, *OTHER).returncode == 0
    return other


def groups(pack: Path) -> Iterator[tuple[str, ...]]:
    """Return each file of a pack alone, and the files of each stage with their provenance."""
    for stage, outputs in PACK_OUTPUTS.items():
        names = (*outputs.values(), f"{stage}{PROVENANCE}")
        if all((pack / name).exists() for name in names):
            yield from ((name,) for name in names)
            yield names


def test_pieces_of_another_training_or_depth_reach_no_page(
    finished: Checkout, pieces: Checkout, tmp_path: Path, record_property: Record
) -> None:
    study = finished.copy(tmp_path / "study")
    before = contents(study.results)
    there = study.results / "K2" / "seeds0+1"
    sources = (pieces.results / "K2" / "seeds0+1", finished.results / "K0" / "seeds0+1")
    cases = some([(source, names) for source in sources for names in groups(there)], 1)
    found: dict[str, list[str]] = {}
    for source, names in cases:
        for name in names:
            shutil.copy2(source / name, there / name)
        damaged = tuple(there / name for name in names)
        place = f"{'+'.join(names)} from {source.parent.name}"
        found.setdefault(outcome(study, before, damaged), []).append(place)
        shutil.rmtree(study.folder)
        study = finished.copy(tmp_path / "study")
    counts = {result: len(names) for result, names in found.items()}
    record_property("exchanged", f"{len(cases)} tried, {counts}")
    assert set(found) <= {"mended", "detected"}, found


CLOCKS = [(hours, records) for hours in (-2, 2) for records in ("kept", "lost")]


@pytest.mark.parametrize(("hours", "records"), some(CLOCKS, 1))
def test_evaluation_is_repeated_whatever_the_clock_said(
    finished: Checkout, tmp_path: Path, hours: int, records: str
) -> None:
    study = finished.copy(tmp_path / "study")
    moment = time.time_ns() + hours * 3600 * 10**9
    for path in study.results.rglob("*"):
        os.utime(path, ns=(moment, moment))
    model = "results/quick/K2/seeds0+1/model.safetensors"
    assert study.snakemake(model, *QUICK, *OTHER).returncode == 0
    if records == "lost":
        shutil.rmtree(study.folder / ".snakemake")
    assert "evaluate K = 2, seeds 0+1" in study.jobs(*QUICK, *OTHER)
