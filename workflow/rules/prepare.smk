# dataset settings -> images of the three splits, and what is known of them


rule prepare:
    output:
        images=results("data", "images.safetensors"),
        facts=results("data", "dataset.json"),
        provenance=results("data", "prepare.provenance.json"),
    log:
        results("logs", "prepare.log"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    params:
        code=stamp("prepare"),
        settings=section("dataset"),
        # Not an input: its path may hold braces.
        own_images=catalogue.fingerprint(study.dataset),
    message:
        f"prepare {study.dataset.name}"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.prepare --settings {params.settings:q}"
        " --images {output.images:q} --facts {output.facts:q}"
        " --provenance {output.provenance:q}"
