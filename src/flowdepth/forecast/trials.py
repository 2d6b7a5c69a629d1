"""Seconds that a step of a study's work takes here, by a few such steps on made-up images.

A step is an update of the training with its share of the validation, an image of importance
sampling, a distribution that one image is annealed through, a step of the gaps' optimisation, or a
point of the quadrature; each for all seeds of a pack.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from flowdepth.cluster.demand import schedule
from flowdepth.compute.streams import generator
from flowdepth.data import catalogue, inputs, prepared
from flowdepth.estimation.annealed import Sample, anneal
from flowdepth.estimation.ascent import Images, optimise, own_parameters
from flowdepth.estimation.importance import affordable_rows, estimate
from flowdepth.estimation.lengths import pilot_distributions
from flowdepth.estimation.quadrature import log_joint_grid
from flowdepth.model.replicas import build
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.study import Study
from flowdepth.training.loop import PackTraining

# Trials are doubled until they take so long, and twice as long as one of a single step.
_SECONDS = 0.15
# Updates before a validation; test images that share the points of the quadrature.
_EPOCH, _MOST_TESTED = 8, 1000
# Points of an axis of the quadrature's least lattice.
_AXIS = 16


class Trial:
    """A pack of ``replicas`` seeds at one depth, with random weights and images."""

    def __init__(self, study: Study, depth: int, replicas: int, device: torch.device) -> None:
        self.study, self.depth, self.device = study, depth, device
        self.seeds = tuple(range(replicas))
        self.sizes = catalogue.split_sizes(study.dataset)
        self.height, self.width = catalogue.shape(study.dataset)

    def seconds(self, step: str) -> float:
        """Return the seconds of one step of this name."""
        run: Callable[[int], int] = getattr(self, f"_{step}")
        _timed(run, 1)  # what only the first one takes
        least, amount = max(_SECONDS, 2 * _timed(run, 1)[0]), 1
        while (short := _shortest(run, amount, least))[0] < least:
            amount *= 2
        long = _shortest(run, 2 * amount, least)
        # What they share, such as building the model, is not the step's.
        return max(0.0, long[0] - short[0]) / (long[1] - short[1])

    @cached_property
    def _model(self) -> FlowVAE:
        return self._built().requires_grad_(False)

    def _built(self) -> FlowVAE:
        pixels = self.height * self.width
        words = (self.study.model, self.study.flow, self.depth, pixels, self.seeds)
        return build(*words, self.device, torch.float32)

    def _pixels(self, count: int, levels: int = 2) -> Tensor:
        """Return random images uint8 [count, P]."""
        shape = (count, self.height * self.width)
        noise = generator(0, "trial")
        return torch.randint(levels, shape, dtype=torch.uint8, generator=noise).to(self.device)

    def _update(self, amount: int) -> int:
        training = self.study.training
        per_epoch = min(amount, _EPOCH, schedule(training, self.sizes.train)[0])
        images = self._prepared(min(self.sizes.train, per_epoch * training.batch_size))
        short = {"epochs": amount // per_epoch, "updates": None, "patience": None}
        PackTraining(
            self._built(),
            self.seeds,
            lambda epoch: inputs.epoch_images(images, self.seeds, epoch, torch.float32),
            inputs.observed(images, "validation", torch.float32),
            training.model_copy(update=short),
            self.study.objective,
        ).run(lambda line: None)
        return amount // per_epoch * per_epoch

    def _prepared(self, count: int) -> prepared.Images:
        """Return images of which ``count`` are for training, and others in proportion."""
        grey = self.study.dataset.binarisation == "none"
        redrawn = self.study.dataset.binarisation == "dynamic"
        levels, train_levels = (256 if grey else 2), (256 if grey or redrawn else 2)
        validation = max(1, round(count * self.sizes.validation / self.sizes.train))
        return prepared.Images(
            train=self._pixels(count, train_levels),
            validation=self._pixels(validation, levels),
            test=self._pixels(1, levels),
            height=self.height,
            width=self.width,
            levels=levels,
            train_levels=train_levels,
            seed=0,
            test_labels=None,
            index={},
        )

    def _image(self, amount: int) -> int:
        samples = self.study.evaluate.samples
        self._model.bf16_decoder = self.study.evaluate.precision == "bf16"
        estimate(self._model, self._pixels(amount).float(), self.seeds, samples)
        self._model.bf16_decoder = False
        return amount

    def _distribution(self, amount: int) -> int:
        certify = self.study.certify.model_copy(update={"distributions": amount})
        x = self._pixels(self.study.certify.images).float()
        together = affordable_rows(self._model, x) // (len(self.seeds) * certify.chains)
        x = x[: max(1, together)].expand(len(self.seeds), -1, -1)
        anneal(self._model, [Sample("test", x, range(x.shape[1]))], self.seeds, certify)
        return x.shape[1] * (pilot_distributions(amount) + amount)

    def _ascent(self, amount: int) -> int:
        gaps = self.study.gaps.model_copy(update={"steps": amount})
        x = self._pixels(gaps.images).float().expand(len(self.seeds), -1, -1)
        keys = torch.arange(gaps.images, device=self.device).expand(len(self.seeds), -1)
        start = own_parameters(self._model.encode(x))
        optimise(Images(self._model, x, self.seeds, keys), start, gaps)
        return amount

    def _point(self, amount: int) -> int:
        x = self._pixels(min(self.sizes.test, _MOST_TESTED)).double()
        axis = torch.linspace(-3, 3, _AXIS * amount, dtype=torch.float64, device=self.device)
        log_joint_grid(self._model.double(), x, axis)
        self._model.float()
        return int(len(axis) ** self.study.model.latent)


def _shortest(run: Callable[[int], int], amount: int, least: float) -> tuple[float, int]:
    """Return the shorter of two runs: a machine may have stood still during one.

    One is enough where it takes less than ``least`` seconds.
    """
    first = _timed(run, amount)
    return first if first[0] < least else min(first, _timed(run, amount))


def _timed(run: Callable[[int], int], amount: int) -> tuple[float, int]:
    """Return the seconds of a run, and the steps that it took."""
    start = time.perf_counter()
    steps = run(amount)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, steps
