from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from flowdepth.model.replicas import build
from flowdepth.model.sizes import network_size
from flowdepth.settings.sections import Flow, Model

NETWORKS = {"dense": Model(latent=3), "gated_conv": Model(network="gated_conv", latent=3)}


def multiplications(module: torch.nn.Module, x: torch.Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        module(x)
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("network", NETWORKS)
def test_counted_size_is_that_of_the_model(network: str) -> None:
    model = NETWORKS[network]
    vae = build(model, Flow(), 2, 784, (0,))
    size = network_size(model, 784, outputs=vae.head.width)
    assert size.parameters == sum(p.numel() for p in vae.parameters())
    encode, decode = torch.nn.Sequential(vae.trunk, vae.head), vae.decoder.append(vae.output)
    # Dense layers count their biases too.
    close = {"rel": 0.01}
    assert size.encoder == pytest.approx(multiplications(encode, torch.zeros(1, 1, 784)), **close)
    assert size.decoder == pytest.approx(multiplications(decode, torch.zeros(1, 1, 3)), **close)
