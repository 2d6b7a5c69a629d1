from __future__ import annotations

import gzip
import hashlib
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from flowdepth.base.errors import UserError
from flowdepth.data.readers import idx
from flowdepth.settings.datasets import KNOWN, Sizes
from flowdepth.settings.sections import Dataset

SHAPE = (5, 3, 4)


def content(*header: int, values: int) -> bytes:
    """An IDX file of that header, with bytes of all values."""
    pixels = np.arange(values, dtype=np.int64).astype(np.uint8)
    return np.array(header, dtype=">i4").tobytes() + pixels.tobytes()


IMAGES = content(0x803, *SHAPE, values=60)


def sums(archive: bytes = b"", content: bytes = IMAGES) -> idx.Sums:
    md5 = hashlib.md5(archive).hexdigest()  # noqa: S324
    return idx.Sums(md5, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("name", "known"),
    [("mnist", True), ("fashion_mnist", False), ("kmnist", False), ("qmnist", False)],
)
def test_unpacked_files_may_lie_where_the_sums_of_their_contents_are_known(
    name: str, known: bool
) -> None:
    """Each a sum of its own, as long as its algorithm's are."""
    files = list(zip(idx.sums(name), KNOWN[name].files, strict=True))
    assert [len(found.content) for found, _ in files] == [64 * known] * 4
    assert [len(places) for _, places in files] == [1 + known] * 4
    archives = {found.archive for found, _ in files}
    assert [len(archive) for archive in archives] == [32] * 4


def test_values_of_an_unpacked_file_are_bytes_row_by_row(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(IMAGES)
    found = idx.read_file(tmp_path / "x", SHAPE, sums())
    assert (found.shape, found.dtype) == (SHAPE, torch.uint8)
    assert found.flatten().tolist() == list(range(60))


def test_an_unpacked_file_of_another_content_is_refused(tmp_path: Path) -> None:
    """Of the right size and header, with one pixel changed."""
    (tmp_path / "x").write_bytes(IMAGES[:-1] + b"\0")
    with pytest.raises(UserError, match=r"x: found SHA-256 sum .*; the file is damaged or another"):
        idx.read_file(tmp_path / "x", SHAPE, sums())


def test_an_archive_of_another_content_is_refused_whatever_its_md5_sum(tmp_path: Path) -> None:
    packed = gzip.compress(IMAGES[:-1] + b"\0")
    (tmp_path / "x.gz").write_bytes(packed)
    with pytest.raises(UserError, match=r"x\.gz: found SHA-256 sum"):
        idx.read_file(tmp_path / "x.gz", SHAPE, sums(packed))


def test_an_archive_holds_what_its_unpacked_file_does(tmp_path: Path) -> None:
    packed = gzip.compress(IMAGES)
    (tmp_path / "x.gz").write_bytes(packed)
    found = idx.read_file(tmp_path / "x.gz", SHAPE, sums(packed))
    assert found.flatten().tolist() == list(range(60))


def test_an_archive_of_another_md5_sum_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(b"no archive at all")
    with pytest.raises(
        UserError, match=rf"{path}: found MD5 sum .*, expected d41d8cd9.*; .* fetch it"
    ):
        idx.read_file(path, SHAPE, sums())


def test_an_archive_that_unpacks_without_end_takes_no_memory(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    (tmp_path / "x.gz").write_bytes(bomb)
    tracemalloc.start()
    with pytest.raises(UserError, match=r"x\.gz: found more than 76 bytes"):
        idx.read_file(tmp_path / "x.gz", SHAPE, sums(bomb))
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("wrong", "found"),
    [(b"", "0"), (IMAGES[:-1], "75"), (IMAGES + b"\0", "more than 76")],
    ids=["empty", "torn", "longer"],
)
def test_another_size_is_refused(wrong: bytes, found: str) -> None:
    with pytest.raises(UserError, match=rf"x: found {found} bytes, expected 76; .* x\.gz"):
        idx.parse(wrong, SHAPE, Path("x"))


@pytest.mark.parametrize(
    ("magic", "shape"),
    [(0x801, SHAPE), (0xD03, SHAPE), (0x803, (5, 4, 3)), (0x803, (6, 3, 4)), (0, (0, 0, 0))],
    ids=["labels", "floats", "on its side", "more images", "zeros"],
)
def test_another_header_is_refused(magic: int, shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError) as caught:
        idx.parse(content(magic, *shape, values=60), SHAPE, Path("x"))
    assert str(caught.value) == (
        f"x: found the magic number {magic:#010x} and dimensions {list(shape)}, expected the magic "
        "number 0x00000803 and dimensions [5, 3, 4]; put the archive x.gz in its place"
    )


def test_labels_of_qmnist_are_the_first_of_eight_integers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = np.arange(2 * 8).reshape(2, 8) + 300
    files = {
        "qmnist-train-images-idx3-ubyte": content(0x803, 5, 28, 28, values=5 * 784),
        "qmnist-train-labels-idx2-int": content(0xC02, 5, 8, values=5 * 8 * 4),
        "qmnist-test-images-idx3-ubyte": content(0x803, 2, 28, 28, values=2 * 784),
        "qmnist-test-labels-idx2-int": content(0xC02, 2, 8, values=0)
        + facts.astype(">i4").tobytes(),
    }
    raw = tmp_path / "QMNIST" / "raw"
    raw.mkdir(parents=True)
    sums = {}
    for name, values in files.items():
        (raw / f"{name}.gz").write_bytes(packed := gzip.compress(values))
        sums[f"{name}.gz"] = hashlib.md5(packed).hexdigest()  # noqa: S324
    few = replace(KNOWN["qmnist"], split=Sizes(3, 2, 2), images=7)
    monkeypatch.setitem(KNOWN, "qmnist", few)
    monkeypatch.setattr(idx, "archive_sums", lambda name: sums)
    source = idx.read(Dataset(name="qmnist", root=str(tmp_path)))
    assert source.pools["train"].shape == (5, 28, 28)
    assert source.labels is not None
    assert source.labels.tolist() == [300, 308]
