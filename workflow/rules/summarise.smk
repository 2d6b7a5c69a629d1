# every pack of the grid, and the images -> the study's tables: by seed, by depth, by pair of depths


rule summarise:
    input:
        rules.prepare.output.images,
        of_packs("evaluate"),
        of_packs("train", "provenance"),
        of_packs("certify") if study.certify.images else [],
    output:
        **study_files("summarise"),
    log:
        study_log("summarise"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    threads: 1
    params:
        stage="summarise",
        study=study_folder,
        code=code("summarise"),
        settings=settings("summarise"),
    message:
        "summarise all depths and seeds"
    shell:
        STAGE + " --threads {threads}"
