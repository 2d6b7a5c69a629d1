"""On PYTHONPATH, makes a stage note the seconds it spends in the function that does its work.

Python imports a module of this name before any other: the wrapped function is then the one that
the stage imports. Other processes are left alone.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

# stage -> module, owner of the function (or the module itself) and function
_WORK = {
    "flowdepth.stages.train": ("flowdepth.training.loop", "PackTraining", "run"),
    "flowdepth.stages.evaluate": ("flowdepth.estimation.importance", None, "estimate"),
    "flowdepth.stages.gaps": ("flowdepth.estimation.gaps", None, "bounds"),
    "flowdepth.stages.certify": ("flowdepth.estimation.annealed", None, "anneal"),
}


def _timed(function: Callable[..., object], stage: str) -> Callable[..., object]:
    @functools.wraps(function)
    def wrapped(*args: object, **kwargs: object) -> object:
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            note = Path(os.environ["FLOWDEPTH_TIMES"], f"{stage}-{uuid.uuid4().hex}")
            note.write_text(f"{time.perf_counter() - start}")

    return wrapped


for _stage in _WORK.keys() & set(sys.orig_argv):
    _module, _owner, _name = _WORK[_stage]
    _holder = importlib.import_module(_module)
    _holder = getattr(_holder, _owner) if _owner else _holder
    setattr(_holder, _name, _timed(getattr(_holder, _name), _stage.rsplit(".", 1)[1]))
