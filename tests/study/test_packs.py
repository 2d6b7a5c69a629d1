from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdepth.settings.study import Study, in_packs, read_study, seeds_of
from flowdepth.study import layout
from flowdepth.study.packs import Packs, folders, packs
from flowdepth.study.provenance import Recorder


def study(seeds: list[int], seeds_per_job: int = 5, **sections: object) -> Study:
    grid = {"depths": [0, 2], "seeds": seeds, "seeds_per_job": seeds_per_job}
    return read_study({"name": "t", **grid, **sections})


def train(root: Path, trained: Study, depth: int = 0) -> None:
    """Leave the provenance of the study's own packs at a depth, as their training does."""
    for name, seeds in trained.packs().items():
        folder = layout.pack(root, depth, name)
        folder.mkdir(parents=True, exist_ok=True)
        recorder = Recorder(
            "train", [], trained.pack_settings("train"), "", depth=depth, seeds=list(seeds)
        )
        recorder.write(layout.provenance("train", folder), [])


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


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True),
    st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True),
    *[st.integers(1, 4)] * 2,
    st.data(),
)
def test_the_packs_stay_the_same_while_they_are_trained_in_any_order(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[int],
    seeds: list[int],
    size: int,
    other: int,
    data: st.DataObject,
) -> None:
    root, now = tmp_path_factory.mktemp("study"), study(seeds, size)
    train(root, study(before, other))
    planned = packs(now, root, 0)
    assert {*seeds} <= {seed for pack in planned.values() for seed in pack}
    for name in data.draw(st.permutations(sorted(planned))):
        train(root, study([*planned[name]], len(planned[name])))
        assert packs(now, root, 0).keys() == planned.keys()


@given(st.lists(st.integers(0, 30), min_size=1, unique=True), st.integers(1, 9))
def test_the_name_of_a_pack_tells_its_seeds(seeds: list[int], size: int) -> None:
    named: Packs = in_packs(seeds, size)
    assert {name: seeds_of(name) for name in named} == named
