from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flowdepth.base.errors import UserError
from flowdepth.data import prepared
from flowdepth.settings.sections import Dataset
from flowdepth.stages.describe import describe_images
from flowdepth.stages.prepare import prepare_images
from flowdepth.study import provenance


def facts_of(dataset: Dataset, folder: Path) -> dict:
    prepare_images(dataset, folder)
    describe_images(dataset, folder)
    return json.loads((folder / "data" / "dataset.json").read_text())


def test_the_command_writes_facts_beside_the_images(tmp_path: Path) -> None:
    prepare_images(Dataset(), tmp_path)
    words = [sys.executable, "-m", "flowdepth.stages.describe", "--study", str(tmp_path)]
    words += ["--settings", Dataset().canonical({"root"})]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    path = tmp_path / "data" / "dataset.json"
    assert str(path) in done.stdout
    assert json.loads(path.read_text())["sizes"]["train"] == 1258
    record = path.with_name("describe.provenance.json")
    provenance.verify_outputs(record)
    assert "images.safetensors" in provenance.read(record)["inputs"]


def test_facts_describe_the_images(tmp_path: Path) -> None:
    facts = facts_of(Dataset(), tmp_path)
    images = prepared.load(tmp_path / "data" / "images.safetensors")
    assert facts["sha256"] == prepared.pixel_sums(images)
    index = images.index["test"].numpy().tobytes()
    assert facts["index_sha256"]["test"] == hashlib.sha256(index).hexdigest()
    assert facts["sizes"] == {"train": 1258, "validation": 180, "test": 359}
    assert (facts["name"], facts["binarisation"]) == ("digits", "static")
    assert (facts["height"], facts["width"], facts["levels"]) == (8, 8, 2)
    assert facts["sources"] == {}


def test_facts_have_the_sum_of_the_source_file(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, images=np.arange(120, dtype=np.uint8).reshape(20, 2, 3))
    facts = facts_of(Dataset(name="images", root=str(path)), tmp_path)
    assert facts["sources"] == {"own.npz": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_peculiar_images_raise_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, images=np.tile(np.uint8([[0, 1, 1], [0, 0, 1]]), (20, 1, 1)))
    facts = facts_of(Dataset(name="images", root=str(path)), tmp_path)
    assert facts["peculiarities"]["constant_pixels"] == 6
    assert "warning: All training images are the same" in capsys.readouterr().out


def test_describing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        facts_of(Dataset(), tmp_path / folder)
    first, second = (tmp_path / folder / "data" / "dataset.json" for folder in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_damaged_images_are_not_described(tmp_path: Path) -> None:
    prepare_images(Dataset(), tmp_path)
    path = tmp_path / "data" / "images.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="damaged or another file"):
        describe_images(Dataset(), tmp_path)
    assert not (tmp_path / "data" / "dataset.json").exists()
