"""Why the bound is loose: approximation and amortisation gap (Cremer, Li & Duvenaud 2018).

For each image the posterior's own parameters are optimised with the decoder fixed, from the
encoder's values on. With ``q`` the encoder's posterior and ``q*`` the optimised one (equations 4-5)

    log p(x) - L[q] = (log p(x) - L[q*]) + (L[q*] - L[q])
    inference gap   =  approximation gap +  amortisation gap

Here are the two bounds; log p(x) is the study's own estimate. Shapes [R, N]: replicas, images. All
in nats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from flowdepth.compute.resume import FORGETFUL, Bookmark
from flowdepth.estimation.ascent import Images, optimise, own_parameters
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Gaps


@dataclass(frozen=True)
class Bounds:
    """The bounds that split the inference gap of each image; [R, N], nats.

    Attributes
    ----------
    elbo
        ``L[q]``, the encoder's.
    optimised_elbo
        ``L[q*]``, from the same noise.
    last_improvement
        What the image's last round of steps gained, as many as all before it. More steps would
        gain as much again or more, from the approximation gap to the amortisation gap.
    """

    elbo: Tensor
    optimised_elbo: Tensor
    last_improvement: Tensor


def bounds(
    model: FlowVAE,
    x: Tensor,
    seeds: tuple[int, ...],
    settings: Gaps,
    numbers: Sequence[int] | None = None,
    log: Callable[[int, float], None] = lambda step, bound: None,
    bookmark: Bookmark = FORGETFUL,
) -> Bounds:
    """Return the bounds of the images ``x`` [N, P], whatever ``settings.images``.

    ``numbers`` key the images' noise, from 0 on if not told. ``log`` is told the steps done and the
    mean bound; ``bookmark`` keeps the posteriors that they reached.
    """
    keys = torch.tensor(numbers or range(len(x)), device=x.device).expand(len(seeds), -1)
    images = Images(model, x.expand(len(seeds), -1, -1), seeds, keys)
    with torch.no_grad():
        encoder = own_parameters(model.encode(images.x))
    before, optimised = optimise(images, encoder, settings, log, bookmark)
    eps = images.noise(settings.samples, "compared")
    elbo, halfway, best = (images.elbo(q, eps, bookmark) for q in (encoder, before, optimised))
    return Bounds(elbo, best, best - halfway)
