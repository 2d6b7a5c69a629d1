from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from flowdepth.config import Flow, Model
from flowdepth.vae import Dense, Hidden
from helpers import binary_images, small_vae


@pytest.mark.parametrize("parameters", ["amortised", "shared"])
@pytest.mark.parametrize("depth", [0, 1, 5])
def test_shapes(depth: int, parameters: str) -> None:
    vae = small_vae(depth, seeds=(0, 1, 2), flow=Flow(parameters=parameters))
    x = binary_images(4).expand(3, -1, -1)
    q = vae.encode(x)
    z_0, z_k, ladj = q.sample(torch.randn(3, 4, 5, 2, dtype=torch.float64))
    assert q.mu.shape == q.log_var.shape == (3, 4, 2)
    assert z_0.shape == z_k.shape == (3, 4, 5, 2)
    assert ladj.shape == (3, 4, 5)
    assert vae.decode(z_k).shape == (3, 4, 5, 6)
    assert vae.log_likelihood(x, z_k).shape == (3, 4, 5)


def test_vanilla_vae_pays_for_flow_parameters() -> None:
    count = {k: sum(p.numel() for p in small_vae(k).parameters()) for k in (0, 1, 3)}
    per_layer = (7 + 1) * (2 + 2 + 1)
    assert count[1] - count[0] == per_layer
    assert count[3] - count[0] == 3 * per_layer


def test_shared_flow_differs_between_images() -> None:
    vae = small_vae(3, flow=Flow(parameters="shared"), disturb=0.3)
    x = binary_images(4).unsqueeze(0)
    eps = torch.randn(1, 4, 5, 2, dtype=torch.float64)
    q = vae.encode(x)
    _, z_k, ladj = q.sample(eps)
    for n in range(4):
        alone = vae.encode(x[:, n : n + 1]).sample(eps[:, n : n + 1])
        torch.testing.assert_close(z_k[:, n : n + 1], alone[1])
        torch.testing.assert_close(ladj[:, n : n + 1], alone[2])


def test_amortised_flow_ignores_the_image() -> None:
    q = small_vae(3, disturb=0.5).encode(binary_images(2).unsqueeze(0))
    for part in q.flow:
        assert not torch.allclose(part[0, 0], part[0, 1])


@pytest.mark.parametrize(
    ("activation", "pieces"),
    [("relu", 1), ("softplus", 1), ("tanh", 1), ("gated", 2), ("maxout", 3)],
)
def test_hidden_layer_applies_another_activation(activation: str, pieces: int) -> None:
    layer = Hidden(1, 4, 5, Model(activation=activation, maxout_window=3))
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(1, 6, 4)
    linear = (x @ layer.dense.weight + layer.dense.bias).view(1, 6, pieces, 5)
    expected = {
        "relu": lambda y: y[:, :, 0].clamp_min(0),
        "softplus": lambda y: functional.softplus(y[:, :, 0]),
        "tanh": lambda y: y[:, :, 0].tanh(),
        "gated": lambda y: y[:, :, 0] * y[:, :, 1].sigmoid(),
        "maxout": lambda y: y.max(2).values,
    }[activation](linear)
    torch.testing.assert_close(layer(x), expected)


def test_no_hidden_layers_is_not_linear() -> None:
    vae = small_vae(0, hidden=())
    z = torch.randn(1, 1, 3, 2, dtype=torch.float64)
    expected = z @ vae.output.weight.unsqueeze(1) + vae.output.bias.unsqueeze(1)
    torch.testing.assert_close(vae.decode(z), expected)


def test_replicas_see_each_others_weights() -> None:
    dense = Dense(2, 3, 4)
    with torch.no_grad():
        dense.weight.normal_()
        dense.bias.normal_()
    x = torch.randn(2, 5, 3)
    for r in range(2):
        torch.testing.assert_close(dense(x)[r], x[r] @ dense.weight[r] + dense.bias[r, 0])
