# every pack of the grid -> the study's tables: by seed, by depth, by pair of depths


rule summarise:
    input:
        expand(rules.evaluate.output, **GRID),
        expand(rules.train.output.history, **GRID),
        expand(rules.train.output.provenance, **GRID),
    output:
        metrics=results("metrics.csv"),
        summary=results("summary.csv"),
        comparisons=results("comparisons.csv"),
        convergence=results("convergence.csv"),
        provenance=results("summarise.provenance.json"),
    log:
        results("logs", "summarise.log"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    params:
        code=stamp("summarise"),
        settings=whole_study,
        packs=expand(PACK, **GRID),
    message:
        "summarise all depths and seeds"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.summarise --settings {params.settings:q}"
        " --packs {params.packs:q} --metrics {output.metrics:q} --summary {output.summary:q}"
        " --comparisons {output.comparisons:q} --convergence {output.convergence:q}"
        " --provenance {output.provenance:q}"
