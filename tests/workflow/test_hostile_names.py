"""Names from configuration that a shell, a pattern, HTML or LaTeX would take for more than text."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from checkout import QUICK, ROOT, Checkout
from markup import without_script

CANARY = "$(touch canary) `touch canary` ; touch canary & touch canary |"
FOLDER = f'-- it\'s "a" {CANARY} é * ? \\ %s'
IMAGES = f'-- it\'s "a" {CANARY} {{c}} {{{{d}}}} {{wildcards.pack}} é * ? \\ %s\nnew line.npz'
TITLE = f'<script>it\'s "a"</script> {CANARY} {{c}} {{{{d}}}} R&D _ %'


@pytest.fixture
def hostile(fresh: Checkout, tmp_path: Path) -> Checkout:
    """A checkout in a folder of such a name, with images of such a name."""
    checkout = fresh.copy(tmp_path / FOLDER)
    pixels = np.random.default_rng(0).integers(0, 256, (300, 5, 4), dtype=np.uint8)
    with (checkout.folder / IMAGES).open("wb") as file:
        np.savez(file, images=pixels)
    settings = {
        **{
            "depths": [2],
            "report": {"title": TITLE},
            "dataset": {"name": "images", "root": IMAGES},
        },
        "training": {"epochs": 1, "batch_size": 50},
    }
    (checkout.folder / "own.yaml").write_text(json.dumps(settings))
    return checkout


def test_names_from_the_configuration_are_taken_as_text(hostile: Checkout, tmp_path: Path) -> None:
    environment = tmp_path / f"environment {FOLDER} {{b}}"
    environment.symlink_to(sys.prefix)
    python = environment / Path(sys.executable).relative_to(sys.prefix)
    overlays = ("--configfile", "studies/quick.yaml", "own.yaml")
    done = subprocess.run(
        [python, "-m", "snakemake", *overlays], cwd=hostile.folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = (hostile.folder / "results" / "quick" / "report.html").read_text()
    assert "<script" not in without_script(page)
    assert "&lt;script&gt;it&#39;s" in page
    facts = json.loads((hostile.folder / "results" / "quick" / "provenance.json").read_text())
    assert [*facts["data"]["sources"]] == [Path(IMAGES).name]
    assert list(tmp_path.rglob("canary")) == []
    assert {path.name for path in tmp_path.iterdir()} == {FOLDER, environment.name}


def test_edited_images_alone_are_prepared_again(hostile: Checkout) -> None:
    root = hostile.folder / IMAGES
    overlays = ("--configfile", "studies/quick.yaml", "own.yaml")
    assert hostile.snakemake("prepare", *overlays).returncode == 0
    root.touch()
    assert hostile.jobs("prepare", *overlays) == set()
    with root.open("wb") as file:
        np.savez(file, images=np.zeros((300, 5, 4), dtype=np.uint8))
    assert hostile.jobs("prepare", *overlays) == {"prepare images"}


def test_study_is_planned_twice_where_no_character_beyond_ascii_is_known(
    fresh: Checkout, tmp_path: Path
) -> None:
    """Python decides at its start what a file or a terminal holds; captions are read again."""
    variables = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "snakemake", "--dry-run", *QUICK]
    study = fresh.copy(tmp_path / "study")
    for _ in range(2):
        environment = study.environment | variables
        done = subprocess.run(command, cwd=study.folder, env=environment, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()


def test_checkout_with_braces_in_its_path_is_refused(fresh: Checkout, tmp_path: Path) -> None:
    refused = fresh.copy(tmp_path / "{b}").snakemake("--dry-run")
    assert refused.returncode == 1
    output = refused.stdout + refused.stderr
    assert "found braces in the path of this checkout" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    "target",
    [
        "results/quick/K2/seeds7/model.safetensors",
        "results/quick/K3/seeds0+1/model.safetensors",
        "results/quick/K2/seeds../../../../../evil/model.safetensors",
    ],
)
def test_depth_or_pack_outside_the_study_is_no_target(fresh: Checkout, target: str) -> None:
    refused = fresh.snakemake(target, "--configfile", "studies/quick.yaml", "--dry-run")
    assert refused.returncode == 1
    assert "MissingRuleException" in refused.stdout + refused.stderr


@pytest.mark.parametrize(
    "rule", sorted((ROOT / "workflow" / "rules").glob("*.smk")), ids=lambda p: p.stem
)
def test_every_word_of_a_command_is_quoted(rule: Path) -> None:
    commands = re.findall(r"^    shell:\n((?: {8}.*\n)+)", rule.read_text(), re.MULTILINE)
    words = re.findall(r"\{([^{}]+)\}", "".join(commands))
    assert [w for w in words if not w.endswith(":q")] == [w for w in words if w == "threads"]
