# the study's tables of numbers -> tables to read (CSV, Markdown, LaTeX)


use rule summarise as tables with:
    input:
        rules.summarise.output,
        of_packs("exact") if study.evaluate.exact else [],
        of_packs("evaluate", "per_image") if study.evaluate.exact else [],
        of_packs("certify") if study.evaluate.exact and study.certify.images else [],
    output:
        **study_files("tables", table_files("tables")),
    log:
        study_log("tables"),
    params:
        stage="tables",
        code=code("tables"),
        settings=settings("tables"),
    message:
        "set the tables"
