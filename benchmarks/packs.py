"""Packs of seeds as one training, ready to be timed on any device; needs torch and flowdepth."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.work import BATCH, LEARNING_RATE, Sizes, images
from flowdepth.model.replicas import build
from flowdepth.settings.sections import Annealing, Flow, Model, Objective, Training
from flowdepth.training.loop import PackTraining

PLAIN_ELBO = Objective(annealing=Annealing(kind="none"))


class Case(NamedTuple):
    """A model and how it is trained, for any depth and number of seeds."""

    model: Model
    pixels: int
    training: Training
    objective: Objective = PLAIN_ELBO
    flow: Flow = Flow()


def case(sizes: Sizes) -> Case:
    """Return the benchmark's own work at the given sizes."""
    training = Training(batch_size=BATCH, learning_rate=LEARNING_RATE, validation_samples=1)
    return Case(Model(hidden=sizes.hidden, latent=sizes.latent), sizes.pixels, training)


class _EpochImages:
    """The same uint8 images every epoch; notes when the second epoch begins."""

    def __init__(self, case: Case, updates: int, device: torch.device) -> None:
        count = updates * case.training.batch_size
        self.x = images(count, Sizes(pixels=case.pixels)).to(device, torch.uint8)
        self.start = 0.0

    def __call__(self, epoch: int) -> Tensor:
        if epoch == 2:
            synchronise(self.x.device)
            self.start = time.perf_counter()
        return self.x


def training(
    case: Case,
    depth: int,
    seeds: int,
    epoch_images: Callable[[int], Tensor],
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> PackTraining:
    """Return the training of two epochs, validated on a single image."""
    numbers = tuple(range(seeds))
    model = build(case.model, case.flow, depth, case.pixels, numbers, device, dtype)
    settings = case.training.model_copy(update={"epochs": 2, "updates": None})
    validation = epoch_images(1)[:1].to(dtype)
    return PackTraining(model, numbers, epoch_images, validation, settings, case.objective)


def update_rate(case: Case, depth: int, seeds: int, updates: int, device: torch.device) -> float:
    """Return the seed-updates in a second of an epoch of ``updates``, counted once a seed.

    The epoch before it bears what comes once: memory, the optimiser's state, a CUDA graph.
    """
    epoch_images = _EpochImages(case, updates, device)
    training(case, depth, seeds, epoch_images, device).run(lambda line: None)
    synchronise(device)
    return seeds * updates / (time.perf_counter() - epoch_images.start)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
