# images -> a trained pack of seeds at one depth and its history


rule train:
    input:
        images=rules.prepare.output.images,
    output:
        **pack_files("train"),
    log:
        pack_log("train"),
    conda:
        "../envs/flowdepth.yaml"
    threads: 1
    resources:
        device=study.device,
        gpu=GPUS_PER_JOB,
        mem_mb=asks("mem_mb"),
        runtime=asks("runtime"),
    params:
        stage="train",
        study=study_folder,
        code=code("train"),
        settings=settings("train"),
        seeds=pack_seeds,
    message:
        "train K = {wildcards.depth}, seeds {wildcards.pack}"
    shell:
        STAGE + " --depth {wildcards.depth:q} --seeds {params.seeds:q}"
        " --device {resources.device:q} --threads {threads}"
