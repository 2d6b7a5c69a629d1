# The validated study, the names of its files, and each stage's settings.

import json
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from flowdepth.data import catalogue
from flowdepth.settings.study import read_study
from flowdepth.cluster.demand import demand
from flowdepth.base.errors import UserError
from flowdepth.study.finished import finished
from flowdepth.base.machine import gpus
from flowdepth.study.stamps import stamp

# Jobs run in the environment that Snakemake runs in, activated or not.
ENVIRONMENT = Path(sys.executable).parent
shell.prefix('set -euo pipefail; export PATH={ENVIRONMENT:q}:"$PATH"; ')

if set("{}") & set(workflow.basedir):
    raise WorkflowError(
        f"{workflow.basedir}: found braces in the path of this checkout, which Snakemake takes "
        "for wildcards; move it to a path without"
    )

try:
    # `studies` is no setting of one: it names those that `snakemake compare` shows.
    study = read_study(
        {key: value for key, value in config.items() if key != "studies"}
    )
    catalogue.check(study)
    COMPARED = (
        finished(config["studies"], Path("results")) if "studies" in config else {}
    )
except UserError as error:
    raise WorkflowError(str(error))

GPUS_PER_JOB = int(study.device == "cuda" or (study.device == "auto" and gpus() > 0))


def results(*parts):
    """Path of a file of this study's results."""
    return str(Path("results", study.name, *parts))


PACKS = study.packs()
PACK = results("K{depth}", "seeds{pack}")
GRID = {"depth": study.depths, "pack": list(PACKS)}


# The study's own depths and packs, and nothing else that a command line may ask for.
wildcard_constraints:
    depth="|".join(map(str, study.depths)),
    pack="|".join(map(re.escape, PACKS)),


def depth_metrics(depth):
    """The metrics of every pack at one depth."""
    return expand(f"{PACK}/metrics.csv", depth=depth, pack=PACKS)


def pack_seeds(wildcards):
    return PACKS[wildcards.pack]


def asks(stage, resource):
    """What a stage asks a cluster for at one depth and pack: more with every attempt."""

    def at_attempt(wildcards, attempt):
        first = demand(stage, study, int(wildcards.depth), len(PACKS[wildcards.pack]))
        return attempt * getattr(first, resource)

    return at_attempt


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
    """Every setting but the device: where to compute makes no result stale."""
    return study.canonical("device")


def settings_by_key(wildcards):
    """The study as words for Snakemake's option --config."""
    return [
        f"{key}={json.dumps(value)}"
        for key, value in study.model_dump(mode="json").items()
    ]


def optional_results(wildcards):
    """What the settings ask for beyond the results of every study."""
    exact = expand(rules.exact.output, **GRID) if study.evaluate.exact else []
    gaps = expand(rules.gaps.output.provenance, **GRID) if study.gaps.images else []
    gap_figures = rules.gap_figures.output if study.gaps.images else []
    pictures = rules.posteriors.output if study.model.latent == 2 else []
    return [*exact, *gaps, *gap_figures, *pictures]


def compared_sums(wildcards):
    """The sums of the compared studies' results, which are no inputs: none is run."""
    return json.dumps(COMPARED)
