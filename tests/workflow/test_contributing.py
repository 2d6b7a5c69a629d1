"""The recipes of CONTRIBUTING.md, followed in a copy of the project."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from checkout import QUICK, ROOT, Checkout

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = ("A setting", "A figure", "A column of metrics", "A data set", "A flow")
STEP = re.compile(
    r"^\d\. (?:In `(?P<old>[^`]+)`, (?:at the end|below `(?P<anchor>[^`]+)`)|"
    r"A new file `(?P<new>[^`]+)`).*?```\w+\n(?P<text>.*?)   ```$",
    re.MULTILINE | re.DOTALL,
)
TABLE = """
    Table(
        name="spread",
        section="trust",
        title="Spread",
        caption="Standard error of the mean test NLL across seeds.",
    ),
"""
SETTER = '''

def spread(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the standard errors as text."""
    return pd.DataFrame({"K": summary["depth"].map(str), "SE": plain(summary["nll_se"], 4)})
'''


class Step(NamedTuple):
    """An edit: ``text`` below the line with ``anchor``, at the end, or as a file of its own."""

    path: str
    anchor: str | None
    text: str

    def follow(self, folder: Path) -> None:
        path = folder / self.path
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        place = len(lines)
        if self.anchor:
            (place,) = [i for i, line in enumerate(lines, 1) if self.anchor in line]
        path.write_text("".join([*lines[:place], self.text, *lines[place:]]))


def steps(recipe: str) -> list[Step]:
    section = PAGE.split(f"### {recipe}\n")[1].split("\n##")[0]
    return [
        Step(step["old"] or step["new"], step["anchor"], textwrap.dedent(step["text"]))
        if step["new"]
        else Step(step["old"], step["anchor"], re.sub(r"^   ", "", step["text"], flags=re.M))
        for step in STEP.finditer(section)
    ]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_takes_two_files(recipe: str) -> None:
    assert len({step.path for step in steps(recipe)}) == len(steps(recipe)) == 2


def test_a_study_with_one_of_each_ends_in_a_report_that_shows_them(
    fresh: Checkout, tmp_path: Path
) -> None:
    study = fresh.copy(tmp_path / "study")
    for recipe in RECIPES:
        for step in steps(recipe):
            step.follow(study.folder)
    package = Path("src", "flowdepth", "report")
    Step(str(package / "registry.py"), "TABLES = (", TABLE).follow(study.folder)
    Step(str(package / "tables.py"), None, SETTER).follow(study.folder)
    chosen = ("dataset={name: squares}", "flow=stretch", "report={contact: the author}")
    done = study.snakemake(*QUICK, "--config", *chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (study.results / "report.html").read_text()
    assert '<th scope="row">report.contact</th><td>the author</td>' in page
    assert '<figure id="nll_spread">' in page
    numbers = [int(n) for n in re.findall(r"<strong>Figure (\d+)\.</strong>", page)]
    assert numbers == [*range(1, 9)]
    assert 'aria-label="Spread"' in page
    assert '<th scope="col">spread of log' in page
    metrics = pd.read_csv(study.results / "metrics.csv")
    assert (metrics["status"] == "done").all()
    assert (metrics["log_p_spread"] > 0).all()
    assert (metrics["dataset"] == "squares").all()
    assert (study.results / "figures" / "nll_spread.png").exists()
    assert (study.results / "tables" / "spread.tex").exists()
    assert study.jobs(*QUICK, "--config", *chosen) == set()
