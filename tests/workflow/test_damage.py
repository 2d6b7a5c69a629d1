"""A few damaged files; tests/faults damages them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from checkout import QUICK, Checkout
from contents import contents
from damage import DAMAGE, flip, swap, unnoticed


@pytest.fixture
def study(finished: Checkout, tmp_path: Path) -> Checkout:
    return finished.copy(tmp_path / "study")


def refusal(study: Checkout, *words: str) -> str:
    refused = study.snakemake(*QUICK, *words)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stdout + refused.stderr
    return refused.stdout + refused.stderr


@pytest.mark.parametrize("way", DAMAGE)
def test_damage_is_refused_and_costs_nothing_that_was_computed(study: Checkout, way: str) -> None:
    path = study.results / "data" / "images.safetensors"
    path.write_bytes(DAMAGE[way](path.read_bytes()))
    before = contents(study.results)
    assert "results/quick/data/images.safetensors: damaged or another file" in refusal(study)
    assert contents(study.results) == before


def test_swapped_models_of_two_depths_are_refused(study: Checkout) -> None:
    models = [study.results / f"K{k}" / "seeds0+1" / "model.safetensors" for k in (0, 2)]
    swap(*models)
    assert "K0/seeds0+1/model.safetensors: damaged or another file" in refusal(study)


@pytest.mark.parametrize(
    ("name", "written_by", "read_by"),
    [
        ("K2/seeds0+1/model.safetensors", "K2/seeds0+1/train", "evaluate"),
        ("K0/seeds0+1/images.parquet", "K0/seeds0+1/evaluate", "summarise"),
        ("figures/weights.svg", "figures", "report"),
    ],
)
def test_stage_refuses_what_decayed_on_the_disk(
    study: Checkout, name: str, written_by: str, read_by: str
) -> None:
    path = study.results / name
    unnoticed(path, flip(path.read_bytes()), study.results / f"{written_by}.provenance.json")
    output = refusal(study, "--forcerun", read_by)
    assert f"error: results/quick/{name}: damaged or another file" in output


def test_damaged_file_is_mended_as_the_message_says(study: Checkout) -> None:
    before = contents(study.results)
    path = study.results / "K2" / "seeds0+1" / "model.safetensors"
    path.write_bytes(flip(path.read_bytes()))
    (remedy,) = set(re.findall(r"delete it and run `snakemake (\S+)`", refusal(study)))
    path.unlink()
    assert study.snakemake(remedy, *QUICK).returncode == 0
    assert path.read_bytes() == before[path]
    assert study.snakemake(*QUICK).returncode == 0
    assert contents(study.results).keys() == before.keys()
