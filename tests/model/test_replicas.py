from __future__ import annotations

import pytest
import torch

from flowdepth.settings.sections import Flow
from helpers import binary_images, small_vae


def test_initial_values_of_a_seed_are_the_same_in_any_pack() -> None:
    pack = small_vae(3, seeds=(4, 7)).state_dict()
    alone = small_vae(3, seeds=(7,)).state_dict()
    for name, value in alone.items():
        torch.testing.assert_close(pack[name][1], value[0], rtol=0, atol=0)
        assert "bias" in name or not torch.equal(pack[name][0], value[0])


def test_all_depths_start_from_the_same_encoder_and_decoder() -> None:
    vanilla, deep = (small_vae(depth) for depth in (0, 3))
    for name in ("trunk.0.dense.weight", "decoder.0.dense.weight", "output.weight"):
        assert torch.equal(vanilla.state_dict()[name], deep.state_dict()[name])
    assert torch.equal(vanilla.head.weight, deep.head.weight[..., :4])
    shallow, layers = small_vae(1).encode, deep.encode
    x = binary_images(2).unsqueeze(0)
    torch.testing.assert_close(shallow(x).flow.w[:, :, 0], layers(x).flow.w[:, :, 0])


def test_new_shared_flow_is_the_identity() -> None:
    vae = small_vae(5, flow=Flow(parameters="shared"))
    q = vae.encode(binary_images(3).unsqueeze(0))
    z_0, z_k, ladj = q.sample(torch.randn(1, 3, 4, 2, dtype=torch.float64))
    torch.testing.assert_close(z_0, z_k)
    torch.testing.assert_close(ladj, torch.zeros_like(ladj))


def test_initial_weights_are_glorot_uniform() -> None:
    weight = small_vae(0, hidden=(400,), pixels=300).trunk[0].dense.weight
    bound = (6 / 700) ** 0.5
    assert weight.abs().max().item() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)
