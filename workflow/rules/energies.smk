# planar flows fitted to the four energies of Rezende & Mohamed (2015): snakemake energies


rule energies:
    output:
        multiext("results/energies/energies", ".csv", ".md", ".svg", ".pdf", ".png"),
    log:
        "results/energies/energies.log",
    localrule: True
    conda:
        "../envs/flowdepth.yaml"
    threads: 1
    params:
        code=stamps.of_stage("energies"),
        folder=subpath(output[0], parent=True),
    message:
        "fit planar flows to four energies"
    shell:
        "exec &> >(tee {log:q}); "
        "python -m flowdepth.stages.energies --threads {threads} --output {params.folder:q}"
