from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from flowdepth.estimation.annealed import Sample, anneal, simulate
from flowdepth.estimation.annealing import Space, Walk
from flowdepth.forecast.work import disk_mb, steps
from flowdepth.model import checkpoint
from flowdepth.model.replicas import build
from flowdepth.settings.study import Study
from helpers import binary_images, small_vae


def study(**settings: object) -> Study:
    return Study.model_validate({"name": "test", "depths": [0], "seeds": [0], **settings})


def test_updates_are_those_of_whole_epochs_of_cut_batches() -> None:
    # 1797 digits leave 1258 for training: nine batches of 128 and one of 106.
    assert steps("train", study(training={"epochs": 3})) == {"update": 30}
    assert steps("train", study(training={"epochs": None, "updates": 7})) == {"update": 7}


def test_importance_sampling_meets_every_test_image() -> None:
    assert steps("evaluate", study()) == {"image": 359}


def test_distributions_are_those_that_annealing_walks_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    walked, step = [], Space.step

    def counted(
        space: Space, walk: Walk, betas: Sequence[float], noise: Tensor, adapts: bool
    ) -> Walk:
        walked.append(space.x.shape[1])
        return step(space, walk, betas, noise, adapts)

    monkeypatch.setattr(Space, "step", counted)
    certify = {"images": 3, "simulated": 2, "distributions": 30, "chains": 2}
    settings, x = study(certify=certify), binary_images(3)
    drawn = simulate(model := small_vae(depth=1), (0,), 2, x)
    anneal(model, [Sample("test", x[None], range(3)), drawn], (0,), settings.certify)
    assert steps("certify", settings) == {"distribution": sum(walked), "image": 2}


def test_stage_of_the_whole_study_has_no_steps() -> None:
    assert steps("figures", study()) == {}


@pytest.mark.parametrize("depth", [0, 8])
def test_disk_of_a_training_is_that_of_its_model(tmp_path: Path, depth: int) -> None:
    settings, path = study(), tmp_path / "model.safetensors"
    words = (settings.model, settings.flow, depth, 64, (0, 1))
    facts = {"status": "done", "message": "", "best_epoch": 1, "epochs": 1}
    outcomes: list[Any] = [{"seed": seed, **facts} for seed in (0, 1)]
    header = checkpoint.Header(settings.train_settings(), depth, 8, 8, outcomes)
    checkpoint.save(path, build(*words, torch.device("cpu"), torch.float32), header)
    expected = pytest.approx(path.stat().st_size / 2**20, rel=0.02)
    assert disk_mb("train", settings, depth, 2) == expected
