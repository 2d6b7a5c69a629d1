"""Split the inference gap of a trained pack into approximation and amortisation gap."""

from __future__ import annotations

import pandas as pd

from flowdepth.analysis.gaps import gap_summary
from flowdepth.base.errors import UserError
from flowdepth.base.files import write_frame
from flowdepth.compute.out_of_memory import enough
from flowdepth.estimation.gap_table import gaps_by_image
from flowdepth.estimation.gaps import InferenceGap, inference_gap
from flowdepth.settings.sections import Gaps
from flowdepth.stages.command import run
from flowdepth.stages.pack import Progress, TrainedPack, pack_command, trained_pack


def main() -> None:
    """Read the command line, optimise each image's posterior, and write gaps and provenance."""
    command = pack_command(__doc__)
    settings = command.settings.gaps
    if settings.images == 0:
        raise UserError("gaps.images is 0, which leaves the gaps out; set how many test images")
    with trained_pack("gaps", command) as pack:
        split = _split(pack, settings)
        frame = gaps_by_image(split, pack.header)
        write_frame(frame, pack.outputs()["gaps"])
        _print_result(frame.assign(depth=command.depth), split, settings)


def _split(pack: TrainedPack, settings: Gaps) -> InferenceGap:
    x, seeds = pack.x[: settings.images], pack.header.seeds
    print(f"K = {pack.header.depth}: {len(x)} test images, seeds {seeds}, on {pack.device}")
    progress = Progress(settings.steps, "steps")
    with enough(f"gaps.images = {len(x)}", "set it lower, "):
        return inference_gap(
            pack.model,
            x,
            seeds,
            settings,
            lambda step, bound: progress(step, f"mean bound {bound:.3f} nats  "),
            pack.bookmark,
        )


def _print_result(frame: pd.DataFrame, split: InferenceGap, settings: Gaps) -> None:
    if frame.empty:
        print("every seed of the pack failed: no gaps")
        return
    share = split.from_optimised.double().mean().item()
    print(f"log p(x) from the optimised posterior's samples for {share:.0%} of the images")
    (row,) = gap_summary(frame, frame["depth"].unique().tolist()).itertuples()
    print(
        f"approximation gap {row.approximation_mean:.3f} nats, "
        f"amortisation gap {row.amortisation_mean:.3f} nats; "
        f"the second half of the steps gained {row.last_improvement:.4f} nats"
    )
    if not row.converged:
        print(
            f"gaps.steps = {settings.steps} was too small: more steps would still move "
            "what is left of the approximation gap to the amortisation gap"
        )


if __name__ == "__main__":
    run(main)
