from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.contenders.plain_torch import PlainTorch
from benchmarks.work import Sizes, annealing_flops, images, sampling_flops, training_flops

SIZES = Sizes(pixels=20, hidden=(16, 12), latent=5)
DEPTH = 3
# The plain contender makes these sums one by one, not as products that torch counts.
LAYERS = 4 * DEPTH * SIZES.latent


def test_training_products_are_counted_as_torch_counts_them() -> None:
    plain, x = PlainTorch(SIZES, DEPTH, amortised=True), images(6, SIZES)
    with FlopCounterMode(display=False) as counter:
        plain.loss(x).backward()
    expected = training_flops(SIZES, DEPTH, amortised=True) - 3 * LAYERS
    assert counter.get_total_flops() == len(x) * expected


def test_sampling_products_are_counted_as_torch_counts_them() -> None:
    plain, x = PlainTorch(SIZES, DEPTH, amortised=True), images(6, SIZES)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        plain.log_weights(x, 10)
    expected = sampling_flops(SIZES, DEPTH, amortised=True, samples=10) - LAYERS
    assert counter.get_total_flops() == pytest.approx(len(x) * 10 * expected)


def test_products_of_a_gradient_by_the_latent_point_are_counted_as_torch_counts_them() -> None:
    decoder = PlainTorch(SIZES, DEPTH, amortised=True).decoder.requires_grad_(False)
    z = torch.zeros(6, SIZES.latent, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        decoder(z).sum().backward()
    expected = annealing_flops(SIZES, DEPTH) - 2 * LAYERS
    assert counter.get_total_flops() == len(z) * expected
