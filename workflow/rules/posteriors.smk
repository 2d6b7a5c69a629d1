# packs with two latent dimensions and the test images -> pictures of posteriors and latent spaces


use rule summarise as posteriors with:
    input:
        of_packs("train", "model"),
        images=rules.prepare.output.images,
    output:
        **study_files("posteriors", figure_files("posteriors")),
    log:
        study_log("posteriors"),
    params:
        stage="posteriors",
        code=code("posteriors"),
        settings=settings("posteriors"),
    message:
        "draw posteriors and latent spaces"
