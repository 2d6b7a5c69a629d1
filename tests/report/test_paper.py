from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from flowdepth.report import registry, style
from flowdepth.report.paper import write_paper
from flowdepth.settings.study import Study
from flowdepth.study import layout
from tabled import summarise

Fabricate = Callable[..., tuple[Study, list[Path]]]


@pytest.fixture
def write(fabricate: Fabricate, tmp_path: Path) -> Callable[..., list[Path]]:
    """Give the function that fabricates results and returns the paper's files."""
    return lambda **kwargs: [*write_paper(summarise(*fabricate(**kwargs), tmp_path))]


CERTIFIED = {"settings": {"certify": {"images": 5}}}


AWKWARD = {
    "plain": {},
    "a failed depth": {"failed": [(4, 0), (4, 1), (4, 2)]},
    "doubtful weights": {"doubtful": [0, 1]},
    "annealed images": CERTIFIED,
    "a depth that gains": {"bias": {0: 0.9, 1: 0.8, 4: 0.7}, "gain": 0.5},
    "no depth that gains": {"gain": -0.5},
    "one seed": {"seeds": (0,)},
    "no K = 0": {"depths": (1, 4)},
    "signs of LaTeX": {"settings": {"report": {"title": r"5 % & {\\_m_} #1~^$ |x| $y$ `z`"}}},
}


@pytest.mark.parametrize("case", AWKWARD)
def test_the_paper_compiles(write: Callable[..., list[Path]], case: str) -> None:
    latex = shutil.which("pdflatex")
    if latex is None:
        pytest.skip("pdflatex is not installed")
    command = [latex, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=write(**AWKWARD[case])[0].parent, capture_output=True)
    log = done.stdout.decode(errors="replace")
    assert done.returncode == 0, log
    assert "Overfull" not in log


def test_the_files_are_those_of_the_layout(write: Callable[..., list[Path]]) -> None:
    written = write(**CERTIFIED)
    folder = written[0].parent
    names = [figure.name for figure in registry.FIGURES if figure.in_paper]
    assert {*written} == {*layout.paper(folder.parent, names).values()}
    assert {*folder.iterdir()} == {*written}


def test_a_figure_is_a_column_wide(write: Callable[..., list[Path]]) -> None:
    figures = [path for path in write() if path.suffix == ".pdf"]
    assert figures
    for path in figures:
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", path.read_bytes())
        assert float(box[1]) == 72 * style.COLUMN


def test_the_paper_shows_each_of_its_figures(write: Callable[..., list[Path]]) -> None:
    text = (write(**CERTIFIED)[0].parent / "paper.tex").read_text()
    shown = re.findall(r"\\includegraphics\{(.*?).pdf\}", text)
    assert shown == [figure.name for figure in registry.FIGURES if figure.in_paper]


@pytest.mark.parametrize("case", AWKWARD)
def test_every_number_of_the_paper_is_there(write: Callable[..., list[Path]], case: str) -> None:
    folder = write(**AWKWARD[case])[0].parent
    used = re.findall(r"\\fdnumber\{(.*?)\}", (folder / "paper.tex").read_text())
    defined = re.findall(r"\\@namedef\{fdnumber@(.*?)\}", (folder / "numbers.tex").read_text())
    assert len(used) > 3
    # What a comment gives as an example is not set.
    assert {*used} - {"nll.32"} <= {*defined}


def test_the_best_depth_is_bold(write: Callable[..., list[Path]]) -> None:
    folder = write(gain=0.5)[0].parent
    lines = (folder / "main_table.tex").read_text().splitlines()
    assert [line[:11] for line in lines[5:8]] == ["0 &  & 22.4", "1 & $-$0.48", r"\textbf{4} "]
