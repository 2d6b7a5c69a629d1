# tables of numbers, histories and example images -> figures (SVG, PDF, PNG)


rule figures:
    input:
        expand(rules.evaluate.output.examples, **GRID),
        expand(rules.train.output.history, **GRID),
        expand(rules.evaluate.output.per_image, **GRID),
        metrics=rules.summarise.output.metrics,
        summary=rules.summarise.output.summary,
        convergence=rules.summarise.output.convergence,
    output:
        figure("nll_by_depth", "Likelihood"),
        figure("elbo_and_nll", "Likelihood"),
        figure("convergence", "Trust"),
        figure("weights", "Trust"),
        figure("learning_curves", "Training"),
        figure("reconstructions", "Images"),
        figure("prior_samples", "Images"),
        provenance=results("figures.provenance.json"),
    log:
        results("logs", "figures.log"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    params:
        code=stamp("figures"),
        settings=whole_study,
        packs=expand(PACK, **GRID),
        folder=subpath(output[0], parent=True),
    message:
        "draw the figures"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.figures --settings {params.settings:q}"
        " --packs {params.packs:q} --metrics {input.metrics:q} --summary {input.summary:q}"
        " --convergence {input.convergence:q} --output {params.folder:q}"
        " --provenance {output.provenance:q}"
