from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from flowdepth.model.objective import elbo, log_weight
from flowdepth.model.single import SingleVAE
from flowdepth.settings.sections import Flow
from helpers import small_vae


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(5, 6, generator=torch.Generator().manual_seed(1)).round().double()


def test_parameters_have_no_axis_of_seeds() -> None:
    vae = small_vae(2)
    single = SingleVAE(vae)
    stacked = dict(vae.named_parameters())
    for name, value in single.named_parameters():
        ends = stacked[name].shape[1:]
        assert value.shape == (ends[1:] if name.endswith("bias") else ends)
    assert single.get_parameter("head.weight").dim() == 2
    assert single.get_parameter("head.bias").dim() == 1


def test_it_computes_what_the_pack_does(x: torch.Tensor) -> None:
    vae = small_vae(2)
    single, q = SingleVAE(vae), vae.encode(x.unsqueeze(0))
    torch.manual_seed(0)
    found = single(x, samples=3)
    torch.manual_seed(0)
    eps = torch.randn(1, 5, 3, vae.latent, dtype=torch.float64)
    assert torch.equal(found, log_weight(vae, x.unsqueeze(0), q, eps).total()[0])
    assert torch.equal(single.encode(x)[0], q.mu[0])
    z = torch.zeros(5, vae.latent, dtype=torch.float64)
    assert torch.equal(
        single.decode(z), vae.observation.mean(vae.decode(z.view(1, 5, 1, -1)))[0, :, 0]
    )


@pytest.mark.parametrize(
    "flow", [Flow(), Flow(kind="sylvester", width=2), Flow(parameters="shared")]
)
@pytest.mark.parametrize("likelihood", ["bernoulli", "normal"])
def test_it_is_trained_in_plain_torch_without_touching_the_pack(
    x: torch.Tensor, flow: Flow, likelihood: str
) -> None:
    vae = small_vae(2, flow=flow, likelihood=likelihood)
    before = {name: value.clone() for name, value in vae.named_parameters()}
    single = SingleVAE(vae)
    optimiser = torch.optim.Adam(single.parameters(), 0.01)

    def loss() -> torch.Tensor:
        torch.manual_seed(3)
        return -single(x, samples=8).mean()

    first = loss().item()
    for _ in range(20):
        optimiser.zero_grad()
        loss().backward()
        assert all(value.grad is not None for value in single.parameters())
        optimiser.step()
    assert loss().item() < first
    assert all(torch.equal(value, before[name]) for name, value in vae.named_parameters())


def test_it_is_saved_and_loaded_as_any_module(x: torch.Tensor, tmp_path: Path) -> None:
    single, other = SingleVAE(small_vae(2)), SingleVAE(small_vae(2, seeds=(1,)))
    save_file(single.state_dict(), tmp_path / "mine.safetensors")
    assert not torch.equal(other.encode(x)[0], single.encode(x)[0])
    other.load_state_dict(load_file(tmp_path / "mine.safetensors"))
    assert torch.equal(other.encode(x)[0], single.encode(x)[0])


def test_it_is_part_of_a_larger_module(x: torch.Tensor) -> None:
    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vae, self.output = SingleVAE(small_vae(2)), nn.Linear(2, 3).double()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.output(self.vae.encode(images)[0])

    classifier = Classifier()
    classifier(x).sum().backward()
    assert classifier.vae.get_parameter("head.weight").grad is not None


def test_its_mean_is_the_elbo(x: torch.Tensor) -> None:
    vae = small_vae(0)
    q = vae.encode(x.unsqueeze(0))
    torch.manual_seed(0)
    eps = torch.randn(1, 5, 4000, vae.latent, dtype=torch.float64)
    torch.manual_seed(0)
    found = SingleVAE(vae)(x, samples=4000).mean()
    assert found.item() == pytest.approx(elbo(vae, x.unsqueeze(0), q, eps).mean().item(), abs=0.1)
