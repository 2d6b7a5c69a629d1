"""Test log-likelihood by annealed importance sampling, right where importance sampling is not.

``log mean exp`` of the chains' log w_AIS (see :mod:`~flowdepth.estimation.annealing`) is in
expectation a lower bound of log p(x); with ``T = 1`` it is that of importance sampling. The way
back begins at an exact sample of the posterior, which an image simulated from the model has, and
gives an upper bound, ``- log mean exp(- log w_AIS)`` (Grosse et al. 2015).

No step adapts itself while it counts, which would bias both: a pilot walk with noise of its own
finds the step sizes. Shapes [R, N]: replicas, images. All in nats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from flowdepth.compute.out_of_memory import halved
from flowdepth.compute.resume import FORGETFUL, Bookmark, Snapshot
from flowdepth.compute.streams import image_normals
from flowdepth.estimation.annealing import Space, Walk, ladder
from flowdepth.estimation.importance import affordable_rows, moments, store
from flowdepth.estimation.lengths import pilot_distributions
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Certify

# The step size that the pilot walk begins with.
_STEP = 0.5
# Distributions whose noise is drawn at once; a stream costs more than its numbers.
_BLOCK = 25


class Sample(NamedTuple):
    """Images ``x`` [R, N, P] whose log p(x) is wanted.

    ``name`` and their ``numbers`` key their noise. ``z`` [R, N, 1, D] are exact samples of their
    posteriors, where such are known.
    """

    name: str
    x: Tensor
    numbers: Sequence[int]
    z: Tensor | None = None

    def of(self, images: slice) -> Sample:
        """Return some of the images."""
        z = None if self.z is None else self.z[:, images]
        return Sample(self.name, self.x[:, images], self.numbers[images], z)


@dataclass(frozen=True)
class Annealed:
    """What annealing says of each image; [R, N], nats where not said otherwise.

    Attributes
    ----------
    log_p, mcse
        Estimate of log p(x), in expectation a lower bound, and its Monte-Carlo standard error over
        chains, as in :class:`~flowdepth.estimation.importance.Estimate`.
    upper, upper_mcse
        The same from above; NaN where no exact sample of the posterior is known.
    acceptance
        The share of accepted proposals, a pure number; NaN without any.
    """

    log_p: Tensor
    mcse: Tensor
    upper: Tensor
    upper_mcse: Tensor
    acceptance: Tensor


@torch.no_grad()
def simulate(model: FlowVAE, seeds: tuple[int, ...], count: int, like: Tensor) -> Sample:
    """Return ``count`` images drawn from each seed's model, ``z ~ p(z)`` and ``x ~ p(x|z)``.

    ``like`` are images [N, P] of the same size, type and device.
    """
    normals = partial(
        image_normals, seeds, images=range(count), dtype=like.dtype, device=like.device
    )
    z = normals("simulated", "z", shape=(1, model.latent))
    noise = normals("simulated", "x", shape=(1, like.shape[-1]))
    x = model.observation.sample(model.decode(z), noise).squeeze(2)
    return Sample("simulated", x, range(count), z)


@torch.no_grad()
def anneal(
    model: FlowVAE,
    samples: Sequence[Sample],
    seeds: tuple[int, ...],
    settings: Certify,
    rows: int | None = None,
    log: Callable[[float], None] = lambda share: None,
    bookmark: Bookmark = FORGETFUL,
) -> list[Annealed]:
    """Return what annealing says of the images of each sample.

    ``rows`` bounds the points decoded at once, and with them memory; no image's result depends on
    its companions, but for rounding. ``log`` is told the share that is done.
    """
    run = _Run(model, samples, seeds, settings, log, bookmark)
    halved(run.rows or rows or affordable_rows(model, samples[0].x), run.go)
    return [Annealed(**{k: v[:, part] for k, v in run.whole.items()}) for part in run.parts]


class _Run:
    """The results so far, and the walks of the images under way, for a bookmark to keep."""

    def __init__(
        self,
        model: FlowVAE,
        samples: Sequence[Sample],
        seeds: tuple[int, ...],
        settings: Certify,
        log: Callable[[float], None],
        bookmark: Bookmark,
    ) -> None:
        self.model, self.samples, self.seeds, self.settings = model, samples, seeds, settings
        self.log, self.bookmark = log, bookmark
        ends = [0, *accumulate(sample.x.shape[1] for sample in samples)]
        self.parts = [slice(*pair) for pair in pairwise(ends)]
        self.betas = ladder(settings.distributions)
        self.pilot = ladder(pilot_distributions(settings.distributions))
        self.whole: dict[str, Tensor] = {}
        self.walks: dict[str, Walk] = {}
        self.done = self.rows = self.steps = 0
        if snapshot := bookmark.recall():
            self._resume(snapshot)

    def _resume(self, snapshot: Snapshot) -> None:
        device = self.samples[0].x.device
        groups = {
            name: {key: value.to(device) for key, value in group.items()}
            for name, group in snapshot.tensors.items()
        }
        self.whole = groups.pop("whole", {})
        self.walks = {name: Walk(**groups[name], t=t) for name, t in snapshot.facts["t"].items()}
        self.done, self.rows = snapshot.facts["done"], snapshot.facts["rows"]
        self.steps = snapshot.facts["steps"]

    def _snapshot(self) -> Snapshot:
        walks = {name: walk.tensors for name, walk in self.walks.items()}
        t = {name: walk.t for name, walk in self.walks.items()}
        facts = {"done": self.done, "rows": self.rows, "steps": self.steps, "t": t}
        return Snapshot({"whole": self.whole, **walks}, facts)

    def go(self, rows: int) -> None:
        """Anneal the images that are left, with so many ``rows`` at once."""
        if rows != self.rows:
            self.walks, self.rows = {}, rows
        size = max(1, rows // (len(self.seeds) * self.settings.chains))
        for sample, part in zip(self.samples, self.parts, strict=True):
            while part.start <= self.done < part.stop:
                first = self.done - part.start
                self._add(self._anneal(sample.of(slice(first, first + size))))

    def _anneal(self, sample: Sample) -> Annealed:
        """Return what annealing says of images that walk together."""
        space = Space(self.model, sample.x, self.settings.leapfrog)
        guess = sample.x.new_full((len(self.pilot) - 2, *sample.x.shape[:2]), math.log(_STEP))
        pilot = self._walk(space, sample, "pilot", self.pilot, guess)
        steps = _spread(pilot.log_steps, len(self.betas) - 2)
        forward = self._walk(space, sample, "forward", self.betas, steps)
        log_p, mcse, _ = moments(forward.gathered)
        upper = upper_mcse = torch.full_like(log_p, math.nan)
        if sample.z is not None:
            back = self._walk(space, sample, "back", self.betas[::-1], steps.flip(0))
            lower, upper_mcse, _ = moments(-back.gathered)
            upper = -lower
        return Annealed(log_p, mcse, upper, upper_mcse, forward.accepted / len(steps))

    def _walk(
        self,
        space: Space,
        sample: Sample,
        name: str,
        betas: Sequence[float],
        log_steps: Tensor,
    ) -> Walk:
        """Return the walk of this ``name`` at its end, from where it stands."""
        noise = partial(self._noise, sample, name)
        if name not in self.walks:
            start = noise("start", 1, 0).squeeze(2)
            if name == "back" and sample.z is not None:
                start = space.q.base(sample.z)[0].expand_as(start).contiguous()
            self.walks[name] = space.begin(start, log_steps)
        while (walk := self.walks[name]).t < len(betas) - 1:
            block = min(_BLOCK, len(betas) - 1 - walk.t)
            for eps in noise(walk.t, block, 2).unbind(2):
                self.bookmark.poll()
                walk = space.step(walk, betas, eps, adapts=name == "pilot")
            self.walks[name] = walk
            self.steps += block * len(sample.numbers)
            self.bookmark.keep(self._snapshot)
            self.log(self.steps / self._all_steps())
        return walk

    def _noise(self, sample: Sample, name: str, place: str | int, block: int, more: int) -> Tensor:
        """Return normals [R, N, block, C, D + more], each image's from a stream of its own."""
        return image_normals(
            self.seeds,
            *("annealed", sample.name, name, place),
            images=sample.numbers,
            shape=(block, self.settings.chains, self.model.latent + more),
            dtype=sample.x.dtype,
            device=sample.x.device,
        )

    def _all_steps(self) -> int:
        pilot, betas = len(self.pilot) - 1, len(self.betas) - 1
        ways = [1 if sample.z is None else 2 for sample in self.samples]
        counts = [len(sample.numbers) for sample in self.samples]
        return sum(n * (pilot + way * betas) for n, way in zip(counts, ways, strict=True))

    def _add(self, part: Annealed) -> None:
        """Store what annealing says of the next images."""
        self.done = store(part, self.whole, self.done, self.parts[-1].stop)
        self.walks = {}
        self.bookmark.keep(self._snapshot)


def _spread(log_steps: Tensor, count: int) -> Tensor:
    """Return the pilot's step sizes at ``count`` places between the ends of another ladder."""
    places = torch.arange(1, count + 1) / (count + 1) * (len(log_steps) + 1) - 1
    places = places.clamp(0, len(log_steps) - 1).to(log_steps)
    low = places.long()
    high = (low + 1).clamp_max(len(log_steps) - 1)
    return torch.lerp(log_steps[low], log_steps[high], (places - low)[:, None, None])
