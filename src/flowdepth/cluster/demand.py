"""Memory and time that a stage asks a cluster for, from the settings alone.

Generous by design, and for one CPU thread: a GPU needs less time, and a job that asked for too
little costs more than one that asked for too much. The Snakefile reads this in every job.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from flowdepth.base.words import aligned
from flowdepth.data import catalogue
from flowdepth.estimation.lengths import CHECK_SAMPLES, MOST_POINTS, SAMPLES_PER_STEP, walked
from flowdepth.model.sizes import NetworkSize, network_size
from flowdepth.settings.datasets import Sizes
from flowdepth.settings.sections import Training
from flowdepth.settings.study import Study

# Two Snakemakes, torch, and what CUDA keeps on the host.
_BASE_MB = 3000
# What a stage has taken once it has imported all that it uses.
STARTED_MB = 400
_START_SECONDS = 120
_MARGIN = 3
# Multiplications that one thread does in a second, fewer than any stage measured did.
_PER_SECOND = 1e10
_SECONDS_PER_UPDATE, _SECONDS_PER_LAYER = 2e-3, 1e-4
# Numbers kept for each unit of a row: the pass forward, the pass back, and their temporaries.
_COPIES = 8
# Multiplications that take as long as a wide layer's work with one of its parameters.
_PER_PARAMETER = 250
# Parameters, gradients, two moments of the optimiser, the best epoch, a checkpoint.
_STATES = 6
_FLOAT = 4
# Images validated at once; rows of the decoder at once; distributions whose noise is held.
_VALIDATED, _ROWS, _BLOCK = 1000, 4096, 25


@dataclass(frozen=True)
class Demand:
    """What a job asks for at its first attempt."""

    mem_mb: int
    runtime: int
    """Minutes."""
    cores: int = 1
    gpus: int = 0


def in_all(asked: Sequence[tuple[str, Demand]]) -> list[str]:
    """Return lines with what jobs ask a cluster for together, by stage."""
    stages = dict.fromkeys(stage for stage, _ in asked)
    rows = [_row(name, [one for stage, one in asked if stage == name]) for name in stages]
    heads = ("asked of a cluster", "jobs", "core hours", "GPU hours", "MB each, at most")
    return aligned([heads, *rows, _row("in all", [one for _, one in asked])])


def _row(name: str, asked: Sequence[Demand]) -> tuple[str, ...]:
    cores = sum(one.cores * one.runtime for one in asked) / 60
    gpus = sum(one.gpus * one.runtime for one in asked) / 60
    most = max(one.mem_mb for one in asked)
    return name, f"{len(asked):,}", f"{cores:,.1f}", f"{gpus:,.1f}", f"{most:,}"


@dataclass(frozen=True)
class _Cell:
    """A pack of ``replicas`` seeds at one depth, and the images it meets."""

    study: Study
    depth: int
    replicas: int
    pixels: int
    sizes: Sizes

    @property
    def layer(self) -> int:
        """Parameters of a flow's layer."""
        return sum(map(math.prod, self.study.flow.layer(self.study.model.latent)))

    @property
    def network(self) -> NetworkSize:
        """What encoder and decoder take, the flow's parameters among the encoder's outputs."""
        heads = 2 * self.study.model.latent + self.depth * self.layer
        return network_size(self.study.model, self.pixels, outputs=heads)

    @property
    def encoder(self) -> int:
        """Multiplications for one image, those of its wide layers among them."""
        return self.network.encoder + self.layers

    @property
    def layers(self) -> int:
        """What making an image's layers of their parameters takes in multiplications."""
        return _PER_PARAMETER * self._beyond_planar

    @property
    def decoder(self) -> int:
        """Multiplications for one latent sample: the flow's and the decoder's."""
        return self.depth * (2 * self.study.model.latent + self.depth) + self.network.decoder

    @property
    def learning_row(self) -> int:
        """Numbers that one latent sample of one image takes in training, of all units."""
        return _COPIES * (self.network.units + self._flow_units)

    @property
    def row(self) -> int:
        """Numbers that one latent sample of one image takes where no gradients are asked for."""
        return _COPIES * (self.network.passing + self._flow_units)

    @property
    def _flow_units(self) -> int:
        return (3 * self.study.model.latent + 4) * (1 + self.depth) + self._beyond_planar

    @property
    def _beyond_planar(self) -> int:
        """How many parameters more an image has than with planar layers."""
        return self.depth * max(0, self.layer - (2 * self.study.model.latent + 1))


def demand(stage: str, study: Study, depth: int, replicas: int) -> Demand:
    """Return what a ``stage`` on a pack asks for, for ``replicas`` seeds.

    ``3 (120 s + updates (2 + K / 10) ms + M / (1e10 / s))`` for ``M`` multiplications, and 3000 MB
    beside the numbers held at once.

    Raises
    ------
    UserError
        If the images are the user's own, and cannot be read.
    """
    numbers, seconds = _STAGES[stage](_cell(study, depth, replicas))
    return Demand(
        mem_mb=_BASE_MB + math.ceil(_mb(numbers)),
        runtime=math.ceil(_MARGIN * (_START_SECONDS + seconds) / 60),
    )


def working_mb(stage: str, study: Study, depth: int, replicas: int) -> float:
    """Return the memory of the numbers that a ``stage`` on a pack holds at once, and of torch."""
    numbers, _ = _STAGES[stage](_cell(study, depth, replicas))
    return STARTED_MB + _mb(numbers)


def parameters(study: Study, depth: int, replicas: int) -> int:
    """Return how many trained numbers a pack has."""
    return replicas * _cell(study, depth, replicas).network.parameters


def schedule(training: Training, images: int) -> tuple[int, int]:
    """Return the updates of an epoch of so many images, and those of the whole training at most."""
    per_epoch = math.ceil(images / training.batch_size)
    return per_epoch, training.updates or per_epoch * (training.epochs or 0)


def _mb(numbers: float) -> float:
    return numbers * _FLOAT / 2**20


def _cell(study: Study, depth: int, replicas: int) -> _Cell:
    return _Cell(study, depth, replicas, *_images(study))


@cache
def _images(study: Study) -> tuple[int, Sizes]:
    return catalogue.pixels(study.dataset), catalogue.split_sizes(study.dataset)


def _train(cell: _Cell) -> tuple[float, float]:
    training, samples = cell.study.training, cell.study.objective.samples
    per_epoch, updates = schedule(training, cell.sizes.train)
    learned = 3 * cell.sizes.train * (cell.encoder + samples * cell.decoder)
    checked = cell.sizes.validation * (cell.encoder + training.validation_samples * cell.decoder)
    work = updates / per_epoch * cell.replicas * (learned + checked)
    rows = max(
        min(training.batch_size, cell.sizes.train) * samples * cell.learning_row,
        min(_VALIDATED, cell.sizes.validation) * training.validation_samples * cell.row,
    )
    noise = cell.sizes.train * samples * cell.study.model.latent
    # Every seed may see other images, and grey ones are numbers.
    per_seed = _STATES * cell.network.parameters + rows + 2 * noise
    seen = cell.replicas * cell.sizes.train * cell.pixels
    numbers = cell.replicas * per_seed + seen + _stored(cell)
    pauses = updates * (_SECONDS_PER_UPDATE + cell.depth * _SECONDS_PER_LAYER)
    return numbers, pauses + work / _PER_SECOND


def _evaluate(cell: _Cell) -> tuple[float, float]:
    samples, test = cell.study.evaluate.samples, cell.sizes.test
    work = test * cell.replicas * (cell.encoder + samples * cell.decoder)
    kept = cell.replicas * (test * (cell.study.model.latent + 100) + samples * 100)
    return _decoding(cell) + kept + _stored(cell), work / _PER_SECOND


def _certify(cell: _Cell) -> tuple[float, float]:
    certify = cell.study.certify
    images = certify.images + certify.simulated
    gradients = walked(certify) * certify.leapfrog * certify.chains
    samples = certify.simulated * cell.study.evaluate.samples
    layers = 3 * walked(certify) * certify.leapfrog * cell.layers
    work = cell.replicas * ((2 * gradients + samples) * cell.decoder + layers)
    at_once = max(_ROWS, cell.replicas * certify.chains)
    noise = at_once * _BLOCK * (cell.study.model.latent + 2)
    steps = certify.distributions * images * cell.replicas
    calls = gradients * cell.replicas / at_once
    pauses = calls * (_SECONDS_PER_UPDATE + cell.depth * _SECONDS_PER_LAYER)
    numbers = at_once * cell.learning_row + noise + steps + _decoding(cell) + _stored(cell)
    return numbers, pauses + work / _PER_SECOND


def _exact(cell: _Cell) -> tuple[float, float]:
    work = cell.replicas * MOST_POINTS * (cell.decoder + cell.sizes.test * cell.pixels)
    return _decoding(cell) + 2**28 + _stored(cell), work / _PER_SECOND


def _gaps(cell: _Cell) -> tuple[float, float]:
    gaps = cell.study.gaps
    samples = 3 * gaps.steps * SAMPLES_PER_STEP + 2 * gaps.samples
    layers = 3 * gaps.steps * cell.layers
    work = cell.replicas * gaps.images * (samples * cell.decoder + layers)
    rows = cell.replicas * gaps.images * SAMPLES_PER_STEP * cell.learning_row
    noise = (
        cell.replicas * gaps.images * (gaps.samples + CHECK_SAMPLES) * (cell.study.model.latent + 8)
    )
    pauses = gaps.steps * (_SECONDS_PER_UPDATE + cell.depth * _SECONDS_PER_LAYER)
    return _decoding(cell) + rows + noise + _stored(cell), pauses + work / _PER_SECOND


_STAGES: dict[str, Callable[[_Cell], tuple[float, float]]] = {
    "train": _train,
    "evaluate": _evaluate,
    "certify": _certify,
    "exact": _exact,
    "gaps": _gaps,
}


def _decoding(cell: _Cell) -> int:
    parameters = cell.replicas * cell.network.parameters
    return parameters + max(_ROWS, cell.replicas) * cell.row


def _stored(cell: _Cell) -> int:
    return sum(cell.sizes) * cell.pixels
