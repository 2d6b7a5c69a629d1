# The validated study, the names of its files, and what each stage depends on.

import json
import os
import re
import sys
from functools import cache
from pathlib import Path

# A random.py in the working folder or beside the Snakefile is nobody's module, nor in jobs.
sys.path[:] = [
    place for place in sys.path if place not in ("", os.getcwd(), workflow.basedir)
]
os.environ.update(PYTHONSAFEPATH="1")

from snakemake.exceptions import WorkflowError

from flowdepth.base.errors import UserError
from flowdepth.base.files import write_text
from flowdepth.base.machine import uses_gpu
from flowdepth.cluster.demand import demand
from flowdepth.data import catalogue
from flowdepth.report import registry
from flowdepth.settings.study import read_study, refuse_nameless, seeds_of
from flowdepth.study import jobs, layout, stamps
from flowdepth.study.check import check
from flowdepth.study.finished import finished
from flowdepth.study.packs import packs

# Jobs run in the environment that Snakemake runs in, activated or not.
ENVIRONMENT = Path(sys.executable).parent
shell.prefix('set -euo pipefail; export PATH={ENVIRONMENT:q}:"$PATH"; ')

if set("{}") & set(workflow.basedir):
    raise WorkflowError(
        f"{workflow.basedir}: found braces in the path of this checkout, which Snakemake takes "
        "for wildcards; move it to a path without"
    )

try:
    if "name" not in workflow.config_settings.overwrite_config:
        refuse_nameless(workflow.overwrite_configfiles)
    # `studies` is no setting of one: it names those that `snakemake compare` shows.
    study = read_study(
        {key: value for key, value in config.items() if key != "studies"}
    )
    check(study)
    COMPARED = (
        finished(config["studies"], layout.RESULTS) if "studies" in config else {}
    )
except UserError as error:
    raise WorkflowError(str(error))

FOLDER = layout.RESULTS / study.name
PACKS = {depth: packs(study, FOLDER, depth) for depth in study.depths}
PACK = layout.pack(FOLDER, "{depth}", "{pack}")
GPUS_PER_JOB = int(uses_gpu(study.device))
SOURCE = catalogue.source(study.dataset)
# This study, for a Snakemake that is asked about it; it looks for both in the working folder.
LOOKED_AT = [
    *("--snakefile", workflow.main_snakefile),
    *("--configfile", f"{workflow.basedir}/config.yaml"),
]
# A job's words go into its log, and on a cluster into SLURM's as well, which keeps every attempt's: a
# time limit signals to tee, too, which has to outlive what the job then says. What a full disk keeps
# out of the log goes to the terminal.
TO_LOG, TO_BOTH = (
    "exec 3>&2 &> {log:q}; export FLOWDEPTH_TERMINAL=3",
    "exec &> >(trap '' INT TERM USR1; exec tee {log:q})",
)
SAYS = TO_LOG if workflow.is_main_process else TO_BOTH
# What a job runs. A stage finds its files by the study's folder.
STAGE = (
    f"{SAYS}; "
    'log={log:q}; export FLOWDEPTH_HEARTBEAT="${{log%.log}}.heartbeat.json"; '
    "python -m flowdepth.stages.{params.stage} --study {params.study:q} --settings {params.settings:q}"
)


# The study's own depths and packs, and nothing else that a command line may ask for. A job under way
# may have had its pack cleared, by which it would be found.
wildcard_constraints:
    depth="|".join(map(str, study.depths)),
    pack=(
        "|".join(map(re.escape, {name for names in PACKS.values() for name in names}))
        if workflow.is_main_process
        else "[0-9+-]+"
    ),


def pack_files(stage):
    """What a stage writes for each pack, by name."""
    record = layout.provenance(stage, PACK)
    return {**layout.outputs(stage, PACK), "provenance": record}


def study_files(stage, files=None):
    """What a stage writes once, by name."""
    written = layout.outputs(stage, FOLDER) if files is None else files
    return {**written, "provenance": layout.provenance(stage, FOLDER)}


def pack_log(stage):
    return layout.log(FOLDER, stage, layout.cell("{depth}", "{pack}"))


def study_log(stage):
    return layout.log(FOLDER, stage)


def shown(exhibit, files):
    """The files of a figure or a table; Snakemake's own report shows the first."""
    caption = Path(".snakemake", "captions", f"{Path(files[0]).stem}.rst").absolute()
    words = registry.caption(exhibit, study)
    if workflow.is_main_process and (
        not caption.exists() or caption.read_text(encoding="utf-8") != words
    ):
        write_text(caption, words)
    category = registry.SECTIONS[exhibit.section]
    return [report(files[0], caption=str(caption), category=category), *files[1:]]


def figure_files(stage):
    """The figures that a stage draws, by name."""
    return {
        figure.name: shown(figure, [*layout.figure(FOLDER, figure.name).values()])
        for figure in registry.figures(study, stage)
    }


def table_files(stage):
    """The tables to read that a stage sets, by name."""
    return {
        f"{table.name}_table": shown(
            table, [*layout.table(FOLDER, table.name).values()]
        )
        for table in registry.tables(study, stage)
    }


def of_packs(stage, *names):
    """Files of every pack of the grid: those of a stage, or some of them by name.

    Listed where they are needed: every job reads these rules, and few of them so many names.
    """
    files = pack_files(stage)
    wanted = [files[name] for name in names or files]
    return lambda wildcards: [
        path for depth in study.depths for path in at_depth(wanted, depth)
    ]


def packs_of_depth(stage, name, depth):
    """One file of every pack at a depth."""
    file = pack_files(stage)[name]
    return lambda wildcards: at_depth([file], depth)


def at_depth(files, depth):
    return expand(files, depth=depth, pack=PACKS[depth])


def pack_seeds(wildcards):
    return seeds_of(wildcards.pack)


def asks(resource):
    """What a stage asks a cluster for at one depth and pack: more with every attempt."""

    def at_attempt(wildcards, attempt, rulename):
        seeds = len(pack_seeds(wildcards))
        first = first_demand(rulename, int(wildcards.depth), seeds)
        return attempt * getattr(first, resource)

    return at_attempt


@cache
def first_demand(stage, depth, seeds):
    return demand(stage, study, depth, seeds)


@cache
def code(stage):
    return registry.code(study, stage)


def study_folder(wildcards):
    return str(FOLDER)


# Canonical JSON comes from functions, because strings in params are patterns.
def settings(stage):
    canonical = jobs.settings(study, stage)
    return lambda wildcards: canonical


def source(name):
    return lambda wildcards: SOURCE[name]


def settings_by_key(wildcards):
    """The study as words for Snakemake's option --config."""
    return [
        f"{key}={json.dumps(value)}"
        for key, value in study.model_dump(mode="json").items()
    ]


def compared_sums(wildcards):
    """The sums of the compared studies' results, which are no inputs: none is run."""
    return json.dumps(COMPARED)
