# the study's tables of numbers -> paper/: main table and figures in a two-column paper's sizes


use rule summarise as paper with:
    input:
        of_packs("evaluate", "per_image"),
        rules.summarise.output,
    output:
        **study_files(
            "paper",
            layout.paper(FOLDER, [one.name for one in registry.paper_figures(study)]),
        ),
    log:
        study_log("paper"),
    params:
        stage="paper",
        code=code("paper"),
        settings=settings("paper"),
    message:
        "set the paper's figures and table"
