# the settings and the files so far -> how far the study is, printed: snakemake status --quiet


rule status:
    log:
        study_log("status"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    params:
        study=settings_by_key,
        workflow=LOOKED_AT,
    message:
        "see where the study stands"
    shell:
        "exec &> >(tee {log:q}); python -m flowdepth.monitor.status "
        "{params.workflow:q} --config {params.study:q}"
