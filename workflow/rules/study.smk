# The validated study, the names of its files, and each stage's settings.

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from flowdepth import catalogue
from flowdepth.config import read_study
from flowdepth.errors import UserError
from flowdepth.machine import gpus
from flowdepth.stamps import stamp

# Jobs run in the environment that Snakemake runs in, activated or not.
shell.prefix(f'set -euo pipefail; export PATH="{Path(sys.executable).parent}:$PATH"; ')

try:
    study = read_study(config)
    catalogue.check(study)
except UserError as error:
    raise WorkflowError(str(error))

GPUS_PER_JOB = int(study.device == "cuda" or (study.device == "auto" and gpus() > 0))


wildcard_constraints:
    depth=r"\d+",
    pack=r"[\d+-]+",


def results(*parts):
    """Path of a file of this study's results."""
    return str(Path("results", study.name, *parts))


def pack_name(seeds):
    """Name of a pack: seeds 0 to 4 are 0-4, seeds 1, 5 and 8 are 1+5+8."""
    consecutive = list(seeds) == list(range(seeds[0], seeds[0] + len(seeds)))
    if len(seeds) > 2 and consecutive:
        return f"{seeds[0]}-{seeds[-1]}"
    return "+".join(map(str, seeds))


PACKS = {pack_name(seeds): seeds for seeds in study.packs()}
PACK = results("K{depth}", "seeds{pack}")
GRID = {"depth": study.depths, "pack": list(PACKS)}


def depth_metrics(depth):
    """The metrics of every pack at one depth."""
    return expand(f"{PACK}/metrics.csv", depth=depth, pack=PACKS)


def pack_seeds(wildcards):
    return PACKS[wildcards.pack]


def figure(name, category):
    """The three files of a figure; Snakemake's own report shows the SVG."""
    stem = results("figures", name)
    shown = report(f"{stem}.svg", caption=f"../report/{name}.rst", category=category)
    return [shown, f"{stem}.pdf", f"{stem}.png"]


def section(name):
    """Canonical JSON of one section, as a function because strings in params are patterns."""
    return lambda wildcards: getattr(study, name).canonical()


def train_settings(wildcards):
    return study.train_settings().canonical()


def whole_study(wildcards):
    return study.canonical()


def optional_results(wildcards):
    """What the settings ask for beyond the results of every study."""
    exact = expand(rules.exact.output.exact, **GRID) if study.evaluate.exact else []
    gaps = rules.gap_figures.output if study.gaps.images else []
    pictures = rules.posteriors.output if study.model.latent == 2 else []
    return [*exact, *gaps, *pictures]
