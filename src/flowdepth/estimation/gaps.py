"""Why the bound is loose: approximation and amortisation gap (Cremer, Li & Duvenaud 2018).

For each image the posterior's own parameters are optimised with the decoder fixed, from the
encoder's values on. With ``q`` the encoder's posterior and ``q*`` the optimised one (equations 4-5)

    log p(x) - L[q] = (log p(x) - L[q*]) + (L[q*] - L[q])
    inference gap   =  approximation gap +  amortisation gap

Shapes [R, N]: replicas, images. All in nats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from flowdepth.compute.out_of_memory import halved
from flowdepth.compute.resume import (
    FORGETFUL,
    Bookmark,
    Snapshot,
    optimizer_tensors,
    restore_optimizer,
)
from flowdepth.compute.streams import image_normals
from flowdepth.estimation.importance import Moments, moments
from flowdepth.model.objective import log_weight
from flowdepth.model.path_gradient import path_derivative
from flowdepth.model.vae import FlowVAE, Posterior
from flowdepth.settings.sections import Gaps

# Latent samples per image and step.
_SAMPLES_PER_STEP = 4
# Steps whose noise is drawn at once; a stream costs more than its numbers.
_STEPS_PER_STREAM = 50
# Latent samples that `last_improvement` is measured with, the same before and after.
_CHECK_SAMPLES = 100
# Latent points at once, to bound memory.
_ROWS = 4096


@dataclass(frozen=True)
class InferenceGap:
    """The bounds that split the inference gap of each image; [R, N], nats.

    Attributes
    ----------
    elbo
        ``L[q]``, the encoder's.
    optimised_elbo
        ``L[q*]``, from the same noise.
    log_p, log_p_mcse
        ``log p(x)`` and its Monte-Carlo error, by importance sampling from ``q`` or ``q*``,
        whichever has the larger effective sample size.
    from_optimised
        Where that is ``q*``, bool.
    last_improvement
        What the second half of the optimisation's steps gained. More steps would gain as much
        again or more, from the approximation gap to the amortisation gap.
    """

    elbo: Tensor
    optimised_elbo: Tensor
    log_p: Tensor
    log_p_mcse: Tensor
    from_optimised: Tensor
    last_improvement: Tensor

    @property
    def approximation(self) -> Tensor:
        """What the family of posteriors costs, ``log p(x) - L[q*]``."""
        return self.log_p - self.optimised_elbo

    @property
    def amortisation(self) -> Tensor:
        """What the encoder loses within the family, ``L[q*] - L[q]``."""
        return self.optimised_elbo - self.elbo


def inference_gap(
    model: FlowVAE,
    images: Tensor,
    seeds: tuple[int, ...],
    settings: Gaps,
    log: Callable[[int, float], None] = lambda step, bound: None,
    bookmark: Bookmark = FORGETFUL,
) -> InferenceGap:
    """Return the split of the inference gap for ``images`` [N, P], whatever ``settings.images``.

    No image's result depends on its companions. ``log`` is told the steps done and the mean bound;
    ``bookmark`` keeps the posteriors that they reached.
    """
    x = images.expand(len(seeds), -1, -1)
    with torch.no_grad():
        encoder = _own_parameters(model.encode(x))
    eps = _noise(model, x, seeds, settings.samples, "compared")
    halfway, optimised = optimise(model, x, encoder, seeds, settings, log, bookmark)
    with torch.no_grad():
        check = eps[..., :_CHECK_SAMPLES, :]
        before, after = (
            _log_weights(model, x, p, check, bookmark).mean(-1) for p in (halfway, optimised)
        )
        (elbo, q), (optimised_elbo, best) = (
            _estimate(model, x, p, eps, bookmark) for p in (encoder, optimised)
        )
    larger = best.ess > q.ess
    return InferenceGap(
        elbo=elbo,
        optimised_elbo=optimised_elbo,
        log_p=torch.where(larger, best.log_p, q.log_p),
        log_p_mcse=torch.where(larger, best.mcse, q.mcse),
        from_optimised=larger,
        last_improvement=after - before,
    )


def optimise(
    model: FlowVAE,
    x: Tensor,
    start: Posterior,
    seeds: tuple[int, ...],
    settings: Gaps,
    log: Callable[[int, float], None] = lambda step, bound: None,
    bookmark: Bookmark = FORGETFUL,
) -> tuple[Posterior, Posterior]:
    """Return the posteriors that Adam reaches from ``start`` for images ``x`` [R, N, P].

    Two: after half of the steps and after all. Either half ends with a learning rate of 0, so that
    what the second one gained is not the fall of the rate. Both are taken whatever their bounds:
    the best of noisy bounds is biased upwards. The model's own parameters stay as they are.
    """
    ascent = _Ascent(start, settings)
    ascent.resume(bookmark.recall())
    for eps in _noise_by_step(model, x, seeds, range(ascent.steps, settings.steps)):
        bound = _bound(model, x, ascent.q, eps)
        ascent.step(bound)
        log(ascent.steps, float(bound.detach().mean()))
        bookmark.keep(ascent.snapshot)
    return ascent.halfway, _own_parameters(ascent.q)


class _Ascent:
    """Adam on the parameters of the posteriors of all images."""

    def __init__(self, start: Posterior, settings: Gaps) -> None:
        self.q, self.halfway = _own_parameters(start), _own_parameters(start)
        self.leaves = [leaf.requires_grad_() for leaf in _leaves(self.q).values()]
        self.adam = torch.optim.Adam(self.leaves, settings.learning_rate)
        self.settings, self.steps = settings, 0

    def step(self, bound: Tensor) -> None:
        """Take a step up the bounds [R, N] of ``q``."""
        share = _rate(self.steps, self.settings.steps)
        self.adam.param_groups[0]["lr"] = self.settings.learning_rate * share
        self.adam.zero_grad(set_to_none=True)
        (-bound.sum()).backward(inputs=self.leaves)
        self.adam.step()
        self.steps += 1
        if self.steps == self.settings.steps // 2:
            self.halfway = _own_parameters(self.q)

    def snapshot(self) -> Snapshot:
        """Return what `resume` goes on from."""
        tensors = {
            "q": _leaves(self.q),
            "halfway": _leaves(self.halfway),
            "adam": optimizer_tensors(self.adam),
        }
        return Snapshot(tensors, {"steps": self.steps})

    @torch.no_grad()
    def resume(self, snapshot: Snapshot | None) -> None:
        """Go on from ``snapshot``, where there is one."""
        if snapshot is None:
            return
        for name, q in (("q", self.q), ("halfway", self.halfway)):
            for leaf, value in _leaves(q).items():
                value.copy_(snapshot.tensors[name][leaf])
        restore_optimizer(self.adam, snapshot.tensors["adam"])
        self.steps = snapshot.facts["steps"]


def _leaves(q: Posterior) -> dict[str, Tensor]:
    return {"mu": q.mu, "log_var": q.log_var, **q.flow._asdict()}


def _rate(step: int, steps: int) -> float:
    """Return the share of the learning rate, in either half: 1, then from its middle on to 0."""
    half = steps // 2
    first, last = (0, half) if step < half else (half, steps)
    return min(1.0, 2 * (1 - (step - first) / (last - first)))


def _bound(model: FlowVAE, x: Tensor, q: Posterior, eps: Tensor) -> Tensor:
    """Return the ELBO [R, N] with its path derivative by the parameters of ``q``.

    With the total derivative's noise, 500 steps at K = 32 end 0.1 nats below.
    """
    w = log_weight(model, x, q, eps)
    return w._replace(posterior=path_derivative(w.posterior, q, eps, w.z_k)).total().mean(-1)


def _own_parameters(q: Posterior) -> Posterior:
    """Return a copy in which every image has parameters of its own, also where shared."""
    rows = q.mu.shape[:2]
    flow = type(q.flow)(*(t.detach().expand(*rows, *t.shape[2:]).clone() for t in q.flow))
    return Posterior(q.mu.detach().clone(), q.log_var.detach().clone(), flow)


def _noise_by_step(
    model: FlowVAE, x: Tensor, seeds: tuple[int, ...], steps: range
) -> Iterator[Tensor]:
    """Yield the noise [R, N, S, D] of one step after another."""
    samples = _STEPS_PER_STREAM * _SAMPLES_PER_STEP
    for step in steps:
        block, row = divmod(step, _STEPS_PER_STREAM)
        if step == steps.start or row == 0:
            noise = _noise(model, x, seeds, samples, "steps", block).split(_SAMPLES_PER_STEP, -2)
        yield noise[row]


def _noise(
    model: FlowVAE, x: Tensor, seeds: tuple[int, ...], samples: int, *path: str | int
) -> Tensor:
    """Return noise [R, N, S, D], each image's from a stream of its own."""
    return image_normals(
        seeds,
        "gaps",
        *path,
        images=range(x.shape[1]),
        shape=(samples, model.latent),
        dtype=x.dtype,
        device=x.device,
    )


def _estimate(
    model: FlowVAE, x: Tensor, q: Posterior, eps: Tensor, bookmark: Bookmark
) -> tuple[Tensor, Moments]:
    """Return the ELBO [R, N] of ``q`` and what its importance weights tell of log p(x)."""
    log_w = _log_weights(model, x, q, eps, bookmark)
    return log_w.mean(-1), moments(log_w)


def _log_weights(
    model: FlowVAE, x: Tensor, q: Posterior, eps: Tensor, bookmark: Bookmark
) -> Tensor:
    """Return log w [R, N, S] in float64, a few samples of all images at a time."""

    def log_weights(rows: int) -> Tensor:
        parts = []
        for part in eps.split(max(1, rows // (x.shape[0] * x.shape[1])), -2):
            bookmark.poll()
            parts.append(log_weight(model, x, q, part).total().double())
        return torch.cat(parts, -1)

    return halved(_ROWS, log_weights)
