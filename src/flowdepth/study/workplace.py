"""A study in a folder of one's own: what it starts with, and the command that runs it there."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from flowdepth.base.environment import home
from flowdepth.base.errors import UserError
from flowdepth.base.files import write_text
from flowdepth.settings.study import NAME

STUDY = "study.yaml"
_README = """# {name}

A study of flow depth with flowdepth, described in `study.yaml`.

```bash
flowdepth plan study.yaml       # what it will take here
flowdepth run study.yaml -n     # what would run
flowdepth run study.yaml        # results/{name}/report.html
flowdepth watch study.yaml      # how far it is, live
flowdepth status study.yaml     # the same, once
```

What follows the file is for Snakemake, such as `--cores 4`, `K8` (one depth), or
`--profile profiles/slurm` on a cluster. Stopped and started again, it goes on where it stood.
"""
_COMMENTS = 34  # the column where those of config.yaml start
_IGNORED = "/.snakemake/\n/data/\n/results/\n"


def begin(folder: Path) -> list[Path]:
    """Write a study file with every setting, a README and what goes with them; return the files.

    Raises
    ------
    UserError
        If the folder is not empty, its name is none of a study, or it cannot be written.
    """
    name = folder.absolute().name
    if not re.fullmatch(NAME.strip("^$"), name):
        raise UserError(
            f"{folder}: found {name!r}, expected a name of letters, digits, - and _, because the "
            "study is called as its folder; choose another"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: exists already and is not empty; choose another folder")
    contents = {
        STUDY: _study(name),
        "README.md": _README.format(name=name),
        ".gitignore": _IGNORED,
        "profiles/slurm/profile.yaml": _read("profiles", "slurm", "profile.yaml"),
    }
    for path, text in contents.items():
        write_text(folder / path, text)
    return [folder / path for path in contents]


def _study(name: str) -> str:
    """Return the default study under another name."""
    _, settings = re.split(r"^(?=name: )", _read("config.yaml"), flags=re.MULTILINE)
    text, count = re.subn(
        r"^name: \w+ {2,}", f"name: {name}".ljust(_COMMENTS), settings, flags=re.MULTILINE
    )
    if count != 1:
        raise UserError("config.yaml: found no line with the study's name; install flowdepth again")
    return f"# Every setting of a study, with its default.\n\n{text}"


def _read(*path: str) -> str:
    return home().joinpath(*path).read_text(encoding="utf-8")


def options(study: Path) -> list[str]:
    """Return Snakemake's options for the study that a file describes, results in this folder.

    Raises
    ------
    UserError
        If there is no such file.
    """
    if not study.is_file():
        raise UserError(
            f"{study}: found no file, expected the description of a study such as `flowdepth init` "
            "writes; correct the path"
        )
    return ["--snakefile", str(home() / "Snakefile"), "--configfile", str(study)]


def command(study: Path, words: Sequence[str]) -> list[str]:
    """Return the command that runs the study with more ``words`` for Snakemake.

    Raises as `options` does.
    """
    # Options with several values take what follows them.
    return [sys.executable, "-P", "-m", "snakemake", *words, *options(study)]
