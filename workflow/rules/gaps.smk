# a trained pack and some test images -> bounds; those and log-likelihoods of all packs -> the inference gap, split


use rule train as gaps with:
    input:
        images=rules.prepare.output.images,
        model=rules.train.output.model,
    output:
        **pack_files("gaps"),
    log:
        pack_log("gaps"),
    params:
        stage="gaps",
        code=code("gaps"),
        settings=settings("gaps"),
    message:
        "split the inference gap of K = {wildcards.depth}, seeds {wildcards.pack}"


use rule summarise as gap_figures with:
    input:
        of_packs("gaps", "gaps"),
        of_packs("evaluate", "per_image"),
        of_packs("certify", "certify") if study.certify.images else [],
    output:
        **study_files(
            "gap_figures", figure_files("gap_figures") | table_files("gap_figures")
        ),
    log:
        study_log("gap_figures"),
    params:
        stage="gap_figures",
        code=code("gap_figures"),
        settings=settings("gap_figures"),
    message:
        "draw the inference gap by depth"
