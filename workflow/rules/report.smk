# figures, tables and provenance -> one self-contained page

PAGE_TEMPLATES = [
    f"report/templates/{name}"
    for name in ("report.html", "parts.html", "style.css", "sections", "flows")
]


rule report:
    input:
        rules.figures.output,
        rules.tables.output,
        rules.summarise.output,
        rules.prepare.output,
        expand(rules.evaluate.output.provenance, **GRID),
        expand(rules.train.output.provenance, **GRID),
        optional_results,
    output:
        page=results("report.html"),
        provenance=results("provenance.json"),
    log:
        results("logs", "report.log"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    params:
        code=stamp("report", *PAGE_TEMPLATES),
        settings=whole_study,
        packs=expand(PACK, **GRID),
        folder=subpath(output.page, parent=True),
    message:
        f"write the report: {results('report.html')}"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.report --settings {params.settings:q}"
        " --packs {params.packs:q} --results {params.folder:q} --output {output.page:q}"
        " --provenance {output.provenance:q}"
