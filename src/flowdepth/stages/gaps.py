"""Split the inference gap of a trained pack into approximation and amortisation gap."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import torch

from flowdepth.analysis.gaps import gap_summary
from flowdepth.analysis.writers import write_frame
from flowdepth.base.errors import UserError
from flowdepth.compute.devices import select, used
from flowdepth.compute.out_of_memory import enough
from flowdepth.data import inputs, prepared
from flowdepth.estimation.gaps import InferenceGap, inference_gap
from flowdepth.model import checkpoint
from flowdepth.settings.sections import Gaps
from flowdepth.stages.command import add_pack, pack, run
from flowdepth.stages.progress import Progress
from flowdepth.stages.unfinished import add_interval, sidecar
from flowdepth.study.provenance import Job


def main() -> None:
    """Read the command line, optimise each image's posterior, and write gaps and provenance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="gaps (JSON)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    add_pack(parser)
    add_interval(parser)
    for output in ("gaps", "provenance"):
        parser.add_argument(f"--{output}", type=Path, required=True)
    args = parser.parse_args()
    device = select(args.device, args.threads)
    settings = Gaps.model_validate_json(args.settings)
    if settings.images == 0:
        raise UserError("gaps.images is 0, which leaves the gaps out; set how many test images")
    cell = {"depth": args.depth, "seeds": args.seeds}
    job = Job("gaps", [args.images, args.model], args.settings, **cell)
    images = prepared.load(args.images).to(device)
    model, header = checkpoint.load(args.model, device)
    header.require(args.model, *pack(args))
    x = inputs.observed(images, "test", torch.float32)[: settings.images]
    print(f"K = {header.depth}: {len(x)} test images, seeds {header.seeds}, on {device}")
    progress = Progress(settings.steps, "steps")
    read = [args.images, args.model]
    with sidecar(job, args.gaps, args.save_every, device, read) as unfinished:
        with enough(f"gaps.images = {len(x)}", "set it lower, "):
            split = inference_gap(
                model,
                x,
                header.seeds,
                settings,
                lambda step, bound: progress(step, f"mean bound {bound:.3f} nats  "),
                unfinished,
            )
        frame = per_image(split, header)
        write_frame(frame, args.gaps)
        _print_result(frame.assign(depth=header.depth), split, settings)
        job.write(args.provenance, [args.gaps], unfinished.earlier, **used(device))


def per_image(split: InferenceGap, header: checkpoint.Header) -> pd.DataFrame:
    """Return a row per finished seed and image; a failed seed has none."""
    count = split.elbo.shape[1]
    columns = {
        "elbo": split.elbo,
        "optimised_elbo": split.optimised_elbo,
        "log_p": split.log_p,
        "log_p_mcse": split.log_p_mcse,
        "approximation": split.approximation,
        "amortisation": split.amortisation,
        "last_improvement": split.last_improvement,
    }
    frame = pd.DataFrame(
        {
            "seed": [seed for seed in header.seeds for _ in range(count)],
            "image": [*range(count)] * len(header.seeds),
            **{name: value.flatten().cpu() for name, value in columns.items()},
        }
    )
    failed = [o["seed"] for o in header.outcomes if o["status"] == "failed"]
    return frame[~frame["seed"].isin(failed)]


def _print_result(frame: pd.DataFrame, split: InferenceGap, settings: Gaps) -> None:
    if frame.empty:
        print("every seed of the pack failed: no gaps")
        return
    share = split.from_optimised.double().mean().item()
    print(f"log p(x) from the optimised posterior's samples for {share:.0%} of the images")
    (row,) = gap_summary(frame, frame["depth"].unique()).itertuples()
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
