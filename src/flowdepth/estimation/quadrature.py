r"""The exact log-likelihood of models with one or two latent dimensions, by quadrature.

``log p(x) = log int p(x|z) N(z; 0, I) dz`` by the trapezoid rule, whose weights are all equal
where the integrand vanishes at the border. Each point is decoded once for all images, in float64.

A sweep over a coarse lattice finds the points around which an image has any mass. The fine lattice
is these points shifted by every offset within their cell. To halve its spacing is to add to it
``2^D - 1`` lattices like it: a rule is the mean of ``2^D`` rules of twice the spacing, and how far
they lie apart shows its error.

Shapes: ``R`` replicas, ``N`` images of ``P`` pixels, ``M`` latent points. Nats.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from flowdepth.base.errors import UserError
from flowdepth.compute.out_of_memory import halved
from flowdepth.compute.resume import FORGETFUL, Bookmark, Snapshot
from flowdepth.estimation.lengths import MOST_POINTS
from flowdepth.model.vae import FlowVAE, log_standard_normal

# Half-width of the sweep: N(0, I) leaves e^-147 outside, less than 1e-7 of p(x) = e^-130.
_HALF_WIDTH = 17.0
_SWEEP_SPACING = 0.25
# A point matters where the joint density is above this share of an image's largest, or next to it.
_LOG_SHARE = -20.0
# Points at once, which on the CPU stay in its cache, and numbers [R, N, M] at once.
_CHUNK, _NUMBERS = {"cpu": 256, "cuda": 2**14}, 2**24


@dataclass(frozen=True)
class Exact:
    """Log-likelihoods by quadrature and their errors, in nats.

    Attributes
    ----------
    log_p
        log p(x) [R, N], float64.
    error
        Its error [R, N].
    mean_error
        Error of its mean over the images [R]; theirs partly cancel.
    """

    log_p: Tensor
    error: Tensor
    mean_error: Tensor


@torch.no_grad()
def exact_log_likelihood(
    model: FlowVAE,
    images: Tensor,
    tolerance: float = 1e-6,
    most_points: int = MOST_POINTS,
    bookmark: Bookmark = FORGETFUL,
) -> Exact:
    """Return log p(x) for ``images`` [N, P].

    The lattice is refined until each replica's mean is known to ``tolerance``, as long as it has
    at most ``most_points``. The error stated is that of a rule of twice the spacing, the worst of
    the ``2^D`` that make up the one used, and no less than a quarter of the same one level before;
    and the mass beside the lattice. Smooth units need a second. The kinks of ReLU and maxout leave
    an error in the square of the spacing: models of digits take some 10 seconds a replica on one
    core, where a single image's error is about 1e-5. ``bookmark`` keeps the rules' sums.

    Raises
    ------
    UserError
        If the model has more than two latent dimensions.
    """
    if model.latent > 2:
        raise UserError(
            f"model.latent is {model.latent}; quadrature takes 1 or 2 dimensions: "
            "set evaluate.exact to false or model.latent to 2"
        )
    x = images.double().expand(model.replicas, -1, -1)
    exact = copy.deepcopy(model).double()
    sums = _Sums(x, bookmark)

    def integrate(chunk: int) -> Exact:
        joint = _Joint(exact, x, chunk, bookmark)
        points, outside = _sweep(joint)
        return _refine(_Rules(joint, points, sums), outside, tolerance, most_points)

    return halved(_CHUNK[x.device.type], integrate)


@torch.no_grad()
def log_joint_grid(model: FlowVAE, images: Tensor, axis: Tensor) -> Tensor:
    """Return ``log p(x, z)`` [R, N, G, G] in nats at ``z = (axis_i, axis_j)``.

    ``images`` [N, P] and ``axis`` [G] in the model's precision, on its device; ``D = 2``.
    """
    x = images.expand(model.replicas, -1, -1)
    values = _Joint(model, x, len(axis)).log_prob(torch.cartesian_prod(axis, axis))
    grid: Tensor = values.unflatten(-1, (len(axis), len(axis)))
    return grid


@dataclass(frozen=True)
class _Joint:
    """``p(x, z)`` of the images ``x`` [R, N, P] at latent points common to all of them.

    At most ``chunk`` points at once.
    """

    model: FlowVAE
    x: Tensor
    chunk: int
    bookmark: Bookmark = FORGETFUL

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(x, z) [R, N, M] at the points ``z`` [M, D]."""
        output = self.model.decode(z.expand(self.model.replicas, 1, -1, -1)).squeeze(1)
        return self.model.observation.log_prob_pairs(self.x, output) + log_standard_normal(z)

    def chunks(self, z: Tensor) -> Iterator[Tensor]:
        """Give `log_prob` at a few of the points at a time."""
        size = max(1, min(self.chunk, _NUMBERS // self.x[..., 0].numel()))
        for part in z.split(size):
            self.bookmark.poll()
            yield self.log_prob(part)

    def log_sum(self, z: Tensor) -> Tensor:
        """Return the log of the sum of p(x, z) over the points, [R, N]."""
        total = torch.full_like(self.x[..., 0], -math.inf)
        for part in self.chunks(z):
            total = torch.logaddexp(total, part.logsumexp(-1))
        return total


def _sweep(joint: _Joint) -> tuple[Tensor, Tensor]:
    """Return the lowest corner of each cell that matters [M, D], and the share beside [R, N].

    A cell lies around its point of the sweep. The share is a bound of the mass left out.
    """
    steps = round(_HALF_WIDTH / _SWEEP_SPACING)
    axis = _SWEEP_SPACING * torch.arange(-steps, steps + 1).to(joint.x)
    z = torch.cartesian_prod(*[axis] * joint.model.latent).view(-1, joint.model.latent)
    highest = torch.stack([part.amax(-1) for part in joint.chunks(z)]).amax(0).unsqueeze(-1)
    share = torch.cat([_largest(part - highest) for part in joint.chunks(z)])
    matters = _widened(share > _LOG_SHARE, len(axis))
    inside, outside = joint.log_sum(z[matters]), joint.log_sum(z[~matters])
    # Twice, as a lattice so coarse knows the mass far out only roughly.
    return z[matters] - _SWEEP_SPACING / 2, 2 * (outside - inside).exp()


def _largest(share: Tensor) -> Tensor:
    """Return the largest over replicas and images, but for those of a failed replica."""
    return share.nan_to_num(nan=-math.inf).amax((0, 1))


def _widened(matters: Tensor, side: int) -> Tensor:
    """Return the points of the sweep [G^D], in rows of ``side``, that matter or are next to one."""
    square = matters.view(1, -1, side).double()
    reach = (min(1, square.shape[1] - 1), 1)
    kernel = (2 * reach[0] + 1, 2 * reach[1] + 1)
    return max_pool2d(square, kernel, stride=1, padding=reach).flatten() > 0


def _refine(rules: _Rules, outside: Tensor, tolerance: float, most_points: int) -> Exact:
    latent = rules.points.shape[-1]
    log_p = rules.log_p((0,) * latent, 1)
    apart = torch.full_like(log_p, math.inf).unsqueeze(0)
    for level in range(1, _finest_level(rules.points, most_points) + 1):
        before = apart
        parities = itertools.islice(itertools.product((0, 1), repeat=latent), 1, None)
        every = torch.stack([log_p, *(rules.log_p(parity, level) for parity in parities)])
        log_p = every.logsumexp(0) - latent * math.log(2)
        apart = every - log_p
        mean_error = _error(apart.mean(-1), before.mean(-1)) + outside.mean(-1)
        if not (mean_error > tolerance).any():
            break
    return Exact(log_p, _error(apart, before) + outside, mean_error)


def _error(apart: Tensor, before: Tensor) -> Tensor:
    """Return the error of the mean of rules that lie ``apart`` [2^D, ...] from it.

    A kink may be so placed that they agree by chance, but not those of the level before as well,
    whose errors are four times as large where kinks dominate.
    """
    return torch.maximum(apart.abs().amax(0), before.abs().amax(0) / 4)


def _finest_level(points: Tensor, most_points: int) -> int:
    """Return how often the spacing can be halved, at least twice."""
    return max(2, int(math.log2(most_points / max(1, len(points))) / points.shape[-1]))


class _Sums:
    """By rule, the log of the sum of p(x, z) over its first offsets; a bookmark keeps them."""

    def __init__(self, x: Tensor, bookmark: Bookmark) -> None:
        self.bookmark, self.nothing = bookmark, torch.full_like(x[..., 0], -math.inf)
        snapshot = bookmark.recall() or Snapshot({"sums": {}}, {})
        self.by_rule = {name: value.to(x) for name, value in snapshot.tensors["sums"].items()}
        self.offsets: dict[str, int] = snapshot.facts

    def total(self, rule: str) -> Tensor:
        """Return the log of the sum so far [R, N]."""
        return self.by_rule.get(rule, self.nothing)

    def add(self, rule: str, log_sum: Tensor) -> None:
        """Add the sum over one offset more."""
        self.by_rule[rule] = torch.logaddexp(self.total(rule), log_sum)
        self.offsets[rule] = self.offsets.get(rule, 0) + 1
        self.bookmark.keep(lambda: Snapshot({"sums": self.by_rule}, self.offsets))


@dataclass(frozen=True)
class _Rules:
    """Rules of several spacings over the lattice around ``points``."""

    joint: _Joint
    points: Tensor
    sums: _Sums

    def log_p(self, parity: tuple[int, ...], level: int) -> Tensor:
        """Return log p(x) [R, N] by those offsets from the points that are ``parity`` modulo 2.

        Offsets count in steps of ``_SWEEP_SPACING / 2^level``; the rule's spacing is two steps.
        """
        step = _SWEEP_SPACING / 2**level
        rule = f"{level} {parity}"
        offsets = itertools.product(*(range(first, 2**level, 2) for first in parity))
        for offset in itertools.islice(offsets, self.sums.offsets.get(rule, 0), None):
            shifted = self.points + step * self.points.new_tensor(offset)
            self.sums.add(rule, self.joint.log_sum(shifted))
        return self.sums.total(rule) + len(parity) * math.log(2 * step)
