"""The flows that a study can use, each a module of this package by its name.

To add one: write its module, name it here; docs/own_flow.md walks through `radial`. Without torch,
because the configuration reads this.
"""

from __future__ import annotations

from typing import NamedTuple


class Size(NamedTuple):
    """What makes a layer: ``vectors`` of the latent dimension D, then ``numbers``."""

    vectors: int
    numbers: int

    def parameters(self, latent: int) -> int:
        """Return the number of a layer's parameters in ``latent`` dimensions."""
        return self.vectors * latent + self.numbers


KINDS = {
    "planar": Size(vectors=2, numbers=1),
    "radial": Size(vectors=1, numbers=2),
}
