# the results as they are -> whether every file is as it was written: snakemake verify --quiet


rule verify:
    log:
        study_log("verify"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    params:
        study=study_folder,
    message:
        "compute every sum again"
    shell:
        "exec &> >(tee {log:q}); python -m flowdepth.monitor.verify {params.study:q}"
