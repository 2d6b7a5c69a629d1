"""The code blocks of README.md and of docs/, each page from top to bottom in one checkout.

Commands that would compute or set up for long run dry: snakemake and make with ``-n``.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from checkout import ROOT, Checkout

# Pages with a test of their own, which compares them with the code or runs them as one script.
ELSEWHERE = {
    "own_flow.md": "tests/model/flows/test_own_flow.py",
    "own_figure.md": "tests/test_own_figure.py",
    "interface.md": "tests/test_interface_page.py",
}
DOCS = sorted(page for page in (ROOT / "docs").glob("*.md") if page.name not in ELSEWHERE)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
FENCE = re.compile(r'^```(\w*)(?: title="(.*?)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
# What is not run, by its first word, and why.
NOT_RUN = {
    "cd": "the test is in the checkout already",
    "source": "the environment is active already",
    "eval": "starts a cluster; tests/slurm does",
    "$EDITOR": "waits for a person",
    "tail": "has no end",
    "podman": "needs a container engine",
    "pip": "the package is installed already",
}


class Block(NamedTuple):
    """A fenced block: its language, its title, its lines."""

    language: str
    title: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(page.read_text())]


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command, without ``nohup`` and ``&``."""
    for line in text.replace("\\\n", " ").replace("&&", "\n").splitlines():
        words = [word for word in shlex.split(line, comments=True) if word not in ("nohup", "&")]
        if words:
            yield words


def dry(words: list[str]) -> list[str]:
    """Return the command as it is run here."""
    if words[0] == "make":
        return ["make", "-C", str(ROOT), "-n", *words[1:]]
    if words[0] == "python":
        return [sys.executable, *words[1:]]
    if words[0] == "flowdepth":
        ending = ["--dry-run"] if words[1] == "run" else []
        return [sys.executable, "-m", "flowdepth.cli", *words[1:], *ending]
    assert words[0] == "snakemake", f"{words}: neither run nor listed in NOT_RUN"
    # Snakemake's report runs no job, and a dry run would not write it.
    ending = () if "--report" in words else ("--dry-run",)
    return [sys.executable, "-m", "snakemake", *words[1:], *ending]


def run(study: Checkout, words: list[str], refused: bool = False) -> None:
    done = subprocess.run(
        words, cwd=study.folder, env=study.environment, capture_output=True, text=True
    )
    said = f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
    assert (done.returncode != 0) is refused, said
    assert "Traceback" not in said, said


def follow(study: Checkout, block: Block) -> None:
    """Do what the page tells its reader to do with the block."""
    if block.title and block.title != "refused":
        (study.folder / block.title).write_text(block.text)
    if block.language == "python":
        run(study, [sys.executable, "-c", block.text])
    if block.language == "bash":
        for words in commands(block.text):
            if words[0] not in NOT_RUN:
                run(study, dry(words), refused=block.title == "refused")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_the_page_runs(finished: Checkout, tmp_path: Path, page: Path) -> None:
    study = finished.copy(tmp_path / "study")
    for block in blocks(page):
        follow(study, block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_has_a_language_that_the_tests_know(page: Path) -> None:
    assert {block.language for block in blocks(page)} <= {"bash", "python", "yaml", "text"}
    fences = re.findall(r"^```", page.read_text(), re.MULTILINE)  # recipes have their own test
    assert len(fences) == 2 * len(blocks(page))


def test_page_left_to_another_test_is_read_by_it() -> None:
    for page, test in ELSEWHERE.items():
        assert page.removesuffix(".md") in (ROOT / test).read_text()


def test_every_command_listed_as_not_run_is_on_a_page() -> None:
    bash = [block.text for page in PAGES for block in blocks(page) if block.language == "bash"]
    assert {words[0] for text in bash for words in commands(text)} >= NOT_RUN.keys()
