# the study's tables of numbers -> paper/: main table and figures in a two-column paper's sizes


rule paper:
    input:
        expand(rules.evaluate.output.per_image, **GRID),
        metrics=rules.summarise.output.metrics,
        summary=rules.summarise.output.summary,
        comparisons=rules.summarise.output.comparisons,
        convergence=rules.summarise.output.convergence,
    output:
        tex=results("paper", "paper.tex"),
        table=results("paper", "main_table.tex"),
        figures=expand(
            results("paper", "{name}.pdf"),
            name=["nll_by_depth", "elbo_and_nll", "convergence", "weights"],
        ),
        provenance=results("paper.provenance.json"),
    log:
        results("logs", "paper.log"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    params:
        code=stamp("paper", "report/templates/paper.tex"),
        settings=whole_study,
        packs=expand(PACK, **GRID),
        folder=subpath(output.tex, parent=True),
    message:
        "set the paper's figures and table"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.paper --settings {params.settings:q}"
        " --packs {params.packs:q} --metrics {input.metrics:q} --summary {input.summary:q}"
        " --comparisons {input.comparisons:q} --convergence {input.convergence:q}"
        " --output {params.folder:q} --provenance {output.provenance:q}"
