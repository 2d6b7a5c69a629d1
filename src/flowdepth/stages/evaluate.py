"""Estimate the test log-likelihood of a trained pack, and draw its example images."""

from __future__ import annotations

from flowdepth.base.files import write_frame
from flowdepth.estimation.examples import examples, write_examples
from flowdepth.estimation.importance import estimate
from flowdepth.estimation.tables import convergence, metrics, per_image
from flowdepth.stages.command import run
from flowdepth.stages.pack import Progress, pack_command, trained_pack


def main() -> None:
    """Read the command line, evaluate, and write estimates, examples and provenance."""
    command = pack_command(__doc__)
    settings = command.settings.evaluate
    with trained_pack("evaluate", command, settings.precision) as pack:
        model, header, x = pack.model, pack.header, pack.x
        model.bf16_decoder = settings.precision == "bf16"
        progress = Progress(len(x), "test images")
        result = estimate(
            model, x, header.seeds, settings.samples, log=progress, bookmark=pack.bookmark
        )
        shown = examples(model, x, header.seeds)
        files = pack.outputs()
        write_frame(metrics(result, model, header, pack.images), files["metrics"])
        write_frame(per_image(result, header.seeds), files["per_image"])
        write_frame(convergence(result, header, settings.samples), files["convergence"])
        write_examples(shown, header.seeds, pack.images, files["examples"])


if __name__ == "__main__":
    run(main)
