"""One file a contender; what a peer cannot do is not in the table of them."""

from __future__ import annotations

from importlib import import_module

from benchmarks.contenders.base import Contender
from benchmarks.work import Sizes

_CLASSES = {
    "flowdepth": "FlowDepth",
    "plain_torch": "PlainTorch",
    "pyro": "Pyro",
    "pythae": "Pythae",
    "normflows": "NormFlows",
}
# Who can give each image a flow of its own, and who one flow to all.
AMORTISED = ("flowdepth", "plain_torch", "pyro")
SHARED = ("flowdepth", "pythae", "normflows", "pyro")


def contender(name: str, depth: int, amortised: bool, sizes: Sizes | None = None) -> Contender:
    """Return the contender; its library is imported only here."""
    module = import_module(f"benchmarks.contenders.{name}")
    return getattr(module, _CLASSES[name])(sizes or Sizes(), depth, amortised)
