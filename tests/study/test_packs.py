from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdepth.settings.study import Study, in_packs, read_study, seeds_of
from flowdepth.study import layout
from flowdepth.study.packs import Packs, folders, packs
from helpers import leave_provenance


def study(seeds: list[int], seeds_per_job: int = 5, **sections: object) -> Study:
    grid = {"depths": [0, 2], "seeds": seeds, "seeds_per_job": seeds_per_job}
    return read_study({"name": "t", **grid, **sections})


def train(root: Path, trained: Study, depth: int = 0) -> None:
    """Leave the provenance of the study's own packs at a depth, as their training does."""
    for name, seeds in trained.packs().items():
        folder = layout.pack(root, depth, name)
        folder.mkdir(parents=True, exist_ok=True)
        settings = trained.pack_settings("train")
        leave_provenance(folder, "train", [], settings=settings, depth=depth, seeds=seeds)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (study([0, 1, 2, 3, 4]), study([0, 1, 2, 3, 4], 2), "0-4"),
        (study([0, 1, 2, 3, 4], 2), study([0, 1, 2, 3, 4]), "0+1 2+3 4"),
        (study([0, 1, 2, 3, 4]), study([0, 1, 3]), "0-4"),
        (study([0, 1]), study([0, 1, 2, 3], 2), "0+1 2+3"),
        (study([0, 1, 2]), study([1, 3, 4, 5, 6], 3), "0-2 3-5 6"),
        (study([4, 2, 7]), study([7, 2], 1), "4+2+7"),
    ],
    ids=["smaller packs", "larger packs", "a seed less", "seeds more", "others", "another order"],
)
def test_trained_packs_are_taken_and_the_rest_is_new(
    tmp_path: Path, before: Study, now: Study, expected: str
) -> None:
    train(tmp_path, before)
    assert [*packs(now, tmp_path, 0)] == expected.split()
    assert packs(now, tmp_path, 2) == now.packs()
    deeper = [tmp_path / "K2" / f"seeds{name}" for name in now.packs()]
    assert folders(now, tmp_path)[-len(deeper) :] == deeper


def test_no_seed_comes_from_two_trained_packs(tmp_path: Path) -> None:
    for seeds in ([0, 1, 2], [2, 3, 4], [4, 5]):
        train(tmp_path, study(seeds))
    assert [*packs(study([0, 1, 2, 3, 4]), tmp_path, 0)] == ["0-2", "4+5", "3"]
    assert [*packs(study([1, 4]), tmp_path, 0)] == ["0-2", "2-4"]


def test_packs_of_other_settings_or_damaged_ones_are_not_taken(tmp_path: Path) -> None:
    now = study([0, 1], 1)
    train(tmp_path, study([0, 1], training={"epochs": 7}))
    assert packs(now, tmp_path, 0) == now.packs()
    train(tmp_path, study([0, 1]))
    record = tmp_path / "K0" / "seeds0+1" / "train.provenance.json"
    assert [*packs(now, tmp_path, 0)] == ["0+1"]
    facts = json.loads(record.read_text())
    record.write_text(json.dumps({**facts, "seconds": 1}))
    assert packs(now, tmp_path, 0) == now.packs()


SEEDS = st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True)
STUDIES = st.builds(study, SEEDS, st.integers(1, 4))


@given(st.lists(STUDIES, max_size=3), STUDIES, st.data())
def test_the_packs_hold_each_seed_once_and_stay_while_they_are_trained_in_any_order(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[Study],
    now: Study,
    data: st.DataObject,
) -> None:
    root = tmp_path_factory.mktemp("study")
    for earlier in before:
        train(root, earlier)
    planned = packs(now, root, 0)
    held = [seed for pack in planned.values() for seed in pack if seed in now.seeds]
    assert sorted(held) == sorted(now.seeds)
    for name in data.draw(st.permutations(sorted(planned))):
        train(root, study([*planned[name]], len(planned[name])))
        assert packs(now, root, 0).keys() == planned.keys()


@given(st.lists(st.integers(0, 30), min_size=1, unique=True), st.integers(1, 9))
def test_the_name_of_a_pack_tells_its_seeds(seeds: list[int], size: int) -> None:
    named: Packs = in_packs(seeds, size)
    assert {name: seeds_of(name) for name in named} == named
