# results of several studies, as they are -> one page: snakemake compare --config studies='[a, b]'

from flowdepth.finished import finished

COMPARISON_TEMPLATES = [
    f"templates/{name}" for name in ("compare.html", "parts.html", "style.css")
]


try:
    COMPARED = (
        finished(config["studies"], Path("results")) if "studies" in config else {}
    )
except UserError as error:
    raise WorkflowError(str(error))


def compared_sums(wildcards):
    """The sums of the studies' results, which are no inputs: none is run, a new one is shown."""
    return json.dumps(COMPARED)


rule compare:
    output:
        "results/compare.html",
    log:
        "results/compare.log",
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    params:
        code=stamp("compare", *COMPARISON_TEMPLATES),
        sums=compared_sums,
        folders=[f"results/{name}" for name in COMPARED],
    message:
        "lay studies side by side: results/compare.html"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.compare --studies {params.folders:q} --output {output:q}"
