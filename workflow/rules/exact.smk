# a trained pack, the test images and their estimates -> log-likelihoods by quadrature beside them


rule exact:
    input:
        images=rules.prepare.output.images,
        model=rules.train.output.model,
        per_image=rules.evaluate.output.per_image,
    output:
        exact=f"{PACK}/exact.csv",
        per_image=f"{PACK}/exact.parquet",
        provenance=f"{PACK}/exact.provenance.json",
    log:
        results("logs", "exact", "K{depth}_seeds{pack}.log"),
    conda:
        "../envs/flowdepth.yaml"
    threads: 1
    resources:
        device=study.device,
        gpu=GPUS_PER_JOB,
        mem_mb=asks("exact", "mem_mb"),
        runtime=asks("exact", "runtime"),
    params:
        code=stamp("exact"),
        trained=train_settings,
        seeds=pack_seeds,
    message:
        "integrate K = {wildcards.depth}, seeds {wildcards.pack}"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.exact"
        " --device {resources.device:q} --threads {threads}"
        " --images {input.images:q} --model {input.model:q}"
        " --depth {wildcards.depth:q} --seeds {params.seeds:q} --trained {params.trained:q}"
        " --per-image {input.per_image:q} --exact {output.exact:q}"
        " --exact-per-image {output.per_image:q} --provenance {output.provenance:q}"
