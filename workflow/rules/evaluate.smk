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
        cost=f"{PACK}/evaluate_cost.json",
    log:
        results("logs", "evaluate", "K{depth}_seeds{pack}.log"),
    conda:
        "../envs/flowdepth.yaml"
    threads: 1
    resources:
        gpu=GPUS_PER_JOB,
        mem_mb=4000,
        runtime="12h",
    params:
        code=stamp("evaluate"),
        settings=section("evaluate"),
    message:
        "evaluate K = {wildcards.depth}, seeds {wildcards.pack}"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.evaluate --settings {params.settings:q}"
        f" --device {study.device}"
        " --threads {threads} --images {input.images:q} --model {input.model:q}"
        " --metrics {output.metrics:q} --per-image {output.per_image:q}"
        " --convergence {output.convergence:q} --examples {output.examples:q}"
        " --cost {output.cost:q}"
