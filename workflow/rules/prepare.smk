# dataset settings -> images of the three splits; what is known of them, for the report


rule prepare:
    output:
        **study_files("prepare"),
    log:
        study_log("prepare"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    resources:
        # Where the data lie makes nothing stale, and a path may hold braces.
        root=lambda wildcards: study.dataset.root,
    params:
        stage="prepare",
        study=study_folder,
        code=code("prepare"),
        settings=settings("prepare"),
        facts=source("facts"),
        own_images=source("own_images"),
    message:
        f"prepare {study.dataset.name}"
    shell:
        STAGE + " --root {resources.root:q}"


use rule prepare as describe with:
    input:
        rules.prepare.output.images,
    output:
        **study_files("describe"),
    log:
        study_log("describe"),
    params:
        stage="describe",
        code=code("describe"),
    message:
        f"describe {study.dataset.name}"
