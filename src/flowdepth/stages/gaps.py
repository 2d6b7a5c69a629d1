"""Optimise the posteriors of some test images of a trained pack, to split its inference gap."""

from __future__ import annotations

import pandas as pd

from flowdepth.base.errors import UserError
from flowdepth.base.files import write_frame
from flowdepth.compute.out_of_memory import enough
from flowdepth.estimation.gap_table import bounds_by_image
from flowdepth.estimation.gaps import bounds
from flowdepth.stages.command import run
from flowdepth.stages.pack import Progress, TrainedPack, pack_command, sub_sample, trained_pack


def main() -> None:
    """Read the command line, optimise each image's posterior, and write bounds and provenance."""
    command = pack_command(__doc__)
    if command.settings.gaps.images == 0:
        raise UserError("gaps.images is 0, which leaves the gaps out; set how many test images")
    with trained_pack("gaps", command) as pack:
        frame = _bounds(pack)
        write_frame(frame, pack.outputs()["gaps"])
        _print_result(frame, command.settings.gaps.steps)


def _bounds(pack: TrainedPack) -> pd.DataFrame:
    settings, seeds = pack.command.settings.gaps, pack.header.seeds
    numbers = sub_sample(pack.images, settings.images)
    print(f"K = {pack.header.depth}: {len(numbers)} test images, seeds {seeds}, on {pack.device}")
    progress = Progress(settings.steps, "steps at most")
    with enough(f"gaps.images = {len(numbers)}", "set it lower, "):
        found = bounds(
            pack.model,
            pack.x[numbers],
            seeds,
            settings,
            numbers,
            lambda step, bound: progress(step, f"mean bound {bound:.3f} nats  "),
            pack.bookmark,
        )
    return bounds_by_image(found, numbers, pack.header)


def _print_result(frame: pd.DataFrame, steps: int) -> None:
    if frame.empty:
        print("every seed of the pack failed: no gaps")
        return
    amortisation = (frame["optimised_elbo"] - frame["elbo"]).mean()
    print(
        f"amortisation gap {amortisation:.3f} nats; "
        f"the last round of up to {steps} steps gained {frame['last_improvement'].mean():.4f} nats"
    )


if __name__ == "__main__":
    run(main)
