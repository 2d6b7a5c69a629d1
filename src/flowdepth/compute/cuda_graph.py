"""A step recorded as a CUDA graph: a small VAE's kernels are shorter than their launches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

# Calls before recording, for what libraries set up at their first ones.
_WARM_UP = 3

Step = Callable[[Tensor, Tensor, Tensor], Tensor]


class CapturedStep:
    """A step of ``model`` and ``optimizer`` that is recorded at the first batch of each shape.

    ``step`` takes images [R, B, P], noise [R, B, S, D] and the temperature [] and returns each
    seed's objective summed over the batch [R], all on one CUDA device. It must not wait for the
    device; its optimiser must be capturable. What a call returns, the next call overwrites.
    """

    def __init__(self, step: Step, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.step, self.model, self.optimizer = step, model, optimizer
        self._recorded: dict[torch.Size, tuple[torch.cuda.CUDAGraph, list[Tensor], Tensor]] = {}

    def __call__(self, *batch: Tensor) -> Tensor:
        """Return ``step(*batch)``, its kernels launched together."""
        shape = batch[0].shape
        if shape not in self._recorded:
            self._recorded[shape] = self._record([value.clone() for value in batch])
        graph, inputs, result = self._recorded[shape]
        for held, value in zip(inputs, batch, strict=True):
            held.copy_(value)
        graph.replay()
        return result

    def _record(self, inputs: list[Tensor]) -> tuple[torch.cuda.CUDAGraph, list[Tensor], Tensor]:
        apart = torch.cuda.Stream()
        apart.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(apart), undone(self.model, self.optimizer):
            for _ in range(_WARM_UP):
                self.step(*inputs)
        torch.cuda.current_stream().wait_stream(apart)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = self.step(*inputs)
        return graph, inputs, result


@contextmanager
@torch.no_grad()
def undone(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Put parameters and optimiser back, in their places, to what they were before the block.

    An optimiser that has not made a step begins with zeros.
    """
    parameters = [*model.parameters()]
    values = [value.clone() for value in parameters]
    state = {key: value.clone() for key, value in _state(optimizer).items()}
    yield
    for parameter, value in zip(parameters, values, strict=True):
        parameter.copy_(value)
    for key, value in _state(optimizer).items():
        value.copy_(state[key]) if key in state else value.zero_()


def _state(optimizer: torch.optim.Optimizer) -> dict[tuple[Tensor, str], Tensor]:
    entries = optimizer.state.items()
    return {(parameter, name): value for parameter, held in entries for name, value in held.items()}
