"""Test log-likelihood by importance sampling, with the size of its own error.

``log p_S(x) = logsumexp_s log w(x, z_s) - log S`` with ``z_s ~ q_K(.|x)`` (Burda et al. 2016,
equation 8): in expectation a lower bound that rises with ``S``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from flowdepth.compute.out_of_memory import halved
from flowdepth.compute.resume import FORGETFUL, Bookmark, Snapshot
from flowdepth.compute.streams import image_normals
from flowdepth.estimation.pareto import nested_sizes, pareto_k
from flowdepth.model.objective import log_weight
from flowdepth.model.vae import FlowVAE, Posterior

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# Latent points at once: on a GPU as many as a share of its free memory holds, at most.
_CPU_ROWS, _GPU_ROWS = 2**12, 2**18
_GPU_MEMORY_SHARE = 0.25
_BUFFERS_PER_ROW = 6
# Images encoded at once: of a deep flow's few, the encoder's weights would be read for each.
_ENCODED = 256
# An active unit's posterior mean varies over images by more than this (Burda et al. 2016).
_ACTIVE_VARIANCE = 0.01


@dataclass(frozen=True)
class Estimate:
    """What ``S`` importance samples say of each image; [R, N], nats where not said otherwise.

    Attributes
    ----------
    log_p
        Estimate of log p(x).
    mcse
        Its Monte-Carlo standard error by the delta method,
        ``sqrt((S sum w^2 / (sum w)^2 - 1) / S)``; NaN for one sample.
    ess
        Effective sample size ``(sum w)^2 / sum w^2``, in samples.
    k_hat
        Pareto shape of the weights, a pure number; see :func:`~.pareto.pareto_k`.
    elbo
        Mean of log w.
    reconstruction
        Mean of log p(x|z).
    z_mean
        Mean of ``z_K`` [R, N, D].
    nested_log_p, nested_mcse
        The same from the first ``s`` of the ``S`` samples alone [R, N, J], for the ``J`` values of
        ``s`` in :func:`~flowdepth.estimation.pareto.nested_sizes`.
    """

    log_p: Tensor
    mcse: Tensor
    ess: Tensor
    k_hat: Tensor
    elbo: Tensor
    reconstruction: Tensor
    z_mean: Tensor
    nested_log_p: Tensor
    nested_mcse: Tensor

    def active_units(self) -> Tensor:
        """Return how many latent units have ``Var_x(E[z|x]) > 0.01`` [R]."""
        return (self.z_mean.var(1, correction=0) > _ACTIVE_VARIANCE).sum(-1)


@torch.no_grad()
def estimate(
    model: FlowVAE,
    images: Tensor,
    seeds: tuple[int, ...],
    samples: int,
    rows: int | None = None,
    log: Callable[[int], None] = lambda done: None,
    bookmark: Bookmark = FORGETFUL,
) -> Estimate:
    """Return the importance-sampling estimate for ``images``, each encoded once.

    They are [N, P], or [R, N, P] where every seed has its own.
    ``rows`` bounds the decoder's batch, and with it memory; each image's noise has a stream of its
    own, so that ``rows`` changes the result by rounding only. ``log`` is told the images done, and
    ``bookmark`` keeps their results.
    """
    results = _Results(images, bookmark, log)
    every = images.expand(len(seeds), -1, -1)
    rest = partial(_estimate_rest, results, model, every, seeds, samples)
    halved(results.rows or rows or affordable_rows(model, images), rest)
    return Estimate(**results.whole)


class _Results:
    """The estimates of the images done so far, for a bookmark to keep."""

    def __init__(self, images: Tensor, bookmark: Bookmark, log: Callable[[int], None]) -> None:
        self.images, self.bookmark, self.log = images.shape[-2], bookmark, log
        snapshot = bookmark.recall() or Snapshot({"whole": {}}, {"done": 0, "rows": None})
        self.whole = {name: t.to(images.device) for name, t in snapshot.tensors["whole"].items()}
        self.done, self.rows = snapshot.facts["done"], snapshot.facts["rows"]

    def add(self, part: Estimate, rows: int) -> None:
        """Store the estimates of the next images, made with so many ``rows`` at once."""
        self.done, self.rows = store(part, self.whole, self.done, self.images), rows
        self.log(self.done)
        self.bookmark.keep(self._snapshot)

    def _snapshot(self) -> Snapshot:
        return Snapshot({"whole": self.whole}, {"done": self.done, "rows": self.rows})


def store(part: DataclassInstance, whole: dict[str, Tensor], start: int, images: int) -> int:
    """Put a dataclass of tensors [R, n, ...] into those of all ``images``; return where it ends."""
    end = start
    # Many small tensors kept between large ones would fragment the heap by gigabytes.
    for field in fields(part):
        value: Tensor = getattr(part, field.name)
        if field.name not in whole:
            whole[field.name] = value.new_empty(len(value), images, *value.shape[2:])
        end = start + value.shape[1]
        whole[field.name][:, start:end] = value
    return end


def _estimate_rest(
    results: _Results,
    model: FlowVAE,
    images: Tensor,
    seeds: tuple[int, ...],
    samples: int,
    rows: int,
) -> None:
    size = max(1, rows // (samples * len(seeds)))
    for start, x, q in _encoded(model, images, size, results.done):
        eps = image_normals(
            seeds,
            "importance",
            images=range(start, start + x.shape[1]),
            shape=(samples, model.latent),
            dtype=x.dtype,
            device=x.device,
        )
        at_once = max(1, rows // (x.shape[1] * len(seeds)))
        results.add(_estimate_chunk(model, x, q, eps, at_once), rows)


def _encoded(
    model: FlowVAE, images: Tensor, size: int, done: int
) -> Iterator[tuple[int, Tensor, Posterior]]:
    """Yield chunks of ``size`` images after those done: first one's number, images, posteriors."""
    many = size * max(1, _ENCODED // size)
    # A block that was left half done is encoded whole again, for the same rounding.
    for first in range(done - done % many, images.shape[1], many):
        x = images[:, first : first + many]
        q = model.encode(x)
        for offset in range(max(0, done - first), x.shape[1], size):
            chunk = slice(offset, offset + size)
            yield first + offset, x[:, chunk], q.of(chunk)


def _estimate_chunk(model: FlowVAE, x: Tensor, q: Posterior, eps: Tensor, size: int) -> Estimate:
    log_w = []
    reconstruction = z_sum = eps.new_zeros((), dtype=torch.float64)
    for part in eps.split(size, -2):
        w = log_weight(model, x, q, part)
        log_w.append(w.total().double())
        reconstruction = reconstruction + w.reconstruction.sum(-1, dtype=torch.float64)
        z_sum = z_sum + w.z_k.sum(-2, dtype=torch.float64)
    samples = eps.shape[-2]
    return summarise_weights(torch.cat(log_w, -1), reconstruction / samples, z_sum / samples)


def summarise_weights(log_w: Tensor, reconstruction: Tensor, z_mean: Tensor) -> Estimate:
    """Return the estimate that the weights ``log_w`` [R, N, S] make, in their own precision."""
    samples = log_w.shape[-1]
    nested = [moments(log_w[..., :size]) for size in nested_sizes(samples)]
    log_p, mcse, ess = nested[-1]
    k_hat = pareto_k(log_w.cpu().double().numpy())
    return Estimate(
        log_p=log_p,
        mcse=mcse,
        ess=ess,
        k_hat=torch.from_numpy(k_hat).to(log_w),
        elbo=log_w.mean(-1),
        reconstruction=reconstruction,
        z_mean=z_mean,
        nested_log_p=torch.stack([part.log_p for part in nested], -1),
        nested_mcse=torch.stack([part.mcse for part in nested], -1),
    )


class Moments(NamedTuple):
    """What the first two moments of the weights tell of each image, as in `Estimate`; [R, N]."""

    log_p: Tensor
    mcse: Tensor
    ess: Tensor


def moments(log_w: Tensor) -> Moments:
    """Return what the first two moments of the weights [R, N, S] tell, each [R, N]."""
    samples = log_w.shape[-1]
    log_sum = log_w.logsumexp(-1)
    # log of S sum w^2 / (sum w)^2, at least 0: the relative second moment of the weights.
    spread = ((2 * log_w).logsumexp(-1) - 2 * log_sum + math.log(samples)).clamp_min(0)
    error = (spread.expm1() / samples).sqrt()
    return Moments(
        log_p=log_sum - math.log(samples),
        mcse=error if samples > 1 else torch.full_like(error, math.nan),
        ess=samples * (-spread).exp(),
    )


def affordable_rows(model: FlowVAE, images: Tensor) -> int:
    """Return how many latent points may be decoded at once."""
    if images.device.type == "cpu":
        return _CPU_ROWS
    free, _ = torch.cuda.mem_get_info(images.device)
    return _gpu_rows(free, _BUFFERS_PER_ROW * model.widest * images.element_size())


def _gpu_rows(free: int, per_row: int) -> int:
    """Return a power of two, the same for cards and neighbours that differ a little.

    The shape of a product decides how it is rounded.
    """
    rows = _GPU_ROWS
    while rows > 1 and rows * per_row > _GPU_MEMORY_SHARE * free:
        rows //= 2
    return rows
