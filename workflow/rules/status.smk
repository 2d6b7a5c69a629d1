# the settings and the files so far -> how far the study is, printed: snakemake status --quiet


rule status:
    log:
        study_log("status"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    params:
        study=settings_by_key,
        # Snakemake looks for both in the working folder.
        workflow=[
            *("--snakefile", workflow.main_snakefile),
            *("--configfile", f"{workflow.basedir}/config.yaml"),
        ],
    message:
        "see where the study stands"
    shell:
        "exec &> >(tee {log:q}); python -m flowdepth.monitor.status "
        "{params.workflow:q} --config {params.study:q}"
