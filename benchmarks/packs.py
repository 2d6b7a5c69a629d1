"""Packs of seeds as one training, ready to be timed on any device; needs torch and flowdepth."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.work import BATCH, LEARNING_RATE, Sizes, images
from flowdepth.config import Annealing, Flow, Model, Objective, Training
from flowdepth.replicas import build
from flowdepth.training import PackTraining

PLAIN_ELBO = Objective(annealing=Annealing(kind="none"))


class Case(NamedTuple):
    """A model and how it is trained, for any depth and number of seeds."""

    model: Model
    pixels: int
    training: Training
    objective: Objective = PLAIN_ELBO


def case(sizes: Sizes) -> Case:
    """Return the benchmark's own work at the given sizes."""
    training = Training(batch_size=BATCH, learning_rate=LEARNING_RATE, validation_samples=1)
    return Case(Model(hidden=sizes.hidden, latent=sizes.latent), sizes.pixels, training)


def ready(case: Case, depth: int, seeds: int, updates: int, device: torch.device) -> PackTraining:
    """Return the training of one epoch of ``updates`` batches, validated on a single image."""
    numbers = tuple(range(seeds))
    model = build(case.model, Flow(), depth, case.pixels, numbers, device)
    settings = case.training.model_copy(update={"epochs": 1, "updates": None})
    x = _images(case, updates * case.training.batch_size, device)
    return PackTraining(model, numbers, lambda epoch: x, x[:1].float(), settings, case.objective)


def _images(case: Case, count: int, device: torch.device) -> Tensor:
    return images(count, Sizes(pixels=case.pixels)).to(device, torch.uint8)


def update_rate(case: Case, depth: int, seeds: int, updates: int, device: torch.device) -> float:
    """Return the seed-updates in a second, a seed's update counted once a seed.

    A training of a few updates comes first.
    """
    ready(case, depth, seeds, 3, device).run(lambda line: None)
    pack = ready(case, depth, seeds, updates, device)
    synchronise(device)
    start = time.perf_counter()
    pack.run(lambda line: None)
    synchronise(device)
    return seeds * updates / (time.perf_counter() - start)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
