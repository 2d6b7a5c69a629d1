# a trained pack and the test images -> log-likelihoods by seed and by image, and example images


rule evaluate:
    input:
        images=rules.prepare.output.images,
        model=rules.train.output.model,
    output:
        metrics=f"{PACK}/metrics.csv",
        per_image=f"{PACK}/images.parquet",
        convergence=f"{PACK}/convergence.csv",
        examples=f"{PACK}/examples.safetensors",
        provenance=f"{PACK}/evaluate.provenance.json",
    log:
        results("logs", "evaluate", "K{depth}_seeds{pack}.log"),
    conda:
        "../envs/flowdepth.yaml"
    threads: 1
    resources:
        device=study.device,
        gpu=GPUS_PER_JOB,
        mem_mb=asks("evaluate", "mem_mb"),
        runtime=asks("evaluate", "runtime"),
    params:
        code=stamp("evaluate"),
        trained=train_settings,
        seeds=pack_seeds,
        settings=section("evaluate"),
    message:
        "evaluate K = {wildcards.depth}, seeds {wildcards.pack}"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.evaluate --settings {params.settings:q}"
        " --device {resources.device:q} --threads {threads}"
        " --images {input.images:q} --model {input.model:q}"
        " --depth {wildcards.depth:q} --seeds {params.seeds:q} --trained {params.trained:q}"
        " --metrics {output.metrics:q} --per-image {output.per_image:q}"
        " --convergence {output.convergence:q} --examples {output.examples:q}"
        " --provenance {output.provenance:q}"
