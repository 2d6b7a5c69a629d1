"""The studies that repeat published protocols, cut down to two epochs of a few images."""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from checkout import ROOT, Checkout

SHORT = {"rezende2015": "updates: 4", "vandenberg2018": "epochs: 2"}


@pytest.mark.parametrize("name", SHORT)
def test_published_protocol_runs_and_shows_its_numbers(
    fresh: Checkout, tmp_path: Path, name: str
) -> None:
    study = fresh.copy(tmp_path / "study")
    chance = np.random.default_rng(0)
    np.savez(tmp_path / "images.npz", images=(chance.random((150, 28, 28)) < 0.2).astype(np.uint8))
    done = study.snakemake(
        *("--configfile", f"studies/{name}.yaml", "--config", "depths=[0, 10]", "seeds=[0]"),
        f"dataset={{name: images, root: {tmp_path / 'images.npz'}}}",
        *(f"training={{{SHORT[name]}}}", "evaluate={samples: 20}"),
        "certify={images: 2, simulated: 1, distributions: 3, chains: 2}",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = study.folder / "results" / name
    metrics = pd.read_csv(results / "metrics.csv")
    assert (metrics["status"] == "done").all()
    assert (metrics["epochs"] == 2).all()
    figure = html.unescape((results / "figures" / "nll_by_depth.svg").read_text())
    published = yaml.safe_load((ROOT / "studies" / f"{name}.yaml").read_text())["report"][
        "published"
    ]
    assert all(f"{mark['label']}: " in figure for mark in published)


def test_convolutions_refuse_images_of_another_size(fresh: Checkout) -> None:
    network = ("--configfile", "studies/vandenberg2018.yaml", "--config", "dataset={name: digits}")
    refused = fresh.snakemake(*network, "--dry-run")
    assert refused.returncode != 0
    assert "gated_conv, which takes images of 28x28 pixels" in refused.stdout + refused.stderr
