from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flowdepth.analysis.gaps import COLUMNS
from flowdepth.data import prepared
from flowdepth.data.prepare import prepare
from flowdepth.model import checkpoint
from flowdepth.model.replicas import build
from flowdepth.settings.sections import Dataset, Flow, Gaps, Model, TrainSettings
from flowdepth.stages import gaps
from flowdepth.study import provenance
from helpers import leave_provenance

SEEDS = (3, 7)
TRAINED = TrainSettings(model=Model(hidden=(16,), latent=2))
FEW = Gaps(images=4, steps=6, samples=20)


def write_pack(folder: Path, statuses: tuple[str, str] = ("done", "done")) -> None:
    outcomes = [
        {"seed": seed, "status": status, "message": "", "best_epoch": 1, "epochs": 1}
        for seed, status in zip(SEEDS, statuses, strict=True)
    ]
    header = checkpoint.Header(TRAINED, 2, 64, outcomes)
    checkpoint.save(
        folder / "model.safetensors", build(TRAINED.model, Flow(), 2, 64, SEEDS), header
    )
    prepared.save(prepare(Dataset()), folder / "images.safetensors")
    leave_provenance(folder, "train", ["model.safetensors", "images.safetensors"])


def command(folder: Path, settings: Gaps = FEW, output: str = "") -> list[str]:
    return [
        *("--settings", settings.canonical(), "--device", "cpu"),
        *("--images", str(folder / "images.safetensors")),
        *("--model", str(folder / "model.safetensors")),
        *("--gaps", str(folder / output / "gaps.parquet")),
        *("--depth", "2", "--seeds", *map(str, SEEDS), "--trained", TRAINED.canonical()),
        *("--provenance", str(folder / output / "gaps.provenance.json")),
    ]


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, settings: Gaps = FEW) -> pd.DataFrame:
    monkeypatch.setattr(sys, "argv", ["gaps", *command(folder, settings)])
    gaps.main()
    return pd.read_parquet(folder / "gaps.parquet")


def test_command_line_leaves_files_out_or_gives_other_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pack(tmp_path)
    frame = run(tmp_path, monkeypatch)
    words = [sys.executable, "-m", "flowdepth.stages.gaps", *command(tmp_path, output="b")]
    subprocess.run(words, check=True, capture_output=True)
    first, second = (tmp_path / folder / "gaps.parquet" for folder in ("", "b"))
    assert first.read_bytes() == second.read_bytes()
    assert tuple(frame) == COLUMNS
    assert frame[["seed", "image"]].to_numpy().tolist() == [[s, i] for s in SEEDS for i in range(4)]
    whole = frame["approximation"] + frame["amortisation"]
    np.testing.assert_allclose(whole, frame["log_p"] - frame["elbo"])
    provenance.verify_outputs(tmp_path / "gaps.provenance.json")


def test_failed_seed_has_gaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pack(tmp_path, ("failed", "done"))
    assert set(run(tmp_path, monkeypatch)["seed"]) == {7}


def test_pack_of_failures_ends_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pack(tmp_path, ("failed", "failed"))
    frame = run(tmp_path, monkeypatch)
    assert frame.empty
    assert tuple(frame) == COLUMNS


def test_too_few_steps_go_unsaid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pack(tmp_path)
    eager = FEW.model_copy(update={"learning_rate": 0.1, "steps": 20, "samples": 200})
    run(tmp_path, monkeypatch, eager)
    assert "gaps.steps = 20 was too small" in capsys.readouterr().out


def test_no_images_are_a_traceback(tmp_path: Path) -> None:
    write_pack(tmp_path)
    words = [sys.executable, "-m", "flowdepth.stages.gaps", *command(tmp_path, Gaps(images=0))]
    refused = subprocess.run(words, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: gaps.images is 0")
