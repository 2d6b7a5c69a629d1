from __future__ import annotations

import gzip
import io
import shutil
import types
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from flowdepth.base.errors import UserError
from flowdepth.data import catalogue, sources
from flowdepth.data.prepare import prepare, source_sums
from flowdepth.settings.sections import Dataset
from helpers import SHARED, needs_files, refusal


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


@pytest.fixture
def untouched() -> Iterator[str]:
    before = listing(SHARED)
    yield str(SHARED)
    assert listing(SHARED) == before


@needs_files
def test_mnist_is_read_wrongly_or_its_folder_touched(untouched: str) -> None:
    images = prepare(Dataset(name="mnist", root=untouched, binarisation="none"))
    assert images.train.shape == (50_000, 784)
    assert images.validation.shape == images.test.shape == (10_000, 784)
    assert (images.height, images.width, images.levels) == (28, 28, 256)
    assert images.index["validation"][[0, -1]].tolist() == [50_000, 59_999]
    assert images.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert len(source_sums(Dataset(name="mnist", root=untouched))) == 4
    assert images.train.double().mean() / 255 == pytest.approx(0.1307, abs=5e-4)


@needs_files
def test_binarized_mnist_is_read_wrongly_or_its_folder_touched(untouched: str) -> None:
    images = prepare(Dataset(name="binarized_mnist", root=untouched))
    assert images.train.shape == (50_000, 784)
    assert images.validation.shape == images.test.shape == (10_000, 784)
    assert (images.levels, images.train_levels, images.test_labels) == (2, 2, None)
    assert images.train.unique().tolist() == [0, 1]
    assert images.test.double().mean() == pytest.approx(0.1325, abs=2e-3)


@needs_files
def test_damaged_mnist_archive_is_read(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for source in (SHARED / "MNIST" / "raw").glob("*.gz"):
        shutil.copyfile(source, raw / source.name)
    damaged = raw / "t10k-labels-idx1-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:-9] + b"x" * 9)
    message = refusal(name="mnist", root=str(tmp_path))
    assert f"{damaged}: found MD5 sum " in message
    assert "expected ec29112dd5afa0611ce80d1b7f02629c" in message


def unpacked_idx(raw: Path) -> None:
    """Write unpacked files of the right form with black images, all of class 0."""
    raw.mkdir(parents=True)
    for name in catalogue.IDX_FILES:
        count = 60_000 if name.startswith("train") else 10_000
        shape = (count, 28, 28) if "images" in name else (count,)
        header = np.array([2048 + len(shape), *shape], dtype=">i4").tobytes()
        with (raw / name).open("wb") as handle:
            handle.write(header)
            handle.truncate(len(header) + int(np.prod(shape)))


def test_unpacked_files_are_not_used(tmp_path: Path) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    unpacked_idx(raw)
    pickled = tmp_path / "FashionMNIST" / "processed"  # torchvision's former format
    pickled.mkdir()
    for name in ("training.pt", "test.pt"):
        (pickled / name).write_bytes(b"never to be read")
    before = listing(tmp_path)
    images = prepare(Dataset(name="fashion_mnist", root=str(tmp_path), binarisation="threshold"))
    assert images.train.shape == (50_000, 784)
    assert listing(tmp_path) == before


def test_download_reads_what_lies_in_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchvision would unpickle the files of its former format there."""
    processed = tmp_path / "FashionMNIST" / "processed"
    processed.mkdir(parents=True)
    for name in ("training.pt", "test.pt"):
        (processed / name).write_bytes(b"never to be read")
    published = sources._torchvision_datasets().FashionMNIST

    def fetch(self: object) -> None:
        unpacked_idx(Path(self.raw_folder))
        for name in catalogue.IDX_FILES:
            Path(self.raw_folder, f"{name}.gz").write_bytes(b"a download")

    monkeypatch.setattr(published, "download", fetch)
    message = refusal(name="fashion_mnist", root=str(tmp_path))
    assert "train-images-idx3-ubyte.gz: found MD5 sum" in message
    kept = {path.name for path in (tmp_path / "FashionMNIST" / "raw").iterdir()}
    assert kept == {f"{name}.gz" for name in catalogue.IDX_FILES}


def test_torn_unpacked_file_is_read(tmp_path: Path) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    unpacked_idx(raw)
    with (raw / "train-labels-idx1-ubyte").open("r+b") as handle:
        handle.truncate(1000)
    message = refusal(name="fashion_mnist", root=str(tmp_path))
    assert "train-labels-idx1-ubyte: found 1000 bytes, expected 60008" in message


def test_failed_download_of_mnist_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(root: str, download: bool) -> None:
        raise urllib.error.URLError("no network")

    fake = types.SimpleNamespace(MNIST=offline)
    monkeypatch.setattr(sources, "_torchvision_datasets", lambda: fake)
    message = refusal(name="mnist", root=str(tmp_path))
    assert "found no train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, " in message
    assert "no network" in message
    assert f"put them into {tmp_path}/MNIST/raw" in message


def test_failed_download_of_binarized_mnist_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(address: str, timeout: float) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    message = refusal(name="binarized_mnist", root=str(tmp_path))
    assert "found no binarized_mnist_train.amat, binarized_mnist_valid.amat, " in message
    assert f"put them into {tmp_path}" in message


def test_wrong_download_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(b"<html>moved"))
    message = refusal(name="binarized_mnist", root=str(tmp_path))
    assert "found MD5 sum" in message
    assert "expected db28b1a6ae0fe70cbd3da91acf46e477" in message
    assert list(tmp_path.iterdir()) == []


def test_torn_amat_archive_is_read(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        (tmp_path / f"binarized_mnist_{split}.amat.gz").write_bytes(b"\x1f\x8b torn")
    message = refusal(name="binarized_mnist", root=str(tmp_path))
    assert "binarized_mnist_train.amat.gz: damaged" in message


def test_amat_archive_is_unpacked_without_end(tmp_path: Path) -> None:
    path = tmp_path / "zeros.amat.gz"
    path.write_bytes(gzip.compress(bytes(10_000)))
    assert sources._unpacked(path, most=100) == bytes(101)


def test_amat_text_is_misread() -> None:
    pixels = sources.parse_amat(b"0 1 0\n1 1 0\n", 2, 3, Path("x"))
    assert pixels.tolist() == [[0, 1, 0], [1, 1, 0]]
    assert pixels.dtype == torch.uint8


@pytest.mark.parametrize(
    "content",
    [b"0 1 0\n", b"0 1\n1 1 0 0\n", b"0 1 2\n1 1 0\n", b"0 / 0\n1 1 0\n", b"0 1 0 1 1 0\n", b""],
    ids=["row missing", "ragged", "value 2", "no digit", "one line", "empty"],
)
def test_amat_text_of_wrong_form_is_read(content: bytes) -> None:
    with pytest.raises(UserError, match=r"x: found .* expected 2 lines of 3 values 0 or 1"):
        sources.parse_amat(content, 2, 3, Path("x"))


def test_other_torchvision_failure_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def broken(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("torchvision"):
            raise RuntimeError("something else")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(RuntimeError, match="something else"):
        sources._torchvision_datasets.__wrapped__()
