# a trained pack of one or two latent dimensions -> log-likelihoods by quadrature


use rule train as exact with:
    input:
        images=rules.prepare.output.images,
        model=rules.train.output.model,
    output:
        **pack_files("exact"),
    log:
        pack_log("exact"),
    params:
        stage="exact",
        code=code("exact"),
        settings=settings("exact"),
    message:
        "integrate K = {wildcards.depth}, seeds {wildcards.pack}"
