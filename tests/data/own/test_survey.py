from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from flowdepth.base.errors import UserError
from flowdepth.data.own import reading, survey
from flowdepth.settings.sections import Dataset


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images that lie there for an hour, and a cache of this test's own."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    monkeypatch.setattr(survey, "_SETTLED", -60.0)
    path = tmp_path / "own.npz"
    write(path, 0)
    return path


def write(path: Path, seed: int) -> None:
    np.savez(path, images=np.random.default_rng(seed).integers(0, 256, (9, 3, 4), dtype=np.uint8))


def surveyed(path: Path, **settings: object) -> survey.Survey:
    survey._survey.cache_clear()  # as another process
    return survey.survey(Dataset(name="images", root=str(path), **settings))


def test_facts_are_those_of_the_images(images: Path) -> None:
    found = surveyed(images)
    assert (found.counts, found.height, found.width) == ({"images": 9}, 3, 4)
    assert (found.levels, found.classes, found.kind) == (256, 0, ".npz")


def test_images_that_stay_what_they_are_are_read_once(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = surveyed(images)
    monkeypatch.setattr(reading, "read", lambda dataset: pytest.fail("read again"))
    assert surveyed(images) == first
    assert surveyed(images, seed=3, binarisation="dynamic") == first


def test_other_images_of_the_same_size_and_time_are_read(images: Path) -> None:
    first, then = surveyed(images), images.stat()
    time.sleep(0.02)
    write(images, 1)
    os.utime(images, ns=(then.st_atime_ns, then.st_mtime_ns))
    assert images.stat().st_size == then.st_size
    assert surveyed(images).sums != first.sums


def test_other_ways_to_read_are_told_apart(images: Path) -> None:
    surveyed(images)
    assert surveyed(images, size=[2, 2], resize="crop").height == 2


def test_images_written_a_moment_ago_are_not_remembered(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "_SETTLED", 2.0)
    surveyed(images)
    assert not (images.parent / "cache").exists()


def test_a_refusal_is_not_remembered(images: Path) -> None:
    images.write_bytes(b"nothing")
    for _ in range(2):
        with pytest.raises(UserError, match="found no readable"):
            surveyed(images)
