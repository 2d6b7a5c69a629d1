# images -> a trained pack of seeds at one depth and its history


rule train:
    input:
        images=rules.prepare.output.images,
    output:
        model=f"{PACK}/model.safetensors",
        history=f"{PACK}/history.csv",
        provenance=f"{PACK}/train.provenance.json",
    log:
        results("logs", "train", "K{depth}_seeds{pack}.log"),
    conda:
        "../envs/flowdepth.yaml"
    threads: 1
    resources:
        device=study.device,
        gpu=GPUS_PER_JOB,
        mem_mb=asks("train", "mem_mb"),
        runtime=asks("train", "runtime"),
    params:
        code=stamp("train"),
        settings=train_settings,
        seeds=pack_seeds,
    message:
        "train K = {wildcards.depth}, seeds {wildcards.pack}"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.train --settings {params.settings:q}"
        " --depth {wildcards.depth:q} --seeds {params.seeds:q}"
        " --device {resources.device:q} --threads {threads} --images {input.images:q}"
        " --model {output.model:q} --history {output.history:q} --provenance {output.provenance:q}"
