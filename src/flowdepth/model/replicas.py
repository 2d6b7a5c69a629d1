"""Many seeds as one model: stacked parameters, each seed drawn from streams of its own.

A seed's initial values do not depend on its companions. Nor do they depend on depth where depths
share a parameter: seed by seed, the vanilla VAE and every flow start from the same encoder and
decoder, which pairs their results.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from flowdepth.compute.streams import generator
from flowdepth.model.convolutions import Convolution
from flowdepth.model.dense import Dense
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Flow, Model

# Spread of a new layer's amortised parameters over images, against their common value of about 1.
_FLOW_SPREAD = 0.1


def build(
    model: Model,
    flow: Flow,
    depth: int,
    pixels: int,
    seeds: tuple[int, ...],
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> FlowVAE:
    """Return the model for all ``seeds``, replica ``r`` initialised from ``seeds[r]``.

    Dense layers are Glorot-uniform with zero bias, convolutions uniform within
    ``gain sqrt(3 / fan_in)``. Flow layers start as the identity for the mean image.
    """
    vae = FlowVAE(model, flow, depth, pixels, len(seeds))
    with torch.no_grad():
        for row, seed in enumerate(seeds):
            _initialise(vae, row, seed)
    return vae.to(device=device, dtype=dtype)


def _initialise(vae: FlowVAE, row: int, seed: int) -> None:
    for name, module in vae.named_modules():
        if isinstance(module, Dense | Convolution):
            weight = module.weight[row]
            if module is vae.head:  # the other columns are the flow's
                weight = weight[:, : 2 * vae.latent]
            glorot = math.sqrt(6 / sum(weight.shape))
            bound = module.bound if isinstance(module, Convolution) else glorot
            weight.uniform_(-bound, bound, generator=generator(seed, "initial", name))
            module.bias[row].zero_()
    if vae.shared is None:
        _initialise_flow(vae, vae.head.bias[row, 0, 2 * vae.latent :], seed)
        _spread_flow(vae, vae.head.weight[row, :, 2 * vae.latent :], seed)
    else:
        _initialise_flow(vae, vae.shared[row, 0], seed)


def _initialise_flow(vae: FlowVAE, flat: Tensor, seed: int) -> None:
    vae.layers(flat).start([generator(seed, "initial", "flow", k) for k in range(vae.depth)])


def _spread_flow(vae: FlowVAE, flat: Tensor, seed: int) -> None:
    for k in range(vae.depth):
        layer = generator(seed, "initial", "flow spread", k)
        for part in vae.layers(flat):
            scale = _FLOW_SPREAD / math.sqrt(len(flat) * vae.latent)
            part[:, k].copy_(torch.empty(part[:, k].shape).normal_(0, scale, generator=layer))
