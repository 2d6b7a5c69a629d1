from __future__ import annotations

from pathlib import Path

from checkout import QUICK, Checkout
from contents import shared

# Found before those of Python and its packages, were the working folder looked in.
DISGUISED = ("random", "queue", "yaml", "grimp", "numpy", "torch", "matplotlib")


def test_second_run_gives_the_same_bytes(
    finished: Checkout, fresh: Checkout, tmp_path: Path
) -> None:
    again = fresh.copy(tmp_path / "elsewhere")
    (again.folder / "matplotlibrc").write_text("axes.facecolor: red\nimage.lut: 3\n")
    for name in DISGUISED:
        (again.folder / f"{name}.py").write_text("raise SystemExit('not this one')")
    setting = {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "77"}
    setting |= {"HOME": "/dev/null", "XDG_CACHE_HOME": ""}  # a home that nobody can write to
    done = again.snakemake(*QUICK, "--cores", "1", **setting)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = shared(finished), shared(again)
    assert first.keys() == second.keys()
    assert [path for path in first if first[path] != second[path]] == []
    assert "seconds.train" not in str(first[Path("report.html")])
    assert sum(isinstance(content, bytes) for content in first.values()) > 40
