# the settings and the files so far -> what is left to do, and what it takes: snakemake plan --quiet


rule plan:
    log:
        study_log("plan"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    params:
        study=settings_by_key,
        settings=lambda wildcards: study.model_dump_json(),
        cores=lambda wildcards: str(workflow.cores or 1),
        workflow=LOOKED_AT,
    message:
        "see what the study will take"
    shell:
        "exec &> >(tee {log:q}); python -m flowdepth.forecast.plan --settings {params.settings:q}"
        " --cores {params.cores:q} {params.workflow:q} --config {params.study:q}"
