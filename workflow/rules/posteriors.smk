# packs with two latent dimensions and the test images -> pictures of posteriors and latent spaces


rule posteriors:
    input:
        expand(rules.train.output.model, **GRID),
        images=rules.prepare.output.images,
    output:
        figure("posteriors", "Latent space"),
        figure("latent_space", "Latent space"),
        figure("manifold", "Latent space"),
        provenance=results("posteriors.provenance.json"),
    log:
        results("logs", "posteriors.log"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    threads: 1
    params:
        code=stamp("posteriors"),
        settings=whole_study,
        packs=expand(PACK, **GRID),
        folder=subpath(output[0], parent=True),
    message:
        "draw posteriors and latent spaces"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.posteriors --settings {params.settings:q}"
        " --threads {threads} --images {input.images:q} --packs {params.packs:q}"
        " --output {params.folder:q}"
        " --provenance {output.provenance:q}"
