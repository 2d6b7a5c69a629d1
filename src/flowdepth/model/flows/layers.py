"""What every flow can do, and the choice of one by its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Protocol

import torch
from torch import Tensor


class Layers(Protocol):
    """Parameters of ``K`` layers, a named tuple of [..., K, D], then others such as [..., K].

    One set of parameters (an image, or a whole batch when parameters are shared) moves ``S`` points
    ``z`` [..., S, D]. Log-determinants [..., S] are in nats and positive where the flow expands.
    """

    def __init__(self, *parameters: Tensor) -> None:
        """Take the parameters in their order."""

    def __iter__(self) -> Iterator[Tensor]:
        """Return the parameters in their order."""

    def __getitem__(self, index: int, /) -> Tensor:
        """Return one of the parameters."""

    def _asdict(self) -> dict[str, Tensor]:
        """Return the parameters by their names."""

    def start(self, noise: Sequence[torch.Generator]) -> None:
        """Fill one set with initial values that make it the identity; a generator a layer."""

    def forward(self, z_0: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``z_K`` and ``sum_k log|det df_k/dz_{k-1}|``; with ``K = 0``, ``z_0`` and 0."""

    def inverse(self, z_k: Tensor) -> tuple[Tensor, Tensor]:
        """Return the ``z_0`` that `forward` moves to ``z_k``, and its log-determinant there."""

    def carry(self, gradient: Tensor, z_0: Tensor) -> Tensor:
        """Return ``J^-T gradient`` [..., S, D], with ``J`` the Jacobian of `forward` at ``z_0``."""


def family(kind: str) -> type[Layers]:
    """Return the class ``Layers`` of the flow's module."""
    layers: type[Layers] = import_module(f"flowdepth.model.flows.{kind}").Layers
    return layers


def carried(layers: Layers, gradient: Tensor, z_0: Tensor) -> Tensor:
    """Return ``J^-T gradient`` as the derivative of the inverse along ``gradient``."""
    with torch.enable_grad():
        z_k = layers.forward(z_0)[0].detach().requires_grad_()
        return torch.autograd.grad(layers.inverse(z_k)[0], z_k, gradient)[0]
