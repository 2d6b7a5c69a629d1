"""Stages that are stopped, by a signal or in their last moment, and that go on afterwards."""

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
        "training": {"epochs": 3},
        "objective": {"annealing": {"length": 1}},
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


@pytest.mark.parametrize("stage", ["train", "evaluate", "certify", "gaps", "exact"])
def test_a_stage_whose_outputs_were_taken_for_torn_repeats_no_work(
    tmp_path: Path, study: Path, stage: str
) -> None:
    """Snakemake removes what a job wrote that is killed between its last write and its end."""
    shutil.copytree(study, tmp_path / "t")
    pack = pack_of(tmp_path / "t", STUDY)
    words = [*pack_command(stage, tmp_path / "t", STUDY), "--save-every", "0"]
    outputs = [*layout.outputs(stage, pack).values(), layout.provenance(stage, pack)]
    subprocess.run(words, check=True, capture_output=True)
    written = [path.read_bytes() for path in outputs[:-1]]
    for path in outputs:
        path.unlink()
    again = subprocess.run(words, check=True, capture_output=True, text=True)
    assert "going on after" in again.stdout
    assert " left" not in again.stdout
    assert [path.read_bytes() for path in outputs[:-1]] == written
