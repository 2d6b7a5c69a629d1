from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flowdepth.data import prepared
from flowdepth.settings.sections import Dataset
from flowdepth.stages import command, prepare
from flowdepth.stages.prepare import prepare_images
from flowdepth.study import provenance


def test_preparing_says_and_writes_what_it_read(tmp_path: Path) -> None:
    settings = Dataset(binarisation="dynamic").canonical({"root"})
    words = [sys.executable, "-m", "flowdepth.stages.prepare", "--settings", settings]
    words += ["--study", str(tmp_path / "new")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "reading digits from scikit-learn" in done.stdout
    assert "1258 train, 180 validation, 359 test images of 8 x 8 pixels" in done.stdout
    path = tmp_path / "new" / "data" / "images.safetensors"
    assert "values up to 16, taken as levels from 0 to 16" in done.stdout
    assert prepared.load(path).train_levels == 17
    provenance.verify_outputs(path.with_name("prepare.provenance.json"))


def test_images_are_read_from_the_root_that_the_command_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, images=np.arange(120, dtype=np.uint8).reshape(20, 2, 3))
    settings = Dataset(name="images").canonical({"root"})
    words = ["prepare", "--settings", settings, "--study", str(tmp_path), "--root", str(path)]
    monkeypatch.setattr(sys, "argv", words)
    prepare.main()
    images = prepared.load(tmp_path / "data" / "images.safetensors")
    assert (images.height, images.width) == (2, 3)
    record = provenance.read(tmp_path / "data" / "prepare.provenance.json")
    assert "root" not in record["settings"]


def test_preparing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        prepare_images(Dataset(), tmp_path / folder)
    first, second = (tmp_path / folder / "data" / "images.safetensors" for folder in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('{"nam": "digits"}', "expected the section dataset as JSON (nam: unknown key; did you"),
        ("{", "expected the section dataset as JSON"),
        ('{"test": 0}', "dataset.test: found 0"),
    ],
)
def test_wrong_settings_are_explained_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, message: str
) -> None:
    words = ["prepare", "--settings", settings, "--study", str(tmp_path / "study")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as caught:
        command.run(prepare.main)
    assert message in str(caught.value.code)
    assert list(tmp_path.iterdir()) == []
