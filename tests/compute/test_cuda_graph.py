from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from flowdepth.compute.cuda_graph import CapturedStep, undone

OPTIMIZERS = {
    "adam": lambda p, **kind: torch.optim.Adam(p, 0.1, fused=True, **kind),
    "adamax": lambda p, **kind: torch.optim.Adamax(p, 0.1, **kind),
    "rmsprop": lambda p, **kind: torch.optim.RMSprop(p, 0.1, momentum=0.9, **kind),
}
BATCHES = [torch.linspace(-k, k, 3 * k).double().view(k, 3) for k in (4, 4, 2, 4, 2)]


def learner(name: str, device: str = "cpu") -> tuple[nn.Module, torch.optim.Optimizer, Callable]:
    """A small model, its optimiser, and a step of both that returns its loss."""
    model = nn.Linear(3, 2, device=device, dtype=torch.float64)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.linspace(-1, 1, parameter.numel()).view_as(parameter))
    optimizer = OPTIMIZERS[name](model.parameters(), capturable=device != "cpu")

    def step(x: Tensor) -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        loss = model(x).square().sum()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return model, optimizer, step


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("before", [0, 2])
def test_warm_up_leaves_model_and_optimiser_unchanged(name: str, before: int) -> None:
    (model, optimizer, step), (other, _, undisturbed) = learner(name), learner(name)
    for number, batch in enumerate(BATCHES):
        if number == before:
            with undone(model, optimizer):
                step(batch)
        assert torch.equal(step(batch), undisturbed(batch))
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True)
    )


@pytest.mark.gpu
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_graph_computes_what_its_step_does(name: str) -> None:
    model, optimizer, step = learner(name, "cuda")
    captured, (other, _, eager) = CapturedStep(step, model, optimizer), learner(name, "cuda")
    for batch in BATCHES:
        torch.testing.assert_close(captured(batch.cuda()), eager(batch.cuda()))
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b)
