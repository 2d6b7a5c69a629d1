# tables of numbers, histories and example images -> figures (SVG, PDF, PNG)


use rule summarise as figures with:
    input:
        of_packs("evaluate"),
        of_packs("train", "history"),
        rules.summarise.output,
    output:
        **study_files("figures", figure_files("figures")),
    log:
        study_log("figures"),
    params:
        stage="figures",
        code=code("figures"),
        settings=settings("figures"),
    message:
        "draw the figures"
