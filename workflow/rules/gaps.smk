# a trained pack and some test images -> the inference gap, split; all packs -> figure and table


rule gaps:
    input:
        images=rules.prepare.output.images,
        model=rules.train.output.model,
    output:
        gaps=f"{PACK}/gaps.parquet",
        provenance=f"{PACK}/gaps.provenance.json",
    log:
        results("logs", "gaps", "K{depth}_seeds{pack}.log"),
    conda:
        "../envs/flowdepth.yaml"
    threads: 1
    resources:
        device=study.device,
        gpu=GPUS_PER_JOB,
        mem_mb=asks("gaps", "mem_mb"),
        runtime=asks("gaps", "runtime"),
    params:
        code=stamp("gaps"),
        trained=train_settings,
        seeds=pack_seeds,
        settings=section("gaps"),
    message:
        "split the inference gap of K = {wildcards.depth}, seeds {wildcards.pack}"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.gaps --settings {params.settings:q}"
        " --device {resources.device:q} --threads {threads}"
        " --images {input.images:q} --model {input.model:q}"
        " --depth {wildcards.depth:q} --seeds {params.seeds:q} --trained {params.trained:q}"
        " --gaps {output.gaps:q} --provenance {output.provenance:q}"


rule gap_figures:
    input:
        expand(rules.gaps.output.gaps, **GRID),
    output:
        figure("inference_gap", "Inference gap"),
        table=report(
            results("tables", "inference_gap.csv"),
            caption="../report/inference_gap_table.rst",
            category="Inference gap",
        ),
        markdown=results("tables", "inference_gap.md"),
        latex=results("tables", "inference_gap.tex"),
        provenance=results("gap_figures.provenance.json"),
    log:
        results("logs", "gap_figures.log"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    params:
        code=stamp("gap_figures"),
        settings=whole_study,
        packs=expand(PACK, **GRID),
        figures=subpath(output[0], parent=True),
        tables=subpath(output.table, parent=True),
    message:
        "draw the inference gap by depth"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.gap_figures --settings {params.settings:q}"
        " --packs {params.packs:q} --figures {params.figures:q} --tables {params.tables:q}"
        " --provenance {output.provenance:q}"
