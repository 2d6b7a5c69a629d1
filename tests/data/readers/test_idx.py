from __future__ import annotations

import gzip
import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from flowdepth.base.errors import UserError
from flowdepth.data.downloads import torchvision_datasets
from flowdepth.data.readers import idx
from flowdepth.settings.datasets import KNOWN

SHAPE = (5, 3, 4)


def content(*header: int, values: int) -> bytes:
    """An IDX file of that header, with bytes of all values."""
    pixels = np.arange(values, dtype=np.int64).astype(np.uint8)
    return np.array(header, dtype=">i4").tobytes() + pixels.tobytes()


IMAGES = content(0x803, *SHAPE, values=60)


@pytest.mark.parametrize("name", idx.PUBLISHED)
def test_the_md5_sums_are_those_that_torchvision_checks(name: str) -> None:
    published = getattr(torchvision_datasets(), idx.PUBLISHED[name]).resources
    files = [Path(packed).name for packed, _ in KNOWN[name].files]
    assert list(zip(files, idx.MD5[name], strict=True)) == list(published)


def test_images_and_labels_are_those_that_torchvision_reads(tmp_path: Path) -> None:
    theirs = torchvision_datasets().mnist
    path = tmp_path / "x"
    path.write_bytes(content(0x803, 400, 3, 4, values=4800))
    assert torch.equal(idx.read_file(path, (400, 3, 4), ""), theirs.read_image_file(path))
    path.write_bytes(content(0x801, 300, values=300))
    labels = idx.read_file(path, (300,), "")
    assert labels.dtype == torch.uint8
    assert torch.equal(labels.long(), theirs.read_label_file(path))


def test_an_archive_holds_what_its_unpacked_file_does(tmp_path: Path) -> None:
    packed = gzip.compress(IMAGES)
    (tmp_path / "x.gz").write_bytes(packed)
    found = idx.read_file(tmp_path / "x.gz", SHAPE, hashlib.md5(packed).hexdigest())  # noqa: S324
    assert found.flatten().tolist() == list(range(60))


def test_an_archive_of_another_md5_sum_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(b"no archive at all")
    with pytest.raises(UserError, match=rf"{path}: found MD5 sum .*, expected 0123; .* fetch it"):
        idx.read_file(path, SHAPE, "0123")


def test_an_archive_that_unpacks_without_end_takes_no_memory(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    (tmp_path / "x.gz").write_bytes(bomb)
    tracemalloc.start()
    with pytest.raises(UserError, match=r"x\.gz: found more than 76 bytes"):
        idx.read_file(tmp_path / "x.gz", SHAPE, hashlib.md5(bomb).hexdigest())  # noqa: S324
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
        "number 0x00000803 and dimensions [5, 3, 4]; delete it and put the archive x.gz there "
        "instead"
    )
