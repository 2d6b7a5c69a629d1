from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from flowdepth.analysis.columns import PACK_CONVERGENCE, PACK_METRICS
from flowdepth.analysis.readers import read_examples
from flowdepth.data import prepared
from flowdepth.data.inputs import observed
from flowdepth.data.prepare import prepare
from flowdepth.estimation.importance import estimate
from flowdepth.model import checkpoint
from flowdepth.model.replicas import build
from flowdepth.settings.sections import Dataset, Evaluate, Flow, Model, TrainSettings
from flowdepth.stages import evaluate
from flowdepth.stages.evaluate import convergence, examples, metrics, per_image
from flowdepth.study import provenance
from helpers import leave_provenance


def header(model: Model, statuses: tuple[str, ...] = ("done", "done")) -> checkpoint.Header:
    outcomes = [
        {"seed": seed, "status": status, "message": "", "best_epoch": 1, "epochs": 1}
        for seed, status in zip((3, 7), statuses, strict=False)
    ]
    return checkpoint.Header(TrainSettings(model=model), 2, 64, outcomes)


MODEL = Model(hidden=(16,), latent=2)


def test_command_line_leaves_files_out_or_gives_other_bytes(tmp_path: Path) -> None:
    prepared.save(prepare(Dataset()), tmp_path / "images.safetensors")
    vae = build(MODEL, Flow(), 2, 64, (3, 7))
    checkpoint.save(tmp_path / "model.safetensors", vae, header(MODEL))
    leave_provenance(tmp_path, "train", ["model.safetensors"])
    leave_provenance(tmp_path, "prepare", ["images.safetensors"])
    files = {
        "metrics": "metrics.csv",
        "per-image": "images.parquet",
        "convergence": "convergence.csv",
        "examples": "examples.safetensors",
        "provenance": "evaluate.provenance.json",
    }
    for folder, precision in {"a": "float32", "b": "float32", "c": "bf16"}.items():
        words = [
            *(sys.executable, "-m", "flowdepth.stages.evaluate"),
            *("--settings", Evaluate(samples=20, precision=precision).canonical()),
            *("--images", str(tmp_path / "images.safetensors")),
            *("--model", str(tmp_path / "model.safetensors")),
            *("--depth", "2", "--seeds", "3", "7", "--trained", header(MODEL).settings.canonical()),
            *(w for name, file in files.items() for w in (f"--{name}", tmp_path / folder / file)),
        ]
        subprocess.run(words, check=True, capture_output=True)
    for file in ("metrics.csv", "images.parquet", "convergence.csv", "examples.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert (tmp_path / "a" / "metrics.csv").read_bytes() != (
        tmp_path / "c" / "metrics.csv"
    ).read_bytes()
    frame = pd.read_csv(tmp_path / "a" / "metrics.csv")
    images = pd.read_parquet(tmp_path / "a" / "images.parquet")
    assert set(PACK_METRICS) <= set(frame)
    assert images.groupby("seed").size().to_dict() == {3: 359, 7: 359}
    np.testing.assert_allclose(-images.groupby("seed")["log_p"].mean(), frame["nll"])
    sizes = pd.read_csv(tmp_path / "a" / "convergence.csv")
    assert list(sizes) == list(PACK_CONVERGENCE)
    assert sizes["samples"].tolist() == [1, 2, 5, 10, 20] * 2
    np.testing.assert_allclose(sizes.loc[sizes["samples"] == 20, "nll"], frame["nll"])
    assert frame["k_hat_share"].isna().all()  # too few samples
    provenance.verify_outputs(tmp_path / "a" / "evaluate.provenance.json")
    assert read_examples(tmp_path / "a", 10).samples.shape == (2, 10, 8, 8)


def evaluated(
    model: Model, statuses: tuple[str, ...], count: int = 50
) -> tuple[pd.DataFrame, pd.DataFrame]:
    binarisation = "none" if model.likelihood == "normal" else "static"
    images = prepare(Dataset(binarisation=binarisation))
    head = header(model, statuses)
    vae = build(model, Flow(), 2, 64, head.seeds)
    result = estimate(vae, observed(images, "test", torch.float32)[:count], head.seeds, 30)
    return metrics(result, vae, head, images), per_image(result, head.seeds)


def test_error_of_the_mean_ignores_some_images_or_forgets_to_divide() -> None:
    frame, images = evaluated(MODEL, ("done", "done"))
    for row in frame.itertuples():
        mine = images[images["seed"] == row.seed]
        assert row.nll == pytest.approx(-mine["log_p"].mean())
        assert row.nll_mcse == pytest.approx(math.sqrt((mine["mcse"] ** 2).sum()) / 50)
        assert row.nll_image_se == pytest.approx(mine["log_p"].std() / math.sqrt(50))
        assert row.k_hat_share == pytest.approx((mine["k_hat"] > 0.7).mean())
        assert row.ess == pytest.approx(mine["ess"].mean())
        assert row.kl == pytest.approx(row.reconstruction - row.elbo)
        assert -row.nll > row.elbo


def test_share_counts_images_without_a_shape() -> None:
    k_hat = torch.tensor([[0.9, math.inf, math.nan, 0.1], [math.nan] * 4, [0.7, 0.1, 0.2, 0.3]])
    share = evaluate._share_above(k_hat)
    assert share[0] == 2 / 3
    assert share[1].isnan()
    assert share[2] == 0


def test_one_image_has_an_error_across_images() -> None:
    frame, _ = evaluated(MODEL, ("done", "done"), count=1)
    assert frame["nll"].notna().all()
    assert frame["nll_image_se"].isna().all()


def test_failed_seed_is_in_the_convergence_or_its_rows_are_another_seed_s() -> None:
    images = prepare(Dataset())
    vae = build(MODEL, Flow(), 2, 64, (3, 7))
    result = estimate(vae, observed(images, "test", torch.float32)[:20], (3, 7), 30)
    frame = convergence(result, header(MODEL, ("failed", "done")), 30)
    assert frame["seed"].unique().tolist() == [7]
    assert frame["nll"].iloc[-1] == pytest.approx(-result.log_p[1].mean().item())
    assert frame["nll_mcse"].isna().tolist() == [True] + [False] * (len(frame) - 1)
    none = convergence(result, header(MODEL, ("failed", "failed")), 30)
    assert none.empty
    assert list(none) == list(PACK_CONVERGENCE)


def test_failed_seed_has_numbers() -> None:
    frame, _ = evaluated(MODEL, ("failed", "done"))
    assert frame["nll"].isna().tolist() == [True, False]
    assert frame["status"].tolist() == ["failed", "done"]


def test_parameters_of_all_seeds_are_counted() -> None:
    frame, _ = evaluated(MODEL, ("done", "done"))
    encoder, decoder = 65 * 16 + 17 * (4 + 2 * 5), 3 * 16 + 17 * 64
    assert frame["parameters"].tolist() == [encoder + decoder] * 2


def test_bits_per_dim_are_given_for_binary_pixels_or_left_out_for_grey_ones() -> None:
    grey, _ = evaluated(MODEL.model_copy(update={"likelihood": "normal"}), ("done", "done"))
    expected = grey["nll"] / (64 * math.log(2)) + math.log2(17)
    np.testing.assert_allclose(grey["bits_per_dim"], expected)
    binary, _ = evaluated(MODEL, ("done", "done"))
    assert "bits_per_dim" not in binary


def test_examples_are_not_probabilities() -> None:
    images = prepare(Dataset())
    vae = build(MODEL, Flow(), 2, 64, (3, 7))
    drawn = examples(vae, observed(images, "test", torch.float32), (3, 7))
    assert drawn["reconstructions"].shape == drawn["samples"].shape == (2, 32, 64)
    for tensor in drawn.values():
        assert ((tensor >= 0) & (tensor <= 1)).all()
