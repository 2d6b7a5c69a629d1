"""A plausible results folder, fabricated, and its report: nothing is trained here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import save_file

from flowdepth.analysis.results import StudyResults
from flowdepth.data import prepared
from flowdepth.data.prepared import Images
from flowdepth.settings.datasets import SPLITS
from flowdepth.settings.study import Study, read_study
from flowdepth.stages import report
from flowdepth.study import layout
from helpers import leave_pack_provenance, leave_provenance
from tabled import ANNEALED, finish, summarise, write_certificate, write_gaps

EPOCHS = 60
IMAGES = 40
SIZES = (1, 10, 100, 1000)
Fabricate = Callable[..., tuple[Study, list[Path]]]


@pytest.fixture
def fabricate(tmp_path: Path) -> Fabricate:
    """Give the function that fills ``tmp_path`` with the results of a study."""
    return partial(fabricate_results, tmp_path)


def fabricate_results(
    root: Path,
    depths: tuple[int, ...] = (0, 1, 4),
    seeds: tuple[int, ...] = (0, 1, 2),
    failed: Collection[tuple[int, int]] = (),
    shape: tuple[int, int] = (8, 8),
    gain: float = 0.09,
    settings: Mapping[str, Any] | None = None,
    doubtful: Collection[int] = (),
    bias: Mapping[int, float] | None = None,
) -> tuple[Study, list[Path]]:
    """Write the files of every pack under ``root``; return the study and the packs' folders.

    ``failed`` lists pairs of depth and seed; ``gain`` is in nats per doubling of K; at depths
    ``doubtful`` every tenth image has a k_hat above the limit. With ``bias``, in nats by depth,
    some images are annealed.
    """
    study = read_study(
        {"name": "digits", "depths": depths, "seeds": seeds, "seeds_per_job": 3}
        | {"gaps": {"images": 0}, "certify": {"images": ANNEALED if bias else 0}}
        | (settings or {})
    )
    _write_dataset(root / "data", shape)
    packs = []
    for depth in depths:
        for name, pack in study.packs().items():
            folder = layout.pack(root, depth, name)
            folder.mkdir(parents=True)
            _write_pack(folder, study, depth, pack, failed, shape, gain, depth in doubtful)
            if study.certify.images:
                write_certificate(folder, pack, (bias or {}).get(depth, 1.0), failed)
            packs.append(folder)
    return study, packs


def _write_pack(
    folder: Path,
    study: Study,
    depth: int,
    seeds: tuple[int, ...],
    failed: Collection[tuple[int, int]],
    shape: tuple[int, int],
    gain: float,
    doubtful: bool,
) -> None:
    rows, curves, images, sizes = [], [], [], []
    for seed in seeds:
        broken = (depth, seed) in failed
        row = _metrics_row(study, depth, seed, gain) | {"k_hat_share": 0.1 * doubtful}
        rows.append(_failure(row) if broken else row)
        curves.append(_history(seed, row["elbo"], depth, 7 if broken else EPOCHS))
        images.append(_images(seed, depth, np.nan if broken else row["nll"], doubtful))
        sizes.append(_convergence(seed, row["nll"])[: 0 if broken else None])
    pd.DataFrame(rows).to_csv(folder / "metrics.csv", index=False)
    pd.concat(curves).to_csv(folder / "history.csv", index=False)
    pd.concat(images).to_parquet(folder / "images.parquet", index=False)
    pd.concat(sizes).to_csv(folder / "convergence.csv", index=False)
    _write_examples(folder / "examples.safetensors", seeds, shape)
    leave_pack_provenance(folder, study, depth, seeds)


def _metrics_row(study: Study, depth: int, seed: int, gain: float) -> dict[str, Any]:
    shared = np.random.default_rng(seed).normal(0, 0.12)  # what pairing takes out
    own = np.random.default_rng((1, depth, seed)).normal(0, 0.04)
    nll = 22.4 - gain * np.log2(depth + 1) + shared + own
    elbo = -nll - 0.9 + 0.05 * np.log2(depth + 1) + own
    bits = {"bits_per_dim": 3.1 + own} if study.model.likelihood == "normal" else {}
    return {
        **{"seed": seed, "status": "done", "message": "", "best_epoch": EPOCHS - 4},
        **{"epochs": EPOCHS, "elbo": elbo, "nll": nll, "nll_mcse": 0.004, "kl": 9.5 + own},
        "nll_image_se": 0.8,
        **{"reconstruction": elbo + 9.5 + own, "ess": 900.0 + 100 * own, "active_units": 8},
        **{"parameters": 110_000 + 3417 * depth, **bits},
    }


def _failure(row: dict[str, Any]) -> dict[str, Any]:
    facts = {"seed": row["seed"], "status": "failed", "message": "non-finite loss in epoch 7"}
    return dict.fromkeys(row) | facts


def _images(seed: int, depth: int, nll: float, doubtful: bool) -> pd.DataFrame:
    """Return images whose mean log p is that of the metrics; what differs is theirs by nature."""
    image = np.arange(IMAGES)
    own = np.random.default_rng((3, depth, seed)).normal(0, 0.05, IMAGES)
    deviation = 5 * np.sin(image) + own
    k_hat = 0.1 + 0.01 * image + own
    k_hat[:: 10 if doubtful else IMAGES + 1] += 0.8 * doubtful
    columns = {"log_p": -nll + deviation - deviation.mean(), "mcse": 0.03, "ess": 500 + 10 * image}
    return pd.DataFrame({"seed": seed, "image": image, **columns, "k_hat": k_hat})


def _convergence(seed: int, nll: float) -> pd.DataFrame:
    samples = np.array(SIZES)
    columns = {"nll": nll + 2 / samples, "nll_mcse": np.where(samples > 1, 0.1 / samples, np.nan)}
    return pd.DataFrame({"seed": seed, "samples": samples, **columns})


def _history(seed: int, elbo: float, depth: int, epochs: int) -> pd.DataFrame:
    epoch = np.arange(1, epochs + 1)
    noise = np.random.default_rng((2, depth, seed)).normal(0, 0.05, epochs)
    validation = elbo - 22 * np.exp(-epoch / 5) - 1.2 * np.exp(-epoch / 20) + noise
    columns = {"updates": 11 * epoch, "train": validation + 0.6, "validation": validation}
    beta = np.minimum(1, epoch / 30)
    return pd.DataFrame({"seed": seed, "epoch": epoch, **columns, "beta": beta})


def _write_examples(path: Path, seeds: tuple[int, ...], shape: tuple[int, int]) -> None:
    height, width = shape
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    radii = np.linspace(0.15, 0.45, 10)[:, None, None]
    distance = np.hypot(x - 0.5, y - 0.5)
    rings = np.exp(-(((distance - radii) / 0.12) ** 2)).reshape(10, -1).astype(np.float32)
    chance = np.random.default_rng(seeds).uniform(0, 0.2, (2, len(seeds), *rings.shape))
    blurred = (0.8 * rings + chance).astype(np.float32)
    images = {"originals": (rings > 0.5).astype(np.float32)}
    images |= {"reconstructions": blurred[0], "samples": blurred[1]}
    facts = {"seeds": list(seeds), "height": height, "width": width}
    save_file(images, path, {"examples": json.dumps(facts)})


def _write_dataset(folder: Path, shape: tuple[int, int]) -> None:
    sizes = {"train": 1258, "validation": 180, "test": 359}
    facts = {
        **{"name": "digits", "height": shape[0], "width": shape[1], "levels": 17},
        "understood": "",
        **{"binarisation": "static", "sizes": sizes, "sources": {}},
        "peculiarities": {
            **{"brightest": 16, "white": 16, "constant_pixels": 3, "distinct_train": 1258},
            **{"validation_in_train": 0, "test_in_train": 2},
        },
        "sha256": {split: f"{i}a" * 32 for i, split in enumerate(sizes)},
    }
    folder.mkdir(parents=True)
    (folder / "dataset.json").write_text(json.dumps(facts))
    prepared.save(_images_of_chance(*shape), folder / "images.safetensors")
    leave_provenance(folder, "prepare", ["images.safetensors"])
    leave_provenance(folder, "describe", ["dataset.json"])


def _images_of_chance(height: int, width: int) -> Images:
    chance = torch.Generator().manual_seed(0)
    pixels = torch.rand(3, 20, height * width, generator=chance).lt(0.3).byte()
    index = {split: torch.arange(20) for split in SPLITS}
    return Images(*pixels, height, width, 2, 2, 0, None, index)


@pytest.fixture
def summarised(fabricate: Fabricate, tmp_path: Path) -> Callable[..., StudyResults]:
    """Give the function that fabricates results and their tables of numbers."""

    def make(**kwargs: object) -> StudyResults:
        study, packs = fabricate(**kwargs)
        if study.gaps.images:
            write_gaps(study, packs, failed=kwargs.get("failed", ()))
        return summarise(study, packs, tmp_path)

    return make


@pytest.fixture
def render(
    fabricate: Fabricate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Give the function that fabricates results and returns the report's HTML."""

    def write(**kwargs: object) -> str:
        study, packs = fabricate(**kwargs)
        finish(study, packs, tmp_path)
        command = ["--settings", study.whole(), "--study", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", ["report", *command])
        report.main()
        return (tmp_path / "report.html").read_text()

    return write
