from __future__ import annotations

import bz2
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flowdepth.base.errors import UserError
from flowdepth.data import published
from flowdepth.data.readers import usps
from flowdepth.settings.datasets import KNOWN, Sizes
from flowdepth.settings.sections import Dataset

VALUES = np.linspace(-1, 1, 5 * 256).reshape(5, 256).round(3)


def text(values: np.ndarray) -> bytes:
    """Lines of a class from 1 on, and numbered values of which zeros may be left out."""
    lines = [
        f"{row % 10 + 1} " + " ".join(f"{i + 1}:{v:g}" for i, v in enumerate(line) if v)
        for row, line in enumerate(values)
    ]
    return bz2.compress("\n".join([*lines, ""]).encode())


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    files = {"usps.bz2": text(VALUES), "usps.t.bz2": text(VALUES[:2])}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    few = replace(KNOWN["usps"], split=Sizes(3, 2, 2), images=7)
    monkeypatch.setitem(KNOWN, "usps", few)
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}  # noqa: S324
    monkeypatch.setattr(published, "archive_sums", lambda name: sums)
    return Dataset(name="usps", root=str(tmp_path))


def test_values_from_minus_one_to_one_become_grey_levels_as_torchvision_makes_them(
    dataset: Dataset,
) -> None:
    source = usps.read(dataset)
    values = VALUES.astype(np.float32).reshape(5, 16, 16)
    expected = ((values + 1) / 2 * 255).astype(dtype=np.uint8)
    assert source.pools["train"].numpy().tolist() == expected.tolist()
    assert source.pools["test"].numpy().tolist() == expected[:2].tolist()
    assert source.labels is not None
    assert source.labels.tolist() == [0, 1]


def test_last_training_images_are_for_validation(dataset: Dataset) -> None:
    plan = usps.read(dataset).plan
    assert plan["train"][1].tolist() == [0, 1, 2]
    assert plan["validation"][1].tolist() == [3, 4]


def test_another_number_of_images_is_refused(dataset: Dataset) -> None:
    with pytest.raises(UserError, match=r"usps.bz2: found 5 images, expected 6; fetch it again"):
        usps.read_file(Path(dataset.root, "usps.bz2"), 6)


def test_another_file_is_not_opened(dataset: Dataset) -> None:
    path = Path(dataset.root, "usps.t.bz2")
    path.write_bytes(b"another one")
    with pytest.raises(UserError, match=r"usps.t.bz2: found MD5 sum"):
        usps.read(dataset)


def test_sums_of_the_archives_are_torchvisions() -> None:
    assert published.archive_sums("USPS") == {
        "usps.bz2": "ec16c51db3855ca6c91edd34d0e9b197",
        "usps.t.bz2": "8ea070ee2aca1ac39742fdd1ef5ed118",
    }
