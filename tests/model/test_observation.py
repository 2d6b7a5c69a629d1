from __future__ import annotations

import math

import pytest
import torch

from flowdepth.model.observation import Bernoulli, Normal, bits_per_dim, observation
from flowdepth.settings.sections import Model
from helpers import binary_images


def test_bernoulli_agrees_with_torch_distributions() -> None:
    x = binary_images(3).unsqueeze(0)
    logits = 5 * torch.randn(1, 3, 4, 6, dtype=torch.float64, generator=torch.Generator())
    expected = torch.distributions.Bernoulli(logits=logits).log_prob(x.unsqueeze(2)).sum(-1)
    torch.testing.assert_close(Bernoulli().log_prob(x, logits), expected)


def test_bernoulli_is_exact_at_far_logits() -> None:
    logits = torch.tensor([[[[200.0, -200.0]]]])
    x = torch.tensor([[[1.0, 1.0]]])
    assert Bernoulli().log_prob(x, logits).item() == -200


@pytest.mark.parametrize("scale", ["learned", "fixed", "pixel"])
def test_normal_agrees_with_torch_distributions(scale: str) -> None:
    model = Normal(2, 6, scale, 0.3).double()
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        model.log_scale += 0.1 * torch.randn(model.log_scale.shape, generator=noise)
    x = torch.rand(2, 3, 6, generator=noise).double()
    mean = torch.rand(2, 3, 4, 6, generator=noise).double()
    expected = torch.distributions.Normal(mean, model.log_scale.exp()).log_prob(x.unsqueeze(2))
    torch.testing.assert_close(model.log_prob(x, mean), expected.sum(-1))
    assert model.log_scale.requires_grad == (scale != "fixed")


def test_observation_is_the_likelihood_named() -> None:
    assert isinstance(observation(Model(), 1, 4), Bernoulli)
    assert isinstance(observation(Model(likelihood="normal"), 1, 4), Normal)


def test_bits_per_dim_of_uniform_noise_is_log2_levels() -> None:
    """The uniform density on [0, 1]^P has NLL 0: every grey level is equally likely."""
    assert bits_per_dim(torch.tensor(0.0), 10, 17).item() == pytest.approx(math.log2(17))
    half = bits_per_dim(torch.tensor(-10 * math.log(2.0)), 10, 17).item()
    assert half == pytest.approx(math.log2(17) - 1)
