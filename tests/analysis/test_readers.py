from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from flowdepth.analysis.columns import ESTIMATES, HISTORY, IMAGES, PACK_METRICS
from flowdepth.analysis.readers import (
    read_costs,
    read_examples,
    read_images,
    read_packs,
    read_rows,
    read_study_table,
    read_table,
)
from flowdepth.base.errors import UserError
from flowdepth.settings.study import Study, pack_name, read_study
from flowdepth.study.layout import depth_of
from helpers import leave_provenance


@pytest.fixture
def study() -> Study:
    return read_study({"name": "tiny", "depths": [0, 2], "seeds": [0, 1]})


def write_pack(
    root: Path, depth: int, seeds: tuple[int, ...] = (0, 1), **columns: list[object]
) -> Path:
    pack = root / f"K{depth}" / f"seeds{pack_name(seeds)}"
    pack.mkdir(parents=True)
    values = dict.fromkeys(PACK_METRICS, [1.0] * len(seeds)) | {"seed": list(seeds)}
    values |= {"status": ["done"] * len(seeds), "message": [""] * len(seeds), **columns}
    pd.DataFrame(values).to_csv(pack / "metrics.csv", index=False)
    for stage, memory in (("train", 100), ("evaluate", 90)):
        used = {"seconds": 30, "peak_memory_mb": memory}
        leave_provenance(pack, stage, [], used=used, depth=depth, seeds=seeds)
    return pack


def test_packs_come_in_the_order_of_depth_and_seed(study: Study, tmp_path: Path) -> None:
    packs = [write_pack(tmp_path, 2), write_pack(tmp_path, 0)]
    frame = read_packs(study, packs)
    found = frame[["depth", "seed"]].to_numpy().tolist()
    assert found == [[0, 0], [0, 1], [2, 0], [2, 1]]


def test_the_cost_of_a_pack_is_that_of_all_its_seeds(tmp_path: Path) -> None:
    packs = [write_pack(tmp_path, 2), write_pack(tmp_path, 0, seeds=(0, 1, 2))]
    frame = read_costs(packs)
    assert frame["depth"].tolist() == [0, 2]
    assert frame["seeds"].tolist() == [3, 2]
    assert frame["train_seconds"].tolist() == [30, 30]
    assert (frame["peak_memory_mb"] == 100).all()
    assert (frame["device"] == "cpu").all()


def test_seed_that_no_pack_holds_is_named(study: Study, tmp_path: Path) -> None:
    packs = [write_pack(tmp_path, 0), write_pack(tmp_path, 2, seeds=(0,))]
    with pytest.raises(UserError, match=r"K = 2, seed 1.*K2.seeds0.metrics.csv"):
        read_packs(study, packs)


def test_depth_without_packs_is_named(study: Study, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="K = 2, seed 0"):
        read_packs(study, [write_pack(tmp_path, 0)])


def test_seeds_of_a_pack_that_the_study_does_not_have_are_left_out(
    study: Study, tmp_path: Path
) -> None:
    packs = [write_pack(tmp_path, 0), write_pack(tmp_path, 2, seeds=(0, 1, 7))]
    assert read_packs(study, packs)["seed"].tolist() == [0, 1, 0, 1]
    write_images(packs[1], {0: 3, 1: 3, 7: 2})
    assert set(read_rows(study, packs[1:], "images.parquet", IMAGES)["seed"]) == {0, 1}


def test_seeds_that_a_pack_is_not_named_for_are_refused(study: Study, tmp_path: Path) -> None:
    packs = [write_pack(tmp_path, 0), write_pack(tmp_path, 2, seed=[0, 7])]
    with pytest.raises(UserError, match=r"K2.seeds0.1.metrics.csv: found seeds \[7\], expected"):
        read_packs(study, packs)


def test_seed_in_two_packs_is_refused(study: Study, tmp_path: Path) -> None:
    packs = [write_pack(tmp_path, 0), write_pack(tmp_path, 2), write_pack(tmp_path, 2, (1,))]
    with pytest.raises(UserError, match="K = 2, seed 1 is there twice"):
        read_packs(study, packs)


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_missing_provenance_is_named(tmp_path: Path, name: str) -> None:
    packs = [write_pack(tmp_path, 0), write_pack(tmp_path, 2)]
    (packs[1] / f"{name}.provenance.json").unlink()
    with pytest.raises(UserError, match=f"K2.*{name}.provenance.json: missing"):
        read_costs(packs)


@pytest.mark.parametrize("value", [None, "inf", "much"])
def test_finished_seed_needs_a_finite_nll(study: Study, tmp_path: Path, value: object) -> None:
    packs = [write_pack(tmp_path, 0), write_pack(tmp_path, 2, nll=[1.0, value])]
    with pytest.raises(UserError, match="seed 1 is done but its nll"):
        read_packs(study, packs)


def test_failed_seed_may_lack_every_number(study: Study, tmp_path: Path) -> None:
    numbers = [name for name in PACK_METRICS if name not in ("seed", "status", "message")]
    empty = {name: [None, None] for name in numbers}
    status = {"status": ["failed", "failed"], "message": ["non-finite loss", "killed"]}
    packs = [write_pack(tmp_path, 0), write_pack(tmp_path, 2, **empty, **status)]
    frame = read_packs(study, packs)
    assert frame.loc[frame["depth"] == 2, "nll"].isna().all()
    assert frame["message"].tolist() == ["", "", "non-finite loss", "killed"]


def test_unknown_status_is_refused(study: Study, tmp_path: Path) -> None:
    packs = [write_pack(tmp_path, 0, status=["done", "maybe"])]
    with pytest.raises(UserError, match="status 'maybe', expected done or failed"):
        read_packs(study, packs)


def test_normal_likelihood_needs_bits_per_dimension(tmp_path: Path) -> None:
    pixels = {"dataset": {"binarisation": "none"}, "model": {"likelihood": "normal"}}
    study = read_study({"name": "grey", "depths": [0], "seeds": [0, 1], **pixels})
    with pytest.raises(UserError, match="bits_per_dim missing"):
        read_packs(study, [write_pack(tmp_path, 0)])


def test_folder_of_another_name_has_no_depth() -> None:
    assert depth_of(Path("results/digits/K16/seeds0-4")) == 16
    with pytest.raises(UserError, match="expected K<depth>"):
        depth_of(Path("results/digits/data/seeds0-4"))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'a,b\n1,2,3\n"'])
def test_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "history.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a csv table"):
        read_table(path, ("seed",))


def test_table_of_other_depths_is_refused(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    path.write_text("depth\n0\n4\n")
    with pytest.raises(UserError, match=r"found depths \[0, 4\], expected \[0, 2\]"):
        read_study_table(path, ("depth",), study)


def test_history_knows_its_depth(study: Study, tmp_path: Path) -> None:
    pack = write_pack(tmp_path, 2)
    rows = "seed,epoch,updates,train,validation,beta\n1,1,9,-3,-4,1\n0,1,9,-3,-4,1\n"
    (pack / "history.csv").write_text(rows)
    found = read_rows(study, [pack], "history.csv", HISTORY)
    assert found[["depth", "seed"]].to_numpy().tolist() == [[2, 0], [2, 1]]


def test_pack_without_rows_leaves_the_numbers_of_others_as_they_are(
    study: Study, tmp_path: Path
) -> None:
    packs = [write_pack(tmp_path, 0), write_pack(tmp_path, 2)]
    for pack, rows in zip(packs, ("", "1,1,9,-3,-4,1\n"), strict=True):
        (pack / "history.csv").write_text(f"{','.join(HISTORY)}\n{rows}")
    assert read_rows(study, packs, "history.csv", HISTORY)["validation"].dtype == int
    nothing = read_rows(study, packs[:1], "history.csv", HISTORY)
    assert nothing.empty
    assert not np.isfinite(nothing["validation"]).any()


def write_images(pack: Path, counts: dict[int, int]) -> None:
    rows = [
        {"seed": seed, "image": i, "log_p": -20.0 - i, "mcse": 0.1, "ess": 9.0, "k_hat": np.nan}
        for seed, count in counts.items()
        for i in range(count)
    ]
    pd.DataFrame(rows).to_parquet(pack / "images.parquet")


def test_images_of_failed_seeds_are_left_out(study: Study, tmp_path: Path) -> None:
    numbers = [name for name in PACK_METRICS if name not in ("seed", "status", "message")]
    failed = {name: [None, 1.0] for name in numbers} | {"status": ["failed", "done"]}
    packs = [write_pack(tmp_path, 0), write_pack(tmp_path, 2, **failed)]
    for pack in packs:
        write_images(pack, {0: 3, 1: 3})
    found = read_images(study, packs, read_packs(study, packs))
    assert found.groupby(["depth", "seed"]).size().to_dict() == {(0, 0): 3, (0, 1): 3, (2, 1): 3}


def test_trainings_with_different_images_are_refused(study: Study, tmp_path: Path) -> None:
    packs = [write_pack(tmp_path, 0), write_pack(tmp_path, 2)]
    write_images(packs[0], {0: 3, 1: 3})
    write_images(packs[1], {0: 3, 1: 2})
    with pytest.raises(UserError, match=r"K = 2, seed 1: 2 test images.*expected 3"):
        read_images(study, packs, read_packs(study, packs))


def test_damaged_images_are_refused(study: Study, tmp_path: Path) -> None:
    packs = [write_pack(tmp_path, 0), write_pack(tmp_path, 2)]
    (packs[0] / "images.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match=r"images.parquet: not a parquet table"):
        read_images(study, packs, read_packs(study, packs))


@pytest.mark.parametrize("name", [one.name for one in ESTIMATES if one.may_be_empty])
def test_finished_seed_may_lack_what_cannot_be_known(
    study: Study, tmp_path: Path, name: str
) -> None:
    packs = [write_pack(tmp_path, 0), write_pack(tmp_path, 2, **{name: [0.5, None]})]
    assert read_packs(study, packs)[name].isna().sum() == 1
    spoilt = write_pack(tmp_path / "other", 2, **{name: [0.5, "much"]})
    with pytest.raises(UserError, match=f"seed 1 is done but its {name}"):
        read_packs(study, [packs[0], spoilt])


def write_examples(pack: Path, height: int, width: int) -> None:
    image = np.arange(6, dtype=np.float32)
    images = {"originals": image[None], "reconstructions": image[None, None]}
    facts = {"examples": json.dumps({"seeds": [3], "height": height, "width": width})}
    save_file(images | {"samples": image[None, None]}, pack / "examples.safetensors", facts)


def test_examples_keep_height_and_width_apart(tmp_path: Path) -> None:
    write_examples(tmp_path, height=2, width=3)
    examples = read_examples(tmp_path, count=10)
    assert examples.seeds == (3,)
    assert examples.originals[0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert examples.samples.shape == (1, 1, 2, 3)


def test_examples_of_another_size_are_refused(tmp_path: Path) -> None:
    write_examples(tmp_path, height=2, width=2)
    with pytest.raises(UserError, match=r"examples.safetensors: damaged"):
        read_examples(tmp_path, count=10)


def test_damaged_examples_are_refused(tmp_path: Path) -> None:
    (tmp_path / "examples.safetensors").write_bytes(b"no tensors")
    with pytest.raises(UserError, match="damaged"):
        read_examples(tmp_path, count=10)
