"""How deep should a planar flow be? A benchmark study of flow VAEs.

What stands here is for use from Python, see docs/interface.md. It is imported at its first use,
because the Snakefile reads other modules of this package and must not wait for torch.
"""

from __future__ import annotations

from importlib import import_module

_MODULES = {
    "load": "api",
    "binarise": "api",
    "results": "analysis.reference",
    "FlowTransform": "model.flows.transform",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_MODULES]
