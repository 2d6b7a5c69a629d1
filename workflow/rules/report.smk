# figures, tables and provenance -> one self-contained page

PAGE_TEMPLATES = [
    f"report/templates/{name}"
    for name in (
        *("report.html", "head.html", "parts.html", "style.css"),
        *("sections", f"flows/{study.flow.kind}.html"),
    )
]


use rule summarise as report with:
    input:
        rules.figures.output,
        rules.tables.output,
        rules.summarise.output,
        rules.describe.output,
        of_packs("evaluate", "provenance"),
        of_packs("train", "provenance"),
        of_packs("gaps", "provenance") if study.gaps.images else [],
        rules.gap_figures.output if study.gaps.images else [],
        rules.posteriors.output if study.model.latent == 2 else [],
    output:
        **layout.outputs("report", FOLDER),
    log:
        study_log("report"),
    params:
        stage="report",
        code=page_code("report", *PAGE_TEMPLATES),
        settings=study_settings(),
    message:
        f"write the report: {layout.outputs('report', FOLDER)['page']}"
