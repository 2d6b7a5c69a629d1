# a finished study -> what git keeps of it: snakemake publish
# what git keeps -> its figures, tables and pages again, without models: snakemake rebuild


use rule summarise as publish with:
    input:
        rules.all.input,
    output:
        [],
    log:
        study_log("publish"),
    params:
        stage="publish",
        study=study_folder,
        code=code("publish"),
        settings=settings("report"),
    message:
        f"keep the study: {layout.REFERENCE / study.name}"


rule rebuild:
    log:
        "results/rebuild.log",
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    message:
        f"make the pages of {layout.REFERENCE} again"
    shell:
        "exec &> >(tee {log:q}); python -m flowdepth.stages.rebuild"
