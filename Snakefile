# How deep should a planar flow be?
#
# From configuration to report, in the order the data flows. `snakemake` runs the whole study,
# `snakemake K8` one depth of it, and each stage below is a target by its name.


# Refuses texts that YAML would read otherwise than they were meant.
include: "workflow/rules/configuration.smk"


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


# Validates the configuration into `study`, and names the files of its results.
include: "workflow/rules/study.smk"
# Runs again what does not belong to the study, by the provenance beside it.
include: "workflow/rules/stale.smk"
# One Snakemake at a time.
include: "workflow/rules/lock.smk"
# Before the first job: looks for damage, and on a cluster at the queue.
include: "workflow/rules/start.smk"


rule all:
    input:
        FOLDER / "report.html",
        FOLDER / "paper" / "paper.tex",


# Images, split and binarised -> results/<study>/data
include: "workflow/rules/prepare.smk"
# One job a depth and pack of seeds -> K<depth>/seeds<pack>/model.safetensors
include: "workflow/rules/train.smk"
# Test log-likelihood by importance sampling -> K<depth>/seeds<pack>/metrics.csv
include: "workflow/rules/evaluate.smk"
# Where asked for: of some test images, log-likelihood by annealing
include: "workflow/rules/certify.smk"
# Where asked for: log-likelihood by quadrature
include: "workflow/rules/exact.smk"
# All depths and seeds -> metrics.csv, summary.csv, comparisons.csv, certificate.csv and others
include: "workflow/rules/summarise.smk"
# Where asked for: the inference gap, split
include: "workflow/rules/gaps.smk"
# -> figures/, tables/
include: "workflow/rules/figures.smk"
include: "workflow/rules/posteriors.smk"
include: "workflow/rules/tables.smk"
# -> report.html
include: "workflow/rules/report.smk"
# -> paper/, to take figures and table from
include: "workflow/rules/paper.smk"
# Apart from the results: what they will take, how far they are, whether they are as they were written
include: "workflow/rules/plan.smk"
include: "workflow/rules/status.smk"
include: "workflow/rules/verify.smk"
# Apart from the study: four densities in the plane -> results/energies
include: "workflow/rules/energies.smk"
# Apart from the study: finished studies side by side -> results/compare.html
include: "workflow/rules/compare.smk"
# What git keeps of finished studies -> results/reference
include: "workflow/rules/publish.smk"


# `use rule` does not hand it on.
localrules:
    describe,
    gap_figures,
    figures,
    posteriors,
    tables,
    report,
    paper,
    publish,


for depth in study.depths:

    rule:
        name:
            f"K{depth}"
        input:
            packs_of_depth("evaluate", "metrics", depth),
        localrule: True
        message:
            f"K = {depth} is done; `snakemake` brings the report up to date"


onsuccess:
    if not workflow.touch and any(
        job.rule.name == "report" for job in workflow.dag.finished_jobs
    ):
        logger.info(f"The report is written: {(FOLDER / 'report.html').resolve()}")
