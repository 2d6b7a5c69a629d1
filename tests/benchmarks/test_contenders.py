"""Every contender does the same work; a peer's tests run where the peer is installed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from benchmarks.contenders import AMORTISED, SHARED, contender
from benchmarks.contenders.base import Contender, ModuleContender
from benchmarks.work import Sizes, images
from flowdepth.estimation.importance import estimate
from flowdepth.model.dense import Dense
from flowdepth.model.flows.planar import invertible
from flowdepth.model.objective import objective
from flowdepth.settings.sections import Objective

SIZES = Sizes(pixels=20, hidden=(16, 12), latent=5)
DEPTH = 3
SAMPLES = 20_000
IMAGES = images(8, SIZES)
MODULES = {"plain_torch": "torch", "pyro": "pyro", "pythae": "pythae", "normflows": "normflows"}
ENTRIES = [(name, True) for name in AMORTISED] + [(name, False) for name in SHARED]
PEERS = [entry for entry in ENTRIES if entry[0] != "flowdepth"]


def made(name: str, amortised: bool, depth: int) -> Contender:
    if name in MODULES:
        pytest.importorskip(MODULES[name])
    torch.manual_seed(0)
    return contender(name, depth, amortised, SIZES)


def reference(amortised: bool, depth: int) -> Contender:
    """This project's model, moved away from its start so that the flow matters."""
    chosen = made("flowdepth", amortised, depth)
    with torch.no_grad():
        for parameter in chosen.model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
        flow = chosen.model.head.bias[..., 2 * SIZES.latent :] if amortised else chosen.model.shared
        flow *= 1.6  # away from |w| = 1, which hides a missing square
    return chosen


@torch.no_grad()
def copy(source: Contender, target: ModuleContender, name: str) -> None:
    """Give ``target`` the dense layers of ``source`` and, where it is shared, the flow."""
    pairs = [(source.encoder, target.encoder), (source.decoder, target.decoder)]
    for theirs, mine in pairs:
        dense = [m for m in theirs.modules() if isinstance(m, Dense)]
        linear = [m for m in mine.modules() if isinstance(m, nn.Linear)]
        for layer, copied in zip(dense, linear, strict=True):
            copied.weight.copy_(layer.weight[0].T)
            copied.bias.copy_(layer.bias[0, 0])
    if source.model.shared is not None and source.model.depth:
        _copy_flow(source, target, keeps_invertible=name != "pythae")


def _copy_flow(source: Contender, target: Contender, keeps_invertible: bool) -> None:
    u, w, b = source.model.layers(source.model.shared[0, 0])
    u = u if keeps_invertible else invertible(u, w)[0]
    for k, layer in enumerate(target.layers):
        layer.u.copy_(u[k].view_as(layer.u))
        layer.w.copy_(w[k].view_as(layer.w))
        bias = layer.bias if hasattr(layer, "bias") else layer.b
        bias.copy_(b[k : k + 1])


@pytest.mark.parametrize(("name", "amortised"), PEERS)
@pytest.mark.parametrize("depth", [0, DEPTH])
def test_peers_estimate_the_same_likelihood(name: str, amortised: bool, depth: int) -> None:
    ours, theirs = reference(amortised, depth), made(name, amortised, depth)
    copy(ours, theirs, name)
    expected = estimate(ours.model, IMAGES, (0,), SAMPLES)
    error = expected.mcse.square().sum().sqrt().item() / len(IMAGES)
    assert error < 0.02
    found = theirs.log_p(IMAGES, SAMPLES, rows=SAMPLES)
    assert found.item() == pytest.approx(expected.log_p.mean().item(), abs=5 * error)


@pytest.mark.parametrize(("name", "amortised"), PEERS)
@pytest.mark.parametrize("depth", [0, DEPTH])
def test_peers_train_on_the_same_bound(name: str, amortised: bool, depth: int) -> None:
    ours, theirs = reference(amortised, depth), made(name, amortised, depth)
    copy(ours, theirs, name)
    many = IMAGES.repeat(10_000, 1)
    eps = torch.randn(1, len(many), 1, SIZES.latent)
    with torch.no_grad():
        expected = -objective(ours.model, many.unsqueeze(0), eps, Objective()).mean()
        found = theirs.loss(many)
    assert found.item() == pytest.approx(expected.item(), abs=0.04)


@pytest.mark.parametrize(("name", "amortised"), ENTRIES)
@pytest.mark.parametrize("depth", [0, DEPTH])
def test_training_moves_every_parameter(name: str, amortised: bool, depth: int) -> None:
    chosen = made(name, amortised, depth)
    before = _parameters(chosen)
    chosen.train(IMAGES)
    unmoved = {key for key, value in _parameters(chosen).items() if torch.equal(value, before[key])}
    assert not unmoved


def _parameters(chosen: Contender) -> dict[str, Tensor]:
    """Return a copy of all parameters that hold numbers."""
    named = chosen.model.named_parameters()
    return {name: value.detach().clone() for name, value in named if value.numel()}
