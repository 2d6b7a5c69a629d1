"""The table in docs/reruns.md, row by row."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from checkout import QUICK, ROOT, Checkout

END = ("summarise", "figures", "tables", "report", "paper")
CELL = re.compile(r"(train|evaluate) K = (\d+), seeds (\S+)")
MESSAGES = {
    "prepare digits": "prepare",
    "describe digits": "describe",
    "summarise all depths and seeds": "summarise",
    "draw the figures": "figures",
    "set the tables": "tables",
    "set the paper's figures and table": "paper",
    "write the report: results/quick/report.html": "report",
}
TABLE = re.findall(
    r"^\| (.+?) \| `(.+)` \| (.+) \|$", (ROOT / "docs" / "reruns.md").read_text(), re.MULTILINE
)


def promised(text: str) -> set[str]:
    """Return the jobs that a cell of the last column lists."""
    jobs: set[str] = set()
    for part in text.split(", "):
        stage, *cells = part.split()
        jobs |= {f"{stage} {cell}" for cell in cells} or {stage}
    if "end" in jobs:
        jobs |= {*END}
    return jobs - {"end", "nothing"}


def planned(jobs: set[str]) -> set[str]:
    """Return the jobs of a dry run in the words of the table."""
    return {MESSAGES.get(job) or CELL.sub(r"\1 K\2/\3", job) for job in jobs}


def test_the_table_is_read() -> None:
    assert len(TABLE) > 20
    assert promised("nothing") == set()
    assert promised("train K0/0+1 K2/0+1, end") == {"train K0/0+1", "train K2/0+1", *END}


@pytest.mark.parametrize(("command", "jobs"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE])
def test_an_edit_makes_the_jobs_of_the_table_run_again(
    finished: Checkout, tmp_path: Path, command: str, jobs: str
) -> None:
    study, words = finished, shlex.split(command)
    if words[0] != "snakemake":
        study, words = finished.copy(tmp_path / "study"), words[:1]
        subprocess.run(["bash", "-c", command], cwd=study.folder, check=True)
    assert planned(study.jobs(*QUICK, *words[1:])) == promised(jobs)


def test_more_importance_samples_repeat_no_quadrature(fresh: Checkout, tmp_path: Path) -> None:
    study = fresh.copy(tmp_path / "study")
    small = ("depths=[2]", "model={latent: 1}", "training={epochs: 1}", "gaps={images: 0}")
    done = study.snakemake(*QUICK, "--config", *small, "evaluate={samples: 20, exact: true}")
    assert done.returncode == 0, done.stdout + done.stderr
    more = (*QUICK, "--config", *small, "evaluate={samples: 30, exact: true}")
    assert planned(study.jobs(*more)) == {"evaluate K2/0+1", *END}
