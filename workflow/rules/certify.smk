# a trained pack and its estimates -> log-likelihoods of some test images, and simulated ones, by annealing


use rule train as certify with:
    input:
        images=rules.prepare.output.images,
        model=rules.train.output.model,
        estimates=rules.evaluate.output.per_image,
    output:
        **pack_files("certify"),
    log:
        pack_log("certify"),
    params:
        stage="certify",
        code=code("certify"),
        settings=settings("certify"),
    message:
        "certify K = {wildcards.depth}, seeds {wildcards.pack}"
