"""Stages other than training that a signal stops and that go on afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flowdepth.data import prepared
from flowdepth.data.prepare import prepare
from flowdepth.model import checkpoint
from flowdepth.model.replicas import build
from flowdepth.settings.sections import Dataset, Evaluate, Flow, Gaps, Model, TrainSettings
from helpers import leave_provenance

SEEDS = (3, 7)
MODEL = Model(hidden=(32,), latent=2)
TRAINED = TrainSettings(model=MODEL)
STAGES = {
    "evaluate": (
        Evaluate(samples=5000),
        {
            "metrics": "metrics.csv",
            "per-image": "images.parquet",
            "convergence": "convergence.csv",
            "examples": "examples.safetensors",
        },
    ),
    "gaps": (Gaps(images=30, steps=400, samples=50), {"gaps": "gaps.parquet"}),
    "exact": (None, {"exact": "exact.csv", "exact-per-image": "exact.parquet"}),
}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, a model, and what evaluate says of it."""
    folder = tmp_path_factory.mktemp("pack")
    prepared.save(prepare(Dataset(test=0.05)), folder / "data.safetensors")
    outcomes = [{"seed": s, "status": "done", "message": ""} for s in SEEDS]
    outcomes = [outcome | {"best_epoch": 1, "epochs": 1} for outcome in outcomes]
    header = checkpoint.Header(TRAINED, 2, 64, outcomes)
    checkpoint.save(folder / "model.safetensors", build(MODEL, Flow(), 2, 64, SEEDS), header)
    leave_provenance(folder, "train", ["data.safetensors", "model.safetensors"])
    words = command("evaluate", folder, folder)
    words[words.index("--settings") + 1] = Evaluate(samples=20).canonical()
    subprocess.run(words, check=True, capture_output=True)
    return folder


def command(stage: str, pack: Path, output: Path) -> list[str]:
    settings, outputs = STAGES[stage]
    paths = {
        "images": pack / "data.safetensors",
        "model": pack / "model.safetensors",
        **{name: output / file for name, file in outputs.items()},
        **({"per-image": pack / "images.parquet"} if stage == "exact" else {}),
        "provenance": output / f"{stage}.provenance.json",
    }
    return [
        *(sys.executable, "-m", f"flowdepth.stages.{stage}"),
        *(("--settings", settings.canonical()) if settings else ()),
        *("--depth", "2", "--seeds", *map(str, SEEDS), "--trained", TRAINED.canonical()),
        *(word for name, path in paths.items() for word in (f"--{name}", str(path))),
    ]


@pytest.mark.parametrize("stage", STAGES)
def test_stopped_stage_begins_again_or_leaves_other_bytes(
    tmp_path: Path, pack: Path, stage: str
) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    subprocess.run(command(stage, pack, whole), check=True, capture_output=True)
    words = command(stage, pack, halves)
    unfinished = halves / f"{stage}_unfinished.safetensors"
    with subprocess.Popen([*words, "--save-every", "0"], stdout=subprocess.PIPE) as stopped:
        while not unfinished.exists():
            assert stopped.poll() is None
            time.sleep(0.01)
        stopped.send_signal(signal.SIGTERM)
    assert stopped.returncode == 75
    assert [path.name for path in halves.iterdir()] == [unfinished.name]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert "going on after" in done.stdout
    for file in STAGES[stage][1].values():
        assert (halves / file).read_bytes() == (whole / file).read_bytes()
    assert not unfinished.exists()
