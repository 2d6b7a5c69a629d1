# figures, tables and provenance -> one self-contained page


use rule summarise as report with:
    input:
        rules.figures.output,
        rules.tables.output,
        rules.summarise.output,
        rules.describe.output,
        of_packs("evaluate", "provenance"),
        of_packs("train", "provenance"),
        of_packs("certify", "provenance") if study.certify.images else [],
        of_packs("gaps", "provenance") if study.gaps.images else [],
        of_packs("exact", "provenance") if study.evaluate.exact else [],
        rules.gap_figures.output if study.gaps.images else [],
        rules.posteriors.output if study.model.latent == 2 else [],
    output:
        **study_files("report"),
    log:
        study_log("report"),
    params:
        stage="report",
        code=code("report"),
        settings=settings("report"),
    message:
        f"write the report: {layout.outputs('report', FOLDER)['page']}"
