# results of several studies, as they are -> one page: snakemake compare --config studies='[a, b]'


rule compare:
    output:
        "results/compare.html",
    log:
        "results/compare.log",
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    params:
        code=code("compare"),
        sums=compared_sums,
        folders=[str(layout.RESULTS / name) for name in COMPARED],
    message:
        "lay studies side by side: results/compare.html"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.compare --studies {params.folders:q} --output {output:q}"
