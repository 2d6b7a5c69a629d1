"""Training a pack of seeds as one model: the epoch loop, selection and early stopping by seed."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from flowdepth.compute.cuda_graph import CapturedStep, Step
from flowdepth.compute.resume import (
    FORGETFUL,
    Bookmark,
    Snapshot,
    optimizer_tensors,
    restore_optimizer,
)
from flowdepth.compute.streams import generator, normals
from flowdepth.model.objective import elbo, objective, temperature
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Objective, Training
from flowdepth.training.record import SeedRecord

# Images validated at once, to bound memory.
_VALIDATION_CHUNK = 1000
# How much faster than the networks' weights the logarithm of sigma_x is learned: it has to cover
# about one, which takes a weight's rate more updates than a short training has.
_SCALE_RATE = 10

EpochImages = Callable[[int], Tensor]


class PackTraining:
    """A pack of seeds in training.

    Parameters
    ----------
    model
        The pack's model; it holds the best epoch of every seed at the end.
    seeds
        The seed of each replica.
    images
        Gives the training images of an epoch: uint8 or float [N, P] where all seeds see the same,
        [R, N, P] where each has its own.
    validation
        Validation images [N, P] in the model's dtype.
    bookmark
        Keeps a snapshot after every update.
    """

    def __init__(
        self,
        model: FlowVAE,
        seeds: tuple[int, ...],
        images: EpochImages,
        validation: Tensor,
        training: Training,
        goal: Objective,
        bookmark: Bookmark = FORGETFUL,
    ) -> None:
        self.model, self.images, self.validation = model, images, validation
        self.training, self.goal, self.bookmark = training, goal, bookmark
        self.records = [SeedRecord(seed) for seed in seeds]
        self.optimizer = _optimizer(model, training, capturable=validation.is_cuda)
        self.step: Step = self._update
        if validation.is_cuda:
            self.step = CapturedStep(self._update, model, self.optimizer)
        self.best = {name: value.clone() for name, value in model.state_dict().items()}
        self.epoch, self.updates, self.ended = 1, 0, False
        # Each seed's objective summed over the images of this epoch so far [R].
        self.sums = validation.new_zeros(len(seeds))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the pack, one a replica."""
        return tuple(record.seed for record in self.records)

    def run(self, log: Callable[[str], None] = print) -> None:
        """Train until every seed has ended, then put each seed's best epoch into the model."""
        self._resume()
        start, before = time.perf_counter(), self.updates
        while not self.ended:
            images = self.images(self.epoch)
            beta, train = self._epoch(images)
            self._record(beta, train, self._validate())
            left = self._schedule(images)[1] - self.updates
            log(self._line(beta, self.updates - before, left, time.perf_counter() - start))
            self.ended = left == 0 or not any(record.running for record in self.records)
            if not self.ended:
                self.epoch += 1
            self.sums.zero_()
        self.model.load_state_dict(self.best)

    def _schedule(self, images: Tensor) -> tuple[int, int]:
        """Return the updates of an epoch and those of the whole training."""
        per_epoch = math.ceil(images.shape[-2] / self.training.batch_size)
        return per_epoch, self.training.updates or per_epoch * (self.training.epochs or 0)

    def _epoch(self, images: Tensor) -> tuple[float, Tensor]:
        """Run what is left of an epoch; return the last beta and the mean objective [R]."""
        per_epoch, total = self._schedule(images)
        before = per_epoch * (self.epoch - 1)
        batches = self._batches(images, self.epoch)
        for x, eps in itertools.islice(batches, self.updates - before, total - before):
            beta = temperature(self.goal.annealing, self.updates, per_epoch)
            self.sums += self.step(x, eps, self.sums.new_full((), beta))
            self.updates += 1
            self.bookmark.keep(self._snapshot)
        seen = min((self.updates - before) * self.training.batch_size, images.shape[-2])
        return temperature(self.goal.annealing, self.updates - 1, per_epoch), self.sums / seen

    def _snapshot(self) -> Snapshot:
        tensors = {
            "model": self.model.state_dict(),
            "best": self.best,
            "optimizer": optimizer_tensors(self.optimizer),
            "epoch": {"sums": self.sums},
        }
        facts = {
            **{"epoch": self.epoch, "updates": self.updates, "ended": self.ended},
            "records": [asdict(record) for record in self.records],
        }
        return Snapshot(tensors, facts)

    def _resume(self) -> None:
        """Go on from what the bookmark recalls; the model's parameters stay where they are."""
        snapshot = self.bookmark.recall()
        if snapshot is None:
            return
        self.model.load_state_dict(snapshot.tensors["model"])
        for name, value in snapshot.tensors["best"].items():
            self.best[name].copy_(value)
        restore_optimizer(self.optimizer, snapshot.tensors["optimizer"])
        self.sums.copy_(snapshot.tensors["epoch"]["sums"])
        self.epoch, self.updates = snapshot.facts["epoch"], snapshot.facts["updates"]
        self.ended = snapshot.facts["ended"]
        self.records = [SeedRecord(**record) for record in snapshot.facts["records"]]

    def _update(self, x: Tensor, eps: Tensor, beta: Tensor) -> Tensor:
        """Make one update; return each seed's objective summed over the batch [R]."""
        self.optimizer.zero_grad(set_to_none=True)
        values = objective(self.model, x, eps, self.goal, beta)
        (-values.mean(-1)).sum().backward()
        self.optimizer.step()
        return values.detach().sum(-1)

    def _batches(self, images: Tensor, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images [R, B, P] in each seed's own order, and noise [R, B, S, D]."""
        count, pixels = images.shape[-2:]
        device, dtype = self.validation.device, self.validation.dtype
        order = torch.stack([self._order(seed, epoch, count) for seed in self.seeds]).to(device)
        if images.dim() == 3:
            order += count * torch.arange(len(self.seeds), device=device).unsqueeze(-1)
        shape = (count, self.goal.samples, self.model.latent)
        noise = normals(self.seeds, "noise", epoch, shape=shape, dtype=dtype, device=device)
        flat = images.reshape(-1, pixels)
        size = self.training.batch_size
        for rows, eps in zip(order.split(size, 1), noise.split(size, 1), strict=True):
            # A third of what indexing by the matrix of rows takes.
            x = flat.index_select(0, rows.flatten()).unflatten(0, rows.shape)
            yield x.to(dtype), eps

    @staticmethod
    def _order(seed: int, epoch: int, count: int) -> Tensor:
        return torch.randperm(count, generator=generator(seed, "order", epoch))

    @torch.no_grad()
    def _validate(self) -> Tensor:
        """Return each seed's validation ELBO at beta 1 [R], from the same noise every epoch."""
        shape = (_VALIDATION_CHUNK, self.training.validation_samples, self.model.latent)
        total = self.validation.new_zeros(len(self.records))
        for number, x in enumerate(self.validation.split(_VALIDATION_CHUNK)):
            self.bookmark.poll()
            eps = normals(
                self.seeds, "validation", number, shape=shape, dtype=x.dtype, device=x.device
            )[:, : len(x)]
            every = x.expand(len(self.seeds), -1, -1)
            total += elbo(self.model, every, self.model.encode(every), eps).sum(-1)
        return total / len(self.validation)

    def _record(self, beta: float, train: Tensor, validation: Tensor) -> None:
        state = self.model.state_dict()
        pairs = zip(train.tolist(), validation.tolist(), strict=True)
        for row, (record, (t, v)) in enumerate(zip(self.records, pairs, strict=True)):
            if not record.running:
                continue
            numbers = {"epoch": self.epoch, "updates": self.updates, "train": t, "validation": v}
            if record.update({**numbers, "beta": beta}, self.training.patience):
                for name, value in state.items():
                    self.best[name][row] = value[row]

    def _line(self, beta: float, done: int, left: int, elapsed: float) -> str:
        """Return where training stands, ``done`` updates and ``elapsed`` seconds from its start."""
        last = [record.history[-1] for record in self.records if record.running]
        if not last:
            return f"epoch {self.epoch}  {_ended(self.records)}"
        mean = {k: sum(h[k] for h in last) / len(last) for k in ("train", "validation")}
        each = elapsed / max(done, 1)
        rate = self.training.batch_size * len(self.records) / each
        return (
            f"epoch {self.epoch}  train {mean['train']:.2f}  "
            f"validation {mean['validation']:.2f} nats (mean of {len(last)} seeds)  "
            f"beta {beta:.2f}  {rate:,.0f} images/s  {_clock(left * each)} left"
        )


def _ended(records: list[SeedRecord]) -> str:
    failed = sum(record.failed for record in records)
    counts = {"stopped early": len(records) - failed, "failed": failed}
    parts = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"every seed has ended: {parts}"


def _clock(seconds: float) -> str:
    """Return minutes and whole seconds, ``m:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _optimizer(model: FlowVAE, training: Training, capturable: bool) -> torch.optim.Optimizer:
    rate = training.learning_rate
    scale = [p for p in model.observation.parameters() if p.requires_grad]
    rest = [p for n, p in model.named_parameters() if not n.startswith("observation.")]
    parameters: list[dict[str, Any]] = [
        {"params": rest},
        {"params": scale, "lr": _SCALE_RATE * rate},
    ]
    if training.optimizer == "adam":
        return torch.optim.Adam(parameters, rate, fused=True, capturable=capturable)
    if training.optimizer == "adamax":
        return torch.optim.Adamax(parameters, rate, foreach=True, capturable=capturable)
    return torch.optim.RMSprop(
        parameters, rate, momentum=training.momentum, foreach=True, capturable=capturable
    )
