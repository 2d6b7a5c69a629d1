"""Many seeds as one model: stacked parameters, each seed drawn from streams of its own.

A seed's initial values do not depend on its companions. Nor do they depend on depth where depths
share a parameter: seed by seed, the vanilla VAE and every flow start from the same encoder and
decoder, which pairs their results.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from flowdepth.compute.streams import generator
from flowdepth.model.convolutions import Convolution
from flowdepth.model.dense import Dense
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Flow, Model

# Spread of a new layer's amortised parameters over images, against their common value of about 1.
_FLOW_SPREAD = 0.1
# By initialisation, how far the weights of a dense layer with so many inputs and outputs go.
_BOUNDS: dict[str, Callable[[int, int], float]] = {
    "glorot": lambda inputs, outputs: math.sqrt(6 / (inputs + outputs)),
    "he": lambda inputs, outputs: math.sqrt(6 / inputs),
    "torch": lambda inputs, outputs: 1 / math.sqrt(inputs),
}


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

    Dense layers are uniform within a bound, with zero bias: ``glorot`` within
    ``sqrt(6 / (fan_in + fan_out))`` (Glorot and Bengio 2010), ``he`` within ``sqrt(6 / fan_in)``
    (He et al. 2015), ``torch`` within ``1 / sqrt(fan_in)``, the biases too. Convolutions are
    uniform within ``gain sqrt(3 / fan_in)``. Flow layers start as the identity where the encoder's
    last features are 0, and near it elsewhere.
    """
    vae = FlowVAE(model, flow, depth, pixels, len(seeds))
    with torch.no_grad():
        for row, seed in enumerate(seeds):
            _initialise(vae, row, seed, model.initialisation)
    return vae.to(device=device, dtype=dtype)


@torch.no_grad()
def start_at_means(vae: FlowVAE, means: Tensor) -> None:
    """Have the decoder's output start at the pixels' ``means`` [P] over the training images.

    Its biases become those of which the observation model makes the means (Burda et al. 2016); a
    convolution's single one that of their mean.
    """
    for module in vae.output.modules():
        if isinstance(module, Dense | Convolution):
            whole = means if isinstance(module, Dense) else means.mean().view(1)
            module.bias.copy_(vae.observation.parameter(whole).expand_as(module.bias))


def _initialise(vae: FlowVAE, row: int, seed: int, kind: str) -> None:
    for name, module in vae.named_modules():
        if isinstance(module, Dense | Convolution):
            weight, bias = module.weight[row], module.bias[row]
            bias.zero_()
            if module is vae.head:  # the other columns are the flow's
                weight, bias = weight[:, : 2 * vae.latent], bias[:, : 2 * vae.latent]
            is_dense = isinstance(module, Dense)
            bound = _BOUNDS[kind](*weight.shape) if isinstance(module, Dense) else module.bound
            weight.uniform_(-bound, bound, generator=generator(seed, "initial", name))
            if kind == "torch" and is_dense:
                bias.uniform_(-bound, bound, generator=generator(seed, "initial", name, "bias"))
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
