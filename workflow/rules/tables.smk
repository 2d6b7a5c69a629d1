# the study's tables of numbers -> tables to read (Markdown, LaTeX, CSV)


rule tables:
    input:
        summary=rules.summarise.output.summary,
        comparisons=rules.summarise.output.comparisons,
        convergence=rules.summarise.output.convergence,
    output:
        report(
            results("tables", "nll_by_depth.csv"),
            caption="../report/table.rst",
            category="Likelihood",
        ),
        report(
            results("tables", "comparisons.csv"),
            caption="../report/comparisons.rst",
            category="Likelihood",
        ),
        report(
            results("tables", "errors.csv"),
            caption="../report/errors.rst",
            category="Trust",
        ),
        expand(
            results("tables", "{name}.{form}"),
            name=["nll_by_depth", "comparisons", "errors"],
            form=["md", "tex"],
        ),
        provenance=results("tables.provenance.json"),
    log:
        results("logs", "tables.log"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    params:
        code=stamp("tables"),
        settings=whole_study,
        folder=subpath(output[0], parent=True),
    message:
        "set the tables"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.tables --settings {params.settings:q}"
        " --summary {input.summary:q} --comparisons {input.comparisons:q}"
        " --convergence {input.convergence:q} --output {params.folder:q}"
        " --provenance {output.provenance:q}"
