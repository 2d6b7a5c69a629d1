# a trained pack and the test images -> log-likelihoods by seed and by image, and example images


use rule train as evaluate with:
    input:
        images=rules.prepare.output.images,
        model=rules.train.output.model,
    output:
        **pack_files("evaluate"),
    log:
        pack_log("evaluate"),
    params:
        stage="evaluate",
        code=code("evaluate"),
        settings=settings("evaluate"),
    message:
        "evaluate K = {wildcards.depth}, seeds {wildcards.pack}"
