"""What a stage's code is, as far as it could give another result.

Comments, docstrings and layout do not count: an edit of them makes nothing stale. Nor does code
that computes nothing: of settings the values count, which are parameters of the rules, and a
message, a record or a table of names changes no number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import grimp

from flowdepth.base.environment import SOURCE
from flowdepth.data.catalogue import reader
from flowdepth.settings.study import Study
from flowdepth.study.syntax import syntax_hash

# Wings that compute nothing ...
_APART = ("base", "settings", "study", "cluster", "monitor")
# ... modules elsewhere that do not ...
_MODULES_APART = ("stages.command", "report.registry", "data.downloads")
# ... and the stages to which telling of results is no part of computing them.
_COMPUTING = ("prepare", "describe", "train", "evaluate", "certify", "exact", "gaps")
_TELLING = ("analysis", "report")
# By package, who chooses a module of it by a name in the settings, unseen in the source.
_CHOOSERS = {"model.flows": "model.flows.layers", "data.readers": "data.sources"}


def of_stage(stage: str, *chosen: str) -> str:
    """Return the stamp of the command of a stage; ``chosen`` as for `of_modules`."""
    return of_modules([f"stages.{stage}"], *chosen, telling=tells(stage))


def tells(stage: str) -> bool:
    """Return whether telling of results is a part of what a stage does."""
    return stage not in _COMPUTING


def of_modules(modules: Iterable[str], *chosen: str, telling: bool = True) -> str:
    """Return ``module@hash`` of these modules and of each that they import, of this package.

    ``chosen`` are those that the settings name, such as model.flows.planar: they count where
    something chooses among their kind. Modules that tell of results count if ``telling``.
    """
    used = set().union(*(_with_imports(module, telling) for module in modules))
    for module in chosen:
        if _CHOOSERS[module.rpartition(".")[0]] in used:
            used |= _with_imports(module, telling)
    return " ".join(f"flowdepth.{name}@{_digest(name)}" for name in sorted(used))


def chosen(study: Study) -> list[str]:
    """Return the modules that a study's settings name."""
    return [f"model.flows.{study.flow.kind}", f"data.readers.{reader(study.dataset)}"]


def of_files(*files: str) -> str:
    """Return ``file@hash`` of files below the package, there or not; of a folder, every file."""
    return " ".join(f"{name}@{_contents(SOURCE / name)}" for name in files)


@cache
def _with_imports(module: str, telling: bool) -> set[str]:
    graph, name = _imports(telling), f"flowdepth.{module}"
    found = graph.find_upstream_modules(name) if name in graph.modules else ()
    return {module, *(name.removeprefix("flowdepth.") for name in found)}


@cache
def _imports(telling: bool) -> grimp.ImportGraph:
    graph = grimp.build_graph("flowdepth", cache_dir=None)
    wings = _APART if telling else (*_APART, *_TELLING)
    for module in graph.modules - {"flowdepth"}:
        name = module.removeprefix("flowdepth.")
        if name.split(".")[0] in wings or name in _MODULES_APART:
            graph.remove_module(module)
    return graph


@cache
def _digest(module: str) -> str:
    path = SOURCE.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return syntax_hash(file.read_text(encoding="utf-8"))


def _contents(path: Path) -> str:
    files = sorted(path.rglob("*.*")) if path.is_dir() else [path]
    return _hash(b"".join(file.read_bytes() for file in files if file.exists()))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
