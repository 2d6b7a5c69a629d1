"""Packs with two latent dimensions -> posteriors beside the exact ones, and the latent space."""

from __future__ import annotations

from flowdepth.base.errors import UserError
from flowdepth.compute.devices import select, used
from flowdepth.report.drawing import write_figures
from flowdepth.report.figures.posteriors import PosteriorResults
from flowdepth.stages.command import run, study_command
from flowdepth.study import layout


def main() -> None:
    """Read the command line and draw."""
    command = study_command(__doc__)
    if command.study.model.latent != 2:
        raise UserError(
            f"model.latent is {command.study.model.latent}; pictures of posteriors need 2 "
            "dimensions"
        )
    device = select("cpu", command.threads)
    models = [layout.outputs("train", pack)["model"] for pack in command.packs]
    images = layout.outputs("prepare", command.folder)["images"]
    recorder = command.recorder("posteriors", [images, *models])
    written = [*write_figures("posteriors", PosteriorResults(command.study, command.folder))]
    record = layout.provenance("posteriors", command.folder)
    recorder.write(record, written, earlier=0.0, **used(device))


if __name__ == "__main__":
    run(main)
