from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import flowdepth
from flowdepth.study import syntax
from flowdepth.study.syntax import syntax_hash

HARD = Path(__file__).with_name("syntax.txt")
MODULES = sorted(Path(flowdepth.__file__).parent.rglob("*.py"))

SOURCE = '''
"""A module."""
def double(x):
    """Twice x."""
    if x:
        return 2 * x
'''

HASH_FILES = """
import json, pathlib, runpy, sys
code, *files = map(pathlib.Path, sys.argv[1:])
syntax_hash = runpy.run_path(str(code))["syntax_hash"]
print(json.dumps({str(file): syntax_hash(file.read_text("utf-8")) for file in files}))
"""


def hashes(python: str) -> dict[str, str]:
    """The hashes that another Python finds, which need not have this package installed."""
    command = [python, "-I", "-c", HASH_FILES, syntax.__file__, HARD, *MODULES]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def pythons(version: str) -> Iterator[str]:
    """Where that version of Python is on this machine; a shim of pyenv may lead to none."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = shutil.which(f"python{version}")
    for python in [on_path, *root.glob(f"versions/{version}.*/bin/python{version}")]:
        if python and subprocess.run([python, "-c", ""], capture_output=True).returncode == 0:
            yield str(python)


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_every_version_of_python_finds_the_same_hashes(version: str) -> None:
    found = [hashes(python) for python in pythons(version)]
    if not found:
        pytest.skip(f"Python {version} is not here")
    here = {str(path): syntax_hash(path.read_text(encoding="utf-8")) for path in [HARD, *MODULES]}
    assert len(here) > 80
    assert all(other == here for other in found)


def test_the_hash_of_hard_syntax_is_the_one_of_python_3_11() -> None:
    """Written down, so that a version that is not here today finds out by itself."""
    assert syntax_hash(HARD.read_text(encoding="utf-8")) == "a8c406310ebf"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Twice x."""', '"""x, twice."""'),
        ('"""A module."""', ""),
        ("2 * x", "2 * x  # why"),
        ("2 * x", "(2 *\n        x)"),
        ("if x:\n        return", "if(x): return"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(old: str, new: str) -> None:
    assert old in SOURCE
    assert syntax_hash(SOURCE.replace(old, new)) == syntax_hash(SOURCE)


@pytest.mark.parametrize(
    ("some", "other"),
    [
        ("2 * x", "3 * x"),
        ("2 * x", "'2 * x'"),
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("x = 'a'", "x = a"),
        ("x = 'None'", "x = None"),
        ("x = 0.1", "x = 0.10000000000000002"),
        ("x[1:]", "x[:1]"),
        ("x[:1]", "x[::1]"),
        ("x[1]", "x[1,]"),
        ("{**a}", "{None: a}"),
        ("def f(*, a): pass", "def f(*, a=None): pass"),
        ("def f(a): pass", "def f(a, /): pass"),
        ("def f(): return", "def f(): return None"),
        ("def f(): pass", "async def f(): pass"),
        ("match x:\n case None: pass", "match x:\n case _: pass"),
        ("match x:\n case None: pass", "match x:\n case True: pass"),
        ("try: a\nexcept b: c", "try: a\nexcept* b: c"),
        ("try: a\nexcept: b\nelse: c", "try: a\nexcept: b\nfinally: c"),
        ("if a: b\nelse: c", "if a: b\nc"),
        ("if a: b\nelif c: d", "if a: b\nif c: d"),
        ("raise", "raise a"),
        ("raise a", "raise a from None"),
        ("from . import a", "from .. import a"),
        ("import a", "import a as b"),
        ("a: b", "a: b = None"),
        ("x = f'a'", "x = 'a'"),
        ("f'{a}'", "f'{a!s}'"),
        ("f'{a}b'", "f'{a:b}'"),
        ("f'{a}b'", "f'b{a}'"),
        ("f'{a}{b}'", "f'{a}' f' {b}'"),
        ("f'{a=}'", "f'{a!r}'"),
        ("f(*a)", "f(a)"),
        ("f(**a)", "f(a)"),
        ("a < b < c", "(a < b) < c"),
        ("[a for a in b if c]", "[a for a in b if not c]"),
        ("pass", ""),
        ("a; b", "b; a"),
    ],
)
def test_an_edit_of_code_counts(some: str, other: str) -> None:
    assert syntax_hash(some) != syntax_hash(other)


def test_the_pieces_that_an_fstring_is_written_in_do_not_count() -> None:
    assert syntax_hash("x = f'ab{c}de'") == syntax_hash("x = 'a' f'b' f'' '' f'{c}d' u'e'")
