from __future__ import annotations

import pytest
import torch

from flowdepth.model.replicas import build, start_at_means
from flowdepth.settings.sections import Flow, Model
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


@pytest.mark.parametrize(
    ("kind", "bound"),
    [("glorot", (6 / 700) ** 0.5), ("he", (6 / 300) ** 0.5), ("torch", 300**-0.5)],
)
def test_initial_weights_are_uniform_within_their_bound(kind: str, bound: float) -> None:
    dense = small_vae(0, hidden=(400,), pixels=300, initialisation=kind).trunk[0].dense
    assert dense.weight.abs().max().item() <= bound
    assert dense.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)
    if kind == "torch":
        assert 0.9 * bound < dense.bias.abs().max().item() <= bound
    else:
        assert not dense.bias.any()


def test_torch_s_initialisation_is_that_of_its_linear_layers() -> None:
    mine = small_vae(0, hidden=(400,), pixels=300, initialisation="torch").trunk[0].dense
    theirs = torch.nn.Linear(300, 400)
    for one, other in ((mine.weight, theirs.weight), (mine.bias, theirs.bias)):
        assert one.abs().max().item() == pytest.approx(other.abs().max().item(), rel=0.02)
        assert one.std().item() == pytest.approx(other.std().item(), rel=0.1)


@pytest.mark.parametrize("likelihood", ["bernoulli", "normal"])
def test_an_output_that_starts_at_the_means_decodes_to_them(likelihood: str) -> None:
    vae = small_vae(0, (0, 1), likelihood=likelihood)
    with torch.no_grad():
        vae.output.weight.zero_()
    means = torch.tensor([0.1, 0.3, 0.5, 0.9, 0.0, 1.0], dtype=torch.float64)
    start_at_means(vae, means)
    decoded = vae.observation.mean(vae.decode(torch.zeros(2, 1, 1, 2, dtype=torch.float64)))
    kept = means.clamp(0.001, 0.999) if likelihood == "bernoulli" else means
    torch.testing.assert_close(decoded, kept.expand(2, 1, 1, 6))


def test_a_convolution_starts_at_the_mean_of_the_means() -> None:
    settings = Model(network="gated_conv", latent=3)
    vae = build(settings, Flow(), 0, 784, (0, 1))
    start_at_means(vae, torch.full((784,), 0.2))
    (bias,) = (m.bias for m in vae.output.modules() if hasattr(m, "bias"))
    torch.testing.assert_close(bias.sigmoid(), torch.full_like(bias, 0.2))
