from __future__ import annotations

import pytest
import torch

from flowdepth.settings.sections import Flow
from helpers import binary_images, small_vae


@pytest.mark.parametrize("parameters", ["amortised", "shared"])
@pytest.mark.parametrize("depth", [0, 1, 5])
def test_shapes_are_replicas_by_images_by_samples(depth: int, parameters: str) -> None:
    vae = small_vae(depth, seeds=(0, 1, 2), flow=Flow(parameters=parameters))
    x = binary_images(4).expand(3, -1, -1)
    q = vae.encode(x)
    z_0, z_k, ladj = q.sample(torch.randn(3, 4, 5, 2, dtype=torch.float64))
    assert q.mu.shape == q.log_var.shape == (3, 4, 2)
    assert z_0.shape == z_k.shape == (3, 4, 5, 2)
    assert ladj.shape == (3, 4, 5)
    assert vae.decode(z_k).shape == (3, 4, 5, 6)
    assert vae.log_likelihood(x, z_k).shape == (3, 4, 5)


def test_each_layer_adds_its_parameters_to_those_of_the_vanilla_vae() -> None:
    count = {k: sum(p.numel() for p in small_vae(k).parameters()) for k in (0, 1, 3)}
    per_layer = (7 + 1) * (2 + 2 + 1)
    assert count[1] - count[0] == per_layer
    assert count[3] - count[0] == 3 * per_layer


def test_shared_flow_moves_an_image_alone_as_it_does_in_a_batch() -> None:
    vae = small_vae(3, flow=Flow(parameters="shared"), disturb=0.3)
    x = binary_images(4).unsqueeze(0)
    eps = torch.randn(1, 4, 5, 2, dtype=torch.float64)
    q = vae.encode(x)
    _, z_k, ladj = q.sample(eps)
    for n in range(4):
        alone = vae.encode(x[:, n : n + 1]).sample(eps[:, n : n + 1])
        torch.testing.assert_close(z_k[:, n : n + 1], alone[1])
        torch.testing.assert_close(ladj[:, n : n + 1], alone[2])


def test_shared_flow_is_one_for_all_images() -> None:
    shared = small_vae(3, flow=Flow(parameters="shared"), disturb=0.3)
    q = shared.encode(binary_images(2).unsqueeze(0))
    for part in q.flow:
        assert part.shape[1] == 1 or torch.equal(part[0, 0], part[0, 1])


def test_amortised_flow_depends_on_the_image() -> None:
    q = small_vae(3, disturb=0.5).encode(binary_images(2).unsqueeze(0))
    for part in q.flow:
        assert not torch.allclose(part[0, 0], part[0, 1])


def test_decoder_without_hidden_layers_is_linear() -> None:
    vae = small_vae(0, hidden=())
    z = torch.randn(1, 1, 3, 2, dtype=torch.float64)
    expected = z @ vae.output.weight.unsqueeze(1) + vae.output.bias.unsqueeze(1)
    torch.testing.assert_close(vae.decode(z), expected)
