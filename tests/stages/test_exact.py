from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from flowdepth.analysis.readers import EXACT
from flowdepth.data import prepared
from flowdepth.data.inputs import observed
from flowdepth.data.prepare import prepare
from flowdepth.estimation.importance import estimate
from flowdepth.estimation.quadrature import Exact
from flowdepth.model import checkpoint
from flowdepth.model.replicas import build
from flowdepth.settings.sections import Dataset, Flow, Model, TrainSettings
from flowdepth.stages import evaluate
from flowdepth.stages.exact import compare, per_image
from helpers import leave_provenance

MODEL = Model(hidden=(16,), latent=2, activation="tanh")
SEEDS = (3, 7)
WRITTEN = ("data.safetensors", "model.safetensors", "images.parquet")


def header(*statuses: str) -> checkpoint.Header:
    outcomes = [
        {"seed": seed, "status": status, "message": "", "best_epoch": 1, "epochs": 1}
        for seed, status in zip(SEEDS, statuses or ("done", "done"), strict=True)
    ]
    return checkpoint.Header(TrainSettings(model=MODEL), 1, 64, outcomes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images, a pack and what evaluate wrote of it."""
    images = prepare(Dataset(test=0.03))
    prepared.save(images, tmp_path / "data.safetensors")
    vae = build(MODEL, Flow(), 1, 64, SEEDS)
    checkpoint.save(tmp_path / "model.safetensors", vae, header())
    result = estimate(vae, observed(images, "test", torch.float32), SEEDS, 300)
    evaluate.per_image(result, SEEDS).to_parquet(tmp_path / "images.parquet", index=False)
    leave_provenance(tmp_path, "evaluate", WRITTEN)
    return tmp_path


def call(folder: Path, to: str) -> subprocess.CompletedProcess[str]:
    words = {
        "images": folder / "data.safetensors",
        "model": folder / "model.safetensors",
        "per-image": folder / "images.parquet",
        "exact": folder / to / "exact.csv",
        "exact-per-image": folder / to / "exact.parquet",
        "provenance": folder / to / "exact.provenance.json",
        "depth": 1,
        "trained": header().settings.canonical(),
    }
    options = [word for name, path in words.items() for word in (f"--{name}", str(path))]
    command = [sys.executable, "-m", "flowdepth.stages.exact", *options]
    command += ["--seeds", *map(str, SEEDS)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_command_line_prints_no_table_or_gives_other_bytes(folder: Path) -> None:
    printed = [call(folder, to).stdout for to in ("a", "b")]
    for name in ("exact.csv", "exact.parquet"):
        assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes()
    frame = pd.read_csv(folder / "a" / "exact.csv")
    assert tuple(frame) == EXACT
    assert frame["seed"].tolist() == [*SEEDS]
    assert (frame["exact_error"] < 1e-6).all()
    assert (frame["difference"].abs() < 0.5).all()
    for name in EXACT:
        assert name in printed[0]
    by_image = pd.read_parquet(folder / "a" / "exact.parquet")
    assert list(by_image) == ["seed", "image", "exact_log_p", "error"]
    means = -by_image.groupby("seed")["exact_log_p"].mean()
    np.testing.assert_allclose(means, frame["exact_nll"])


def test_estimates_of_other_images_are_compared(folder: Path) -> None:
    path = folder / "images.parquet"
    pd.read_parquet(path).iloc[1:].to_parquet(path, index=False)
    leave_provenance(folder, "evaluate", WRITTEN)
    done = call(folder, "a")
    assert done.returncode == 1
    assert "found 107 estimates, expected those of the 108 pairs" in done.stderr
    assert "Traceback" not in done.stderr


def compared(*statuses: str) -> pd.DataFrame:
    log_p = torch.tensor([[-10.0, -20.0], [-30.0, -40.0]], dtype=torch.float64)
    error = torch.tensor([1e-7, 2e-7], dtype=torch.float64)
    exact = Exact(log_p, torch.full_like(log_p, 1e-6), error)
    by_image = per_image(exact, SEEDS)
    estimates = by_image[["seed", "image"]].assign(
        log_p=[-10.3, -20.0, -29.6, -40.2], mcse=[0.3, 0.4, 0.1, 0.1]
    )
    return compare(by_image, estimates, exact, header(*statuses)).set_index("seed")


def test_difference_has_the_wrong_sign_or_unit() -> None:
    frame = compared()
    assert frame["exact_nll"].tolist() == pytest.approx([15, 35])
    assert frame["exact_error"].tolist() == [1e-7, 2e-7]
    assert frame["nll"].tolist() == pytest.approx([15.15, 34.9])
    assert frame["nll_mcse"].tolist() == pytest.approx([0.25, 0.02**0.5 / 2])
    assert frame["difference"].tolist() == pytest.approx([0.15, -0.1])
    assert frame["difference_in_mcse"].tolist() == pytest.approx([0.6, -(2**0.5)])
    assert frame["worst_image_in_mcse"].tolist() == pytest.approx([1, 4])


def test_failed_seed_has_numbers() -> None:
    frame = compared("failed", "done")
    assert frame.loc[3].isna().all()
    assert frame.loc[7].notna().all()
