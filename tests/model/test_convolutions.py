from __future__ import annotations

import torch
from torch import Tensor, nn

from flowdepth.estimation.gaps import bounds
from flowdepth.estimation.importance import estimate
from flowdepth.model.convolutions import Convolution
from flowdepth.model.objective import objective
from flowdepth.model.replicas import build
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Flow, Gaps, Model, Objective

MODEL = Model(network="gated_conv", latent=3)
# Channels before and after, kernel, stride, padding, as the authors' layers have them.
ENCODER = [
    *[(1, 32, 5, 1, 2), (32, 32, 5, 2, 2), (32, 64, 5, 1, 2), (64, 64, 5, 2, 2)],
    *[(64, 64, 5, 1, 2), (64, 256, 7, 1, 0)],
]
DECODER = [
    *[(3, 64, 7, 1, 0), (64, 64, 5, 1, 2), (64, 32, 5, 2, 2), (32, 32, 5, 1, 2)],
    *[(32, 32, 5, 2, 2), (32, 32, 5, 1, 2)],
]
ENLARGING = {0, 2, 4}


def convolutional(seeds: tuple[int, ...], depth: int = 2) -> FlowVAE:
    return build(MODEL, Flow(), depth, 784, seeds, dtype=torch.float64)


def images(replicas: int, count: int = 3) -> Tensor:
    noise = torch.Generator().manual_seed(replicas)
    return (torch.rand(replicas, count, 784, generator=noise) < 0.2).double()


def plain(layer: Convolution, replica: int, transposed: bool, *sizes: int) -> nn.ModuleList:
    """The linear part and the gate as torch's own layers, with one replica's weights."""
    inputs, outputs, kernel, stride, padding = sizes
    parts = nn.ModuleList()
    for half in (slice(0, outputs), slice(outputs, 2 * outputs)):
        weight = layer.weight[replica]
        if transposed:
            made = nn.ConvTranspose2d(inputs, outputs, kernel, stride, padding, stride - 1)
            weight = weight[:, half]
        else:
            made = nn.Conv2d(inputs, outputs, kernel, stride, padding)
            weight = weight[half]
        made.weight.data, made.bias.data = weight.data, layer.bias.data[replica, half]
        parts.append(made)
    return parts


def test_layers_are_those_of_the_paper() -> None:
    vae = convolutional((4, 7))
    for parameter in vae.parameters():
        nn.init.normal_(parameter, std=0.1)
    maps = images(2)[1].view(3, 1, 28, 28)
    for layer, sizes in zip(list(vae.trunk)[1:-1], ENCODER, strict=True):
        linear, gate = plain(layer, 1, False, *sizes)
        maps = linear(maps) * gate(maps).sigmoid()
    torch.testing.assert_close(vae.trunk(images(2))[1], maps.flatten(1))
    z = torch.randn(2, 3, 4, 3, dtype=torch.float64)
    maps = z[1].view(12, 3, 1, 1)
    for i, (layer, sizes) in enumerate(zip(list(vae.decoder)[1:], DECODER, strict=True)):
        linear, gate = plain(layer, 1, i in ENLARGING, *sizes)
        maps = linear(maps) * gate(maps).sigmoid()
    last = vae.output[0]
    logits = nn.functional.conv2d(maps, last.weight[1], last.bias[1])
    torch.testing.assert_close(vae.decode(z)[1], logits.view(3, 4, 784))


def test_seed_in_a_pack_equals_the_seed_alone() -> None:
    pack, alone = convolutional((4, 7, 2)), convolutional((7,))
    x, eps = images(3), torch.randn(3, 3, 2, 3, dtype=torch.float64)
    one = slice(1, 2)
    together = objective(pack, x, eps, Objective())
    apart = objective(alone, x[one], eps[one], Objective())
    torch.testing.assert_close(together[one], apart, rtol=0, atol=1e-9)
    together.sum().backward()
    apart.sum().backward()
    for (name, whole), own in zip(pack.named_parameters(), alone.parameters(), strict=True):
        assert torch.equal(whole[one], own), name
        torch.testing.assert_close(whole.grad[one], own.grad, rtol=0, atol=1e-9)


def test_layers_keep_the_scale_of_what_passes_them_at_first() -> None:
    vae = build(MODEL, Flow(), 0, 784, (0,))
    z = torch.randn(1, 50, 1, 3)
    for passed, first in ((vae.trunk(images(1, 50).float()), 0.2), (vae.decode(z), 1.0)):
        assert 0.1 * first < passed.square().mean().item() < 10 * first


def test_decoding_fewer_points_at_once_leaves_the_estimate_unchanged() -> None:
    vae, x = convolutional((4, 7)), images(1)[0]
    whole, parts = (estimate(vae, x, (4, 7), 7, rows=rows) for rows in (1000, 4))
    torch.testing.assert_close(whole.log_p, parts.log_p, rtol=0, atol=1e-9)


def test_optimising_raises_the_elbo_of_every_image() -> None:
    vae, x = convolutional((4,)), images(1, 1)[0]
    gap = bounds(vae, x, (4,), Gaps(images=1, steps=20, samples=50))
    assert (gap.optimised_elbo > gap.elbo).all()


def test_widest_layer_has_64_maps_of_28_by_28() -> None:
    assert convolutional((4, 7)).widest == 64 * 28 * 28
