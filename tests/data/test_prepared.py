from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from flowdepth.base.errors import UserError
from flowdepth.compute.streams import generator
from flowdepth.data import catalogue, prepared
from flowdepth.data.pixels import dequantise, redraw
from flowdepth.data.prepare import prepare
from flowdepth.settings.datasets import SPLITS
from flowdepth.settings.sections import Dataset
from helpers import refusal


def npz(path: Path, **arrays: np.ndarray) -> str:
    np.savez(path, **arrays)
    return str(path)


def grey(images: int, top: int = 255) -> np.ndarray:
    """Images [N, 3, 4], no two of them alike."""
    values = np.random.default_rng(images).integers(0, top + 1, (images, 3, 4), dtype=np.uint8)
    values[0, 0, 0] = top
    return values


def test_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    source = load_digits()
    images = prepare(Dataset(binarisation="none"))
    assert (images.height, images.width, images.levels, images.train_levels) == (8, 8, 17, 17)
    for split in SPLITS:
        pixels, rows = getattr(images, split), images.index[split]
        assert pixels.dtype == torch.uint8
        assert torch.equal(pixels, torch.from_numpy(source.data)[rows].to(torch.uint8))
    assert images.test_labels.tolist() == source.target[images.index["test"]].tolist()


def test_every_image_is_in_exactly_one_split() -> None:
    images = prepare(Dataset())
    rows = torch.cat(list(images.index.values()))
    assert torch.equal(rows.sort().values, torch.arange(1797))
    sizes = catalogue.split_sizes(Dataset())
    assert sizes == tuple(len(getattr(images, split)) for split in SPLITS)


def test_test_split_is_the_same_for_every_validation_share() -> None:
    few, many = (prepare(Dataset(validation=share)) for share in (0.05, 0.4))
    assert len(few.validation) != len(many.validation)
    assert torch.equal(few.index["test"], many.index["test"])
    assert torch.equal(few.test, many.test)


def test_images_ignore_the_global_random_state() -> None:
    torch.manual_seed(1)
    first = prepared.pixel_sums(prepare(Dataset()))
    torch.manual_seed(2)
    assert prepared.pixel_sums(prepare(Dataset())) == first


def test_seed_of_the_data_set_changes_splits_and_pixels() -> None:
    first, second = (prepare(Dataset(seed=seed)) for seed in (0, 1))
    assert not torch.equal(first.index["test"], second.index["test"])
    assert not prepared.pixel_sums(first).items() & prepared.pixel_sums(second).items()


def test_static_and_dynamic_are_judged_on_the_same_pixels() -> None:
    static, dynamic = (prepare(Dataset(binarisation=b)) for b in ("static", "dynamic"))
    assert torch.equal(static.validation, dynamic.validation)
    assert torch.equal(static.test, dynamic.test)
    assert (static.levels, dynamic.levels, dynamic.train_levels) == (2, 2, 17)
    assert static.train.max() == 1
    assert torch.equal(dynamic.train, prepare(Dataset(binarisation="none")).train)


def test_every_split_has_its_own_stream_of_binarisation(tmp_path: Path) -> None:
    same = np.full((40, 3, 4), 128, dtype=np.uint8)
    root = npz(tmp_path / "x.npz", train=same, validation=same, test=same)
    images = prepare(Dataset(name="images", root=root))
    assert not torch.equal(images.train, images.validation)
    assert not torch.equal(images.validation, images.test)


def test_threshold_is_at_one_half() -> None:
    images = prepare(Dataset(binarisation="threshold"))
    source = prepare(Dataset(binarisation="none"))
    assert torch.equal(images.test, (source.test.double() / 16 > 0.5).to(torch.uint8))
    assert (images.levels, images.train_levels) == (2, 2)


@pytest.mark.parametrize("binarisation", ["static", "dynamic", "threshold"])
def test_binary_images_stay_as_they_are_under_any_binarisation(
    tmp_path: Path, binarisation: str
) -> None:
    train, test = grey(20, top=1), grey(6, top=1)
    root = npz(tmp_path / "x.npz", train=train, validation=test, test=test)
    images = prepare(Dataset(name="images", root=root, binarisation=binarisation))
    assert (images.levels, images.train_levels) == (2, 2)
    assert torch.equal(images.train, torch.from_numpy(train).flatten(1))
    assert torch.equal(images.test, torch.from_numpy(test).flatten(1))


def test_images_of_an_npz_pool_keep_their_pixels_and_labels(tmp_path: Path) -> None:
    source, labels = grey(30), np.arange(30, dtype=np.int16)
    root = npz(tmp_path / "x.npz", images=source, labels=labels)
    images = prepare(Dataset(name="images", root=root, binarisation="none"))
    assert (images.height, images.width, images.levels) == (3, 4, 256)
    assert torch.equal(images.train, torch.from_numpy(source).flatten(1)[images.index["train"]])
    assert torch.equal(images.test_labels, images.index["test"])


def test_levels_that_fill_a_byte_come_back(tmp_path: Path) -> None:
    root = npz(tmp_path / "x.npz", images=np.full((30, 3, 4), 255, np.uint8))
    images = prepare(Dataset(name="images", root=root, binarisation="none"))
    prepared.save(images, tmp_path / "images.safetensors")
    assert prepared.load(tmp_path / "images.safetensors").levels == 256


def test_validation_split_of_an_npz_is_taken_from_train(tmp_path: Path) -> None:
    train, test = grey(30), grey(6)
    root = npz(tmp_path / "x.npz", train=train, test=test, test_labels=np.arange(6))
    images = prepare(Dataset(name="images", root=root, binarisation="none", validation=0.2))
    rows = torch.cat([images.index["train"], images.index["validation"]])
    assert len(images.validation) == 6
    assert torch.equal(rows.sort().values, torch.arange(30))
    pixels = torch.from_numpy(train).flatten(1)
    assert torch.equal(images.validation, pixels[images.index["validation"]])
    assert torch.equal(images.test, torch.from_numpy(test).flatten(1))
    assert images.test_labels.tolist() == [0, 1, 2, 3, 4, 5]


def test_damaged_npz_is_refused(tmp_path: Path) -> None:
    path = Path(npz(tmp_path / "x.npz", images=grey(2000)))
    content = bytearray(path.read_bytes())
    content[-9000] ^= 0xFF  # a pixel: the headers stay whole
    path.write_bytes(content)
    assert f"{path}: found no readable .npz file (Bad CRC-32" in refusal(
        name="images", root=str(path)
    )


def test_empty_split_is_refused() -> None:
    assert "dataset.test: found 0" in refusal(test=0)


def test_redraw_is_unbiased() -> None:
    levels, rows = 17, 6000
    pixels = torch.arange(levels, dtype=torch.uint8).expand(rows, levels).contiguous()
    mean = redraw(pixels, levels, generator(0, "a test")).double().mean(0)
    p = torch.arange(levels).double() / 16
    assert mean[0] == 0
    assert mean[-1] == 1
    assert ((mean - p).abs() <= 4 * (p * (1 - p) / rows).sqrt()).all()


def test_redraw_draws_every_chunk_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowdepth.data.pixels.ROWS_AT_A_TIME", 10)
    pixels = torch.full((25, 40), 8, dtype=torch.uint8)
    drawn = redraw(pixels, 17, generator(0, "a test"))
    assert drawn.dtype == torch.uint8
    assert set(drawn.unique().tolist()) == {0, 1}
    assert not torch.equal(drawn[:10], drawn[10:20])
    assert drawn[20:].any()
    assert torch.equal(pixels, torch.full((25, 40), 8, dtype=torch.uint8))


@pytest.mark.gpu
def test_redraw_on_cuda_has_the_right_mean() -> None:
    pixels = torch.full((5000, 40), 8, dtype=torch.uint8, device="cuda")
    drawn = redraw(pixels, 17, generator(0, "a test", device="cuda"))
    assert abs(drawn.double().mean().item() - 0.5) < 0.01


def test_dequantised_values_stay_in_their_bin() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).expand(500, 256)
    values = dequantise(pixels, 256, generator(0, "a test"), torch.float64)
    assert values.dtype == torch.float64
    assert torch.equal((values * 256).floor().to(torch.uint8), pixels)
    assert abs((values * 256 - pixels).mean().item() - 0.5) < 0.005


def test_saved_images_come_back_unchanged(tmp_path: Path) -> None:
    images = prepare(Dataset(binarisation="dynamic", seed=3))
    prepared.save(images, tmp_path / "a.safetensors")
    loaded = prepared.load(tmp_path / "a.safetensors")
    for split in SPLITS:
        assert torch.equal(getattr(loaded, split), getattr(images, split))
        assert torch.equal(loaded.index[split], images.index[split])
    assert torch.equal(loaded.test_labels, images.test_labels)
    numbers = ("height", "width", "levels", "train_levels", "seed", "pixels")
    assert (images.seed, images.pixels) == (3, 64)
    assert all(getattr(loaded, name) == getattr(images, name) for name in numbers)


def test_moved_images_have_every_split_on_the_new_device() -> None:
    images = prepare(Dataset())
    moved = images.to("meta")
    assert all(getattr(moved, split).device.type == "meta" for split in SPLITS)
    assert images.train.device.type == "cpu"
    assert (moved.height, moved.seed) == (8, 0)


def test_images_without_labels_are_saved_and_loaded(tmp_path: Path) -> None:
    root = npz(tmp_path / "x.npz", images=grey(30))
    path = tmp_path / "a.safetensors"
    prepared.save(prepare(Dataset(name="images", root=root)), path)
    assert prepared.load(path).test_labels is None


def test_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        prepared.save(prepare(Dataset()), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_torn_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    prepared.save(prepare(Dataset()), path)
    foreign = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, foreign)
    path.write_bytes(path.read_bytes()[:-1])
    for wrong in (path, foreign, tmp_path / "missing"):
        with pytest.raises(UserError, match=f"{wrong}: found no prepared images"):
            prepared.load(wrong)


Parts = tuple[dict[str, torch.Tensor], dict[str, object]]
WRONG: dict[str, Callable[[dict[str, torch.Tensor], dict[str, object]], Parts]] = {
    "no seed": lambda tensors, facts: (tensors, {k: v for k, v in facts.items() if k != "seed"}),
    "height of another type": lambda tensors, facts: (tensors, facts | {"height": ""}),
    "height in a list": lambda tensors, facts: (tensors, facts | {"height": [8]}),
    "height and width of other images": lambda tensors, facts: (tensors, facts | {"height": 7}),
    "fewer levels than values": lambda tensors, facts: (tensors, facts | {"train_levels": 2}),
    "levels beyond a byte": lambda tensors, facts: (tensors, facts | {"levels": 257}),
    "floats": lambda tensors, facts: (tensors | {"test": tensors["test"].float()}, facts),
    "no image": lambda tensors, facts: (tensors | {"test": tensors["test"][:0].clone()}, facts),
    "one row": lambda tensors, facts: (tensors | {"test": tensors["test"][0].clone()}, facts),
    "another index": lambda tensors, facts: (
        tensors | {"index.test": tensors["index.train"].clone()},
        facts,
    ),
    "labels of others": lambda tensors, facts: (
        tensors | {"test_labels": tensors["test_labels"][1:].clone()},
        facts,
    ),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_header_and_tensors_that_do_not_fit_are_refused(
    tmp_path: Path, change: Callable[[dict[str, torch.Tensor], dict[str, object]], Parts]
) -> None:
    path = tmp_path / "a.safetensors"
    prepared.save(prepare(Dataset(binarisation="dynamic")), path)
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["images"])
    tensors, facts = change(load_file(path), facts)
    save_file(tensors, path, {"images": json.dumps(facts)})
    with pytest.raises(UserError, match=rf"{path}: found no prepared images \(.*again"):
        prepared.load(path)


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, "null", '"height"', "{1: 2}"])
def test_header_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    save_file({"train": torch.zeros(3)}, tmp_path / "x", {"images": text})
    with pytest.raises(UserError, match=r"x: found no prepared images \("):
        prepared.load(tmp_path / "x")


def test_changed_pixel_changes_the_digest_of_its_split_alone() -> None:
    images = prepare(Dataset())
    before = prepared.pixel_sums(images)
    images.test[3, 5] ^= 1
    after = prepared.pixel_sums(images)
    assert {split for split in before if before[split] != after[split]} == {"test"}
