from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flowdepth.data import prepared
from flowdepth.settings.sections import Dataset
from flowdepth.stages import prepare


def facts_of(dataset: Dataset, folder: Path) -> dict:
    prepare.prepare(dataset, folder / "images.safetensors", folder / "facts.json")
    return json.loads((folder / "facts.json").read_text())


def test_command_line_does_not_write_what_it_says(tmp_path: Path) -> None:
    images, facts = tmp_path / "new" / "images.safetensors", tmp_path / "new" / "facts.json"
    settings = Dataset(binarisation="dynamic").canonical()
    command = [sys.executable, "-m", "flowdepth.stages.prepare", "--settings", settings]
    command += ["--images", images, "--facts", facts, "--provenance", facts.with_name("p.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "1258 train, 180 validation, 359 test images of 8 x 8 pixels" in done.stdout
    assert str(images) in done.stdout
    assert prepared.load(images).train_levels == 17
    assert json.loads(facts.read_text())["sizes"]["train"] == 1258


def test_facts_do_not_describe_the_images(tmp_path: Path) -> None:
    facts = facts_of(Dataset(), tmp_path)
    images = prepared.load(tmp_path / "images.safetensors")
    assert facts["sha256"] == prepared.pixel_sums(images)
    index = images.index["test"].numpy().tobytes()
    assert facts["index_sha256"]["test"] == hashlib.sha256(index).hexdigest()
    assert facts["sizes"] == {"train": 1258, "validation": 180, "test": 359}
    assert (facts["name"], facts["binarisation"]) == ("digits", "static")
    assert (facts["height"], facts["width"], facts["levels"]) == (8, 8, 2)
    assert facts["sources"] == {}


def test_source_file_goes_unrecorded(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, images=np.arange(120, dtype=np.uint8).reshape(20, 2, 3))
    facts = facts_of(Dataset(name="npz", root=str(path)), tmp_path)
    assert facts["sources"] == {"own.npz": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_preparing_again_gives_other_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for folder in ("a", "b"):
        facts_of(Dataset(), tmp_path / folder)
    for name in ("images.safetensors", "facts.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('{"nam": "digits"}', "expected the section dataset as JSON (nam: Extra"),
        ("{", "expected the section dataset as JSON"),
        ('{"test": 0}', "dataset.test: found 0"),
    ],
)
def test_wrong_settings_end_in_a_traceback_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, message: str
) -> None:
    argv = ["prepare", "--settings", settings]
    argv += [f"--{name}={tmp_path / name}" for name in ("images", "facts", "provenance")]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as caught:
        prepare.command.run(prepare.main)
    assert message in str(caught.value.code)
    assert list(tmp_path.iterdir()) == []
