"""Observation models: log p(x|z) in nats, from what the decoder puts out for each latent point.

Shapes: images ``x`` [R, N, P], decoder output [R, N, S, P], result [R, N, S], for ``R`` replicas,
``N`` images of ``P`` pixels and ``S`` latent samples each. ``log_prob_pairs`` takes instead the
output [R, M, P] at ``M`` points common to all images.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction, FunctionCtx, once_differentiable
from torch.nn.functional import softplus

from flowdepth.settings.sections import Model

# 2^6 numbers of at least 1/2 have a product that every precision holds.
_FACTORS_LOG2 = 6
# Of a pixel's mean to start from: one that was always 0 may be 1 in a test image.
_MOST_CERTAIN = 1e-3


class Bernoulli(nn.Module):
    """Binary pixels: ``log p(x|z) = sum_i x_i l_i - softplus(l_i)`` on logits ``l``."""

    def log_prob(self, x: Tensor, logits: Tensor) -> Tensor:
        """Return log p(x|z) [R, N, S] in nats, of pixels that are 0 or 1."""
        log_prob: Tensor = _BernoulliLogProb.apply(x.unsqueeze(-2), logits)  # type: ignore[no-untyped-call]
        return log_prob

    def log_prob_pairs(self, x: Tensor, logits: Tensor) -> Tensor:
        """Return log p(x|z) [R, N, M] in nats of every image at every point, [R, M, P]."""
        return x @ logits.mT - softplus(logits).sum(-1).unsqueeze(-2)

    def mean(self, logits: Tensor) -> Tensor:
        """Return E[x|z], the probability of a set pixel, in the shape of ``logits``."""
        return logits.sigmoid()

    def parameter(self, mean: Tensor) -> Tensor:
        """Return the logits of these means, which are kept 0.001 away from 0 and 1."""
        return mean.logit(_MOST_CERTAIN)

    def sample(self, logits: Tensor, noise: Tensor) -> Tensor:
        """Return pixels drawn from p(x|z) by standard normals, all in the shape of ``logits``."""
        probability: Tensor = torch.special.ndtr(noise)
        return (probability < self.mean(logits)).to(logits)


class _BernoulliLogProb(torch.autograd.Function):
    """``-sum_i softplus(m_i)`` with ``m = (1 - 2 x) l``, positive where a pixel is missed.

    ``softplus(m) = max(m, 0) - log sigmoid(|m|)``. Nothing cancels, and as ``sigmoid(|m|)`` is in
    [1/2, 1], many are multiplied before one logarithm.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, logits: Tensor) -> Tensor:
        ctx.save_for_backward(x, logits)
        missed = (1 - 2 * x) * logits
        excess = missed.relu().sum(-1)
        return _log_of_product(missed.abs_().sigmoid_()) - excess

    @staticmethod
    @once_differentiable
    def backward(ctx: BackwardCFunction, gradient: Tensor) -> tuple[None, Tensor]:
        saved: tuple[Tensor, ...] = ctx.saved_tensors
        x, logits = saved
        return None, (x - logits.sigmoid()).mul_(gradient.unsqueeze(-1))


def _log_of_product(factors: Tensor) -> Tensor:
    """Return the sum of logarithms over the last dimension, in place; factors are in [1/2, 1]."""
    for _ in range(_FACTORS_LOG2):
        half, odd = divmod(factors.shape[-1], 2)
        if odd:
            break
        factors = factors[..., :half].mul_(factors[..., half:])
    return factors.log_().sum(-1)


class Normal(nn.Module):
    """Grey pixels: ``x ~ N(decoder mean, sigma_x^2)``.

    ``log sigma_x`` is a parameter: one number, or one per pixel; fixed or learned, from ``start``
    or from what `start_at` is given.
    """

    def __init__(self, replicas: int, pixels: int, scale: str, start: float = 1.0) -> None:
        super().__init__()
        shape = (replicas, 1, 1, pixels if scale == "pixel" else 1)
        value = torch.full(shape, math.log(start))
        self.log_scale = nn.Parameter(value, requires_grad=scale != "fixed")

    @torch.no_grad()
    def start_at(self, residuals: Tensor) -> None:
        """Start at the root of the pixels' mean squared ``residuals`` [P], each pixel its own."""
        squares = residuals.square()
        if self.log_scale.shape[-1] == 1:
            squares = squares.mean()
        self.log_scale.copy_((0.5 * squares.log()).expand_as(self.log_scale))

    def log_prob(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return log p(x|z) [R, N, S] in nats, a density on pixels scaled to [0, 1]."""
        squares = ((x.unsqueeze(-2) - mean) * torch.exp(-self.log_scale)).square().sum(-1)
        pixels = x.shape[-1]
        log_volume = self.log_scale.expand(*self.log_scale.shape[:-1], pixels).sum(-1)
        return -0.5 * squares - log_volume - 0.5 * pixels * math.log(2 * math.pi)

    def log_prob_pairs(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return log p(x|z) [R, N, M] in nats of every image at every point, [R, M, P].

        ``|x - m|^2 = |x|^2 - 2 x . m + |m|^2`` loses about as many digits as ``|x|^2 / sigma_x^2``
        has: in float32 it is for the eye only.
        """
        log_scale = self.log_scale.squeeze(1)
        x, mean = x * torch.exp(-log_scale), mean * torch.exp(-log_scale)
        lengths = x.square().sum(-1, keepdim=True) + mean.square().sum(-1).unsqueeze(-2)
        pixels = x.shape[-1]
        log_volume = log_scale.expand(*log_scale.shape[:-1], pixels).sum(-1, keepdim=True)
        return x @ mean.mT - 0.5 * lengths - log_volume - 0.5 * pixels * math.log(2 * math.pi)

    def mean(self, mean: Tensor) -> Tensor:
        """Return E[x|z], in the shape of ``mean``."""
        return mean

    def parameter(self, mean: Tensor) -> Tensor:
        """Return ``mean``."""
        return mean

    def sample(self, mean: Tensor, noise: Tensor) -> Tensor:
        """Return pixels drawn from p(x|z) by standard normals, all in the shape of ``mean``."""
        return torch.addcmul(mean, self.log_scale.exp(), noise)


def observation(model: Model, replicas: int, pixels: int) -> Bernoulli | Normal:
    """Return the observation model that the configuration names."""
    if model.likelihood == "bernoulli":
        return Bernoulli()
    if model.scale_start == "residuals":
        return Normal(replicas, pixels, model.scale)
    return Normal(replicas, pixels, model.scale, model.scale_start)


def bits_per_dim(nll: Tensor, pixels: int, levels: int) -> Tensor:
    """Return bits per dimension of a dequantised density with ``levels`` grey levels.

    ``nll / (P log 2) + log2(levels)``: pixels scaled to [0, 1] make a grey level 1/levels wide.
    """
    return nll / (pixels * math.log(2)) + math.log2(levels)
