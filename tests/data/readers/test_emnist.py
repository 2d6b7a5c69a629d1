from __future__ import annotations

import gzip
import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flowdepth.base.errors import UserError
from flowdepth.data import published
from flowdepth.data.readers import emnist
from flowdepth.settings.datasets import KNOWN, Sizes
from flowdepth.settings.sections import Dataset

SELECTIONS = [name for name in KNOWN if name.startswith("emnist_")]
TRAIN = np.arange(5 * 784).reshape(5, 28, 28) % 251
TEST = TRAIN[::-1][:2]


def packed(values: np.ndarray) -> bytes:
    header = np.array([0x800 + values.ndim, *values.shape], dtype=">i4").tobytes()
    return gzip.compress(header + values.astype(np.uint8).tobytes())


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Five training images and two test images in the layout of the published archive."""
    path = tmp_path / "EMNIST" / "raw" / "gzip.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, values in {
            "digits-train-images-idx3": TRAIN,
            "digits-test-images-idx3": TEST,
            "digits-test-labels-idx1": np.array([7, 3]),
        }.items():
            archive.writestr(f"gzip/emnist-{name}-ubyte.gz", packed(values))
    few = replace(KNOWN["emnist_digits"], split=Sizes(3, 2, 2), images=7)
    monkeypatch.setitem(KNOWN, "emnist_digits", few)
    md5 = hashlib.md5(path.read_bytes()).hexdigest()  # noqa: S324
    monkeypatch.setattr(published, "archive_sums", lambda name: {"gzip.zip": md5})
    return Dataset(name="emnist_digits", root=str(tmp_path))


def test_images_stand_upright(dataset: Dataset) -> None:
    source = emnist.read(dataset)
    assert source.pools["train"].numpy().tolist() == TRAIN.transpose(0, 2, 1).tolist()
    assert source.pools["test"].numpy().tolist() == TEST.transpose(0, 2, 1).tolist()
    assert source.labels is not None
    assert source.labels.tolist() == [7, 3]


def test_last_training_images_are_for_validation(dataset: Dataset) -> None:
    plan = emnist.read(dataset).plan
    assert [plan["train"][1].tolist(), plan["validation"][1].tolist()] == [[0, 1, 2], [3, 4]]
    assert plan["validation"][0] == "train"


def test_another_archive_is_not_opened(dataset: Dataset) -> None:
    path = Path(dataset.root, "EMNIST", "raw", "gzip.zip")
    path.write_bytes(b"another one")
    with pytest.raises(UserError, match=r"gzip.zip: found MD5 sum"):
        emnist.read(dataset)


def test_archive_without_a_selection_is_refused(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KNOWN, "emnist_letters", KNOWN["emnist_digits"])
    letters = dataset.model_copy(update={"name": "emnist_letters"})
    with pytest.raises(UserError, match=r"found no gzip/emnist-letters-train-images"):
        emnist.read(letters)


def test_every_selection_has_as_many_images_for_validation_as_for_the_test() -> None:
    assert len(SELECTIONS) == 6
    for name in SELECTIONS:
        facts = KNOWN[name]
        assert facts.split is not None
        assert facts.split.validation == facts.split.test
        assert sum(facts.split) == facts.images


def test_sum_of_the_archive_is_torchvisions() -> None:
    assert published.archive_sums("EMNIST") == {"gzip.zip": "58c8d27c78d21e728a6bc7b3cc06412e"}
