"""The flows that a study can use, each a module of `flowdepth.model.flows` by its name.

To add one: write its module, name it here; docs/own_flow.md walks through `radial`. Without torch,
because the configuration reads this.
"""

from __future__ import annotations

# The latent dimension, and `flow.width` of a layer that has one.
D, M = "D", "M"

# The shapes of what a layer consists of, in the order of its module's `Layers`.
KINDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "planar": ((D,), (D,), ()),
    "radial": ((D,), (), ()),
    "householder": ((D,),),
    "sylvester": ((M, D), (M, M), (M,), (M,)),
}
# Kinds that have the name of a person.
EPONYMS = ("householder", "sylvester")


def shapes(kind: str, latent: int, width: int) -> list[tuple[int, ...]]:
    """Return those shapes in ``latent`` dimensions, of a layer of this ``width``."""
    lengths = {D: latent, M: width}
    return [tuple(lengths[name] for name in part) for part in KINDS[kind]]


def has_width(kind: str) -> bool:
    """Return whether layers of a kind have a width."""
    return any(M in part for part in KINDS[kind])
