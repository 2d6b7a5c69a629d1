"""Stages other than training that a signal stops and that go on afterwards."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from flowdepth.data.prepare import prepare
from flowdepth.settings.sections import Dataset
from flowdepth.settings.study import read_study
from flowdepth.study import layout
from trained import leave_images, leave_models, pack_command, pack_of

STUDY = read_study(
    {
        **{"name": "t", "depths": [2], "seeds": [3, 7], "model": {"hidden": [32], "latent": 2}},
        "evaluate": {"samples": 2000},
        "certify": {"images": 8, "simulated": 3, "distributions": 50, "chains": 4},
        "gaps": {"images": 10, "steps": 200, "samples": 50},
    }
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, a model and its evaluation."""
    folder = tmp_path_factory.mktemp("study")
    leave_images(folder, prepare(Dataset(test=0.02)))
    leave_models(folder, STUDY)
    subprocess.run(pack_command("evaluate", folder, STUDY), check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("stage", ["evaluate", "certify", "gaps", "exact"])
def test_a_stopped_stage_ends_with_the_bytes_of_an_undisturbed_one(
    tmp_path: Path, study: Path, stage: str
) -> None:
    for name in ("whole", "halves"):
        shutil.copytree(study, tmp_path / name)
    whole, halves = (pack_of(tmp_path / name, STUDY) for name in ("whole", "halves"))
    before = {path.name for path in halves.iterdir()}
    words = pack_command(stage, tmp_path / "whole", STUDY)
    subprocess.run(words, check=True, capture_output=True)
    words = pack_command(stage, tmp_path / "halves", STUDY)
    unfinished = halves / f"{stage}_unfinished.safetensors"
    with subprocess.Popen([*words, "--save-every", "0"], stdout=subprocess.PIPE) as stopped:
        while not unfinished.exists():
            assert stopped.poll() is None
            time.sleep(0.01)
        stopped.send_signal(signal.SIGTERM)
    assert stopped.returncode == 75
    assert {path.name for path in halves.iterdir()} - before == {unfinished.name}
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert "going on after" in done.stdout
    for path in layout.outputs(stage, halves).values():
        assert path.read_bytes() == (whole / path.name).read_bytes()
    assert not unfinished.exists()
