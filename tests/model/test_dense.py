from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from flowdepth.model.dense import Dense, Hidden
from flowdepth.settings.sections import Model


@pytest.mark.parametrize(
    ("activation", "pieces"),
    [("relu", 1), ("softplus", 1), ("tanh", 1), ("gated", 2), ("maxout", 3)],
)
def test_hidden_layer_applies_its_activation(activation: str, pieces: int) -> None:
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


def test_replicas_see_their_own_weights_alone() -> None:
    dense = Dense(2, 3, 4)
    with torch.no_grad():
        dense.weight.normal_()
        dense.bias.normal_()
    x = torch.randn(2, 5, 3)
    for r in range(2):
        torch.testing.assert_close(dense(x)[r], x[r] @ dense.weight[r] + dense.bias[r, 0])
