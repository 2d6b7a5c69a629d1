from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowdepth.data.prepare import prepare, source_sums
from flowdepth.data.readers import idx
from flowdepth.settings.sections import Dataset
from helpers import SHARED, listing, needs_files, refusal, write_idx


@pytest.fixture
def untouched() -> Iterator[str]:
    before = listing(SHARED)
    yield str(SHARED)
    assert listing(SHARED) == before


@needs_files
def test_mnist_is_read_and_its_folder_stays(untouched: str) -> None:
    images = prepare(Dataset(name="mnist", root=untouched, binarisation="none"))
    assert images.train.shape == (50_000, 784)
    assert images.validation.shape == images.test.shape == (10_000, 784)
    assert (images.height, images.width, images.levels) == (28, 28, 256)
    assert images.index["validation"][[0, -1]].tolist() == [50_000, 59_999]
    assert images.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert len(source_sums(Dataset(name="mnist", root=untouched))) == 4
    assert images.train.double().mean() / 255 == pytest.approx(0.1307, abs=5e-4)


@needs_files
def test_binarized_mnist_is_read_and_its_folder_stays(untouched: str) -> None:
    images = prepare(Dataset(name="binarized_mnist", root=untouched))
    assert images.train.shape == (50_000, 784)
    assert images.validation.shape == images.test.shape == (10_000, 784)
    assert (images.levels, images.train_levels, images.test_labels) == (2, 2, None)
    assert images.train.unique().tolist() == [0, 1]
    assert images.test.double().mean() == pytest.approx(0.1325, abs=2e-3)


@needs_files
def test_a_damaged_archive_of_mnist_is_refused(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for source in (SHARED / "MNIST" / "raw").glob("*.gz"):
        shutil.copyfile(source, raw / source.name)
    damaged = raw / "t10k-labels-idx1-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:-9] + b"x" * 9)
    message = refusal(name="mnist", root=str(tmp_path))
    assert f"{damaged}: found MD5 sum " in message
    assert "expected ec29112dd5afa0611ce80d1b7f02629c" in message


@needs_files
def test_unpacked_files_are_used_and_nothing_beside_them(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for source in (SHARED / "MNIST" / "raw").glob("*.gz"):
        (raw / source.stem).write_bytes(gzip.decompress(source.read_bytes()))
    before = listing(tmp_path)
    images = prepare(Dataset(name="mnist", root=str(tmp_path), binarisation="none"))
    assert images.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert listing(tmp_path) == before


def test_black_images_in_the_form_of_mnist_are_refused(tmp_path: Path) -> None:
    write_idx(tmp_path / "MNIST" / "raw")
    message = refusal(name="mnist", root=str(tmp_path))
    assert f"{tmp_path}/MNIST/raw/train-images-idx3-ubyte: found SHA-256 sum " in message


@pytest.mark.parametrize("name", ["train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"])
def test_a_torn_unpacked_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    raw = tmp_path / "MNIST" / "raw"
    write_idx(raw)
    monkeypatch.delitem(idx.CONTENTS, "mnist")
    with (raw / name).open("r+b") as handle:
        handle.truncate(1000)
    message = refusal(name="mnist", root=str(tmp_path))
    expected = 60_008 if "labels" in name else 7_840_016
    assert f"{raw / name}: found 1000 bytes, expected {expected}; put " in message
