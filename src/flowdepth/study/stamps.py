"""What a stage's code is, as far as its results depend on it.

Comments, docstrings and layout do not count: an edit of them makes nothing stale.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import grimp

from flowdepth.settings.flows import KINDS

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
    return digest(Path(find_spec(module).origin).read_text(encoding="utf-8"))


def digest(source: str) -> str:
    """Return a hash of the syntax tree of ``source`` without its docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            del body[0]
    return _hash(ast.dump(tree).encode())


def _contents(path: Path) -> str:
    files = sorted(path.rglob("*.*")) if path.is_dir() else [path]
    return _hash(b"".join(file.read_bytes() for file in files))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
