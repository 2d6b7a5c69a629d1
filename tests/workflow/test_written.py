"""Configurations whose texts YAML reads otherwise than they were meant, as Snakemake gets them."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from checkout import Checkout


def aliases(value: str) -> str:
    """Ten lines that stand for a thousand million values; ``*`` in each is the one before."""
    pairs = itertools.pairwise("abcdefghij")
    lines = [f"{new}: &{new} {value.replace('*', f'*{old}')}" for old, new in pairs]
    return "\n".join(["a: &a x", *lines])


LISTS = aliases(f"[{', '.join('*' * 9)}]")
# Snakemake would write these out, if it came to it.
MAPPINGS = aliases(f"{{{', '.join(f'x{i}: *' for i in range(9))}}}")
REFUSED = {
    "twice.yaml": (
        "seeds: [0]\nseeds: [1]",
        "line 2: the key seeds is given twice, first on line 1",
    ),
    "octal.yaml": ("training:\n  epochs: 010", "line 2: found 010, which YAML reads in base 8"),
    "aliases.yaml": (LISTS, "line 7: aliases make more than 100,000 values; write them out"),
    "config.yaml": (MAPPINGS, "line 6: aliases make more than 100,000 values; write them out"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_text_that_is_not_what_was_meant_stops_the_study(
    fresh: Checkout, tmp_path: Path, name: str
) -> None:
    study = fresh.copy(tmp_path / "study")
    text, words = REFUSED[name]
    (study.folder / name).write_text(text)
    overlay = () if name == "config.yaml" else ("--configfile", name)
    refused = study.snakemake("--dry-run", *overlay)
    output = refused.stdout + refused.stderr
    assert refused.returncode == 1
    assert f"{name}, {words}" in output
    assert "Traceback" not in output


def test_studies_to_compare_are_named_and_not_found_by_a_path(fresh: Checkout) -> None:
    refused = fresh.snakemake("compare", "--config", "studies=[../evil]", "--dry-run")
    assert refused.returncode == 1
    assert "studies: found ../evil, expected the name of a study" in refused.stdout + refused.stderr
