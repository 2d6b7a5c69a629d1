# summary.csv -> the main table (Markdown, LaTeX, CSV)


rule tables:
    input:
        summary=rules.summarise.output.summary,
    output:
        report(
            results("tables", "nll_by_depth.csv"),
            caption="../report/table.rst",
            category="Likelihood",
        ),
        results("tables", "nll_by_depth.md"),
        results("tables", "nll_by_depth.tex"),
    log:
        results("logs", "tables.log"),
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    params:
        settings=whole_study,
        folder=subpath(output[0], parent=True),
    message:
        "set the tables"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.tables --settings {params.settings:q}"
        " --summary {input.summary:q} --output {params.folder:q}"
