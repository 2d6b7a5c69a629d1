"""What a stage's code is, as far as its results depend on it.

Comments, docstrings and layout do not count: an edit of them makes nothing stale.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import grimp

from flowdepth.settings.flows import KINDS
from flowdepth.study.syntax import syntax_hash

_PACKAGE = Path(__file__).parents[1]


def stamp(stage: str, *files: str) -> str:
    """Return ``module@hash`` of each module of this package that the stage imports, itself too.

    ``files``, relative to the package, are what it reads beside them; of a folder, every file.
    """
    module = f"flowdepth.stages.{stage}"
    used = {module} | _imports().find_upstream_modules(module)
    stamps = [f"{name}@{_digest(name)}" for name in sorted(used)]
    stamps += [f"{name}@{_contents(_PACKAGE / name)}" for name in files]
    return " ".join(stamps)


@cache
def _imports() -> grimp.ImportGraph:
    graph = grimp.build_graph("flowdepth", cache_dir=None)
    # It tells of results and refuses damaged ones, but has no influence on them.
    graph.remove_module("flowdepth.study.provenance")
    # Chosen by its name, where no reader of the source sees the import.
    for kind in KINDS:
        graph.add_import(
            importer="flowdepth.model.flows.layers", imported=f"flowdepth.model.flows.{kind}"
        )
    return graph


@cache
def _digest(module: str) -> str:
    return syntax_hash(Path(find_spec(module).origin).read_text(encoding="utf-8"))


def _contents(path: Path) -> str:
    files = sorted(path.rglob("*.*")) if path.is_dir() else [path]
    return _hash(b"".join(file.read_bytes() for file in files))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
