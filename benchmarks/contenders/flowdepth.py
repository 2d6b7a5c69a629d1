"""flowdepth, through the functions that its stages call."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.contenders.base import Contender
from benchmarks.work import BATCH, LEARNING_RATE, Sizes
from flowdepth.compute.devices import select
from flowdepth.estimation.importance import estimate
from flowdepth.model.replicas import build
from flowdepth.settings.sections import Annealing, Flow, Model, Objective, Training
from flowdepth.training.loop import PackTraining

_GOAL = Objective(annealing=Annealing(kind="none"))


class FlowDepth(Contender):
    """A pack of one seed: shuffling, noise and the choice of the best epoch are in its time."""

    rows = (0,)  # its own choice

    def __init__(self, sizes: Sizes, depth: int, amortised: bool) -> None:
        model = Model(hidden=sizes.hidden, latent=sizes.latent)
        flow = Flow(parameters="amortised" if amortised else "shared")
        self.model = build(model, flow, depth, sizes.pixels, (0,))
        self.encoder = torch.nn.ModuleList([self.model.trunk, self.model.head])
        self.decoder = torch.nn.ModuleList([self.model.decoder, self.model.output])

    def train(self, x: Tensor) -> None:
        """Train one epoch on ``x`` [N, P], validated on a single image."""
        settings = Training(
            epochs=1, batch_size=BATCH, learning_rate=LEARNING_RATE, validation_samples=1
        )
        pack = PackTraining(self.model, (0,), lambda epoch: x, x[:1], settings, _GOAL)
        pack.run(lambda line: None)

    def log_p(self, x: Tensor, samples: int, rows: int) -> Tensor:
        """Return the estimate's mean; its diagnostics are made all the same."""
        return estimate(self.model, x, (0,), samples).log_p.mean()

    def prepare_process(self) -> None:
        """Set up the process as a stage does."""
        select("cpu", threads=1)
