"""Set the exact log-likelihood beside the estimates of a trained pack: one or two latent units."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import torch

from flowdepth.analysis.readers import EXACT, REDO, read_table
from flowdepth.analysis.writers import write_frame
from flowdepth.base.errors import UserError
from flowdepth.compute.devices import select, used
from flowdepth.data import inputs, prepared
from flowdepth.estimation.quadrature import Exact, exact_log_likelihood
from flowdepth.model import checkpoint
from flowdepth.stages.command import add_pack, pack, run
from flowdepth.stages.unfinished import add_interval, sidecar
from flowdepth.study.provenance import Job

_ESTIMATED = ("seed", "image", "log_p", "mcse")


def main() -> None:
    """Read the command line, integrate, and write the comparison by seed and by image."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    add_pack(parser)
    parser.add_argument("--per-image", type=Path, required=True, help="what evaluate wrote")
    add_interval(parser)
    for output in ("exact", "exact-per-image", "provenance"):
        parser.add_argument(f"--{output}", type=Path, required=True)
    args = parser.parse_args()
    device = select(args.device, args.threads)
    cell = {"depth": args.depth, "seeds": args.seeds}
    job = Job("exact", [args.images, args.model, args.per_image], "{}", **cell)
    images = prepared.load(args.images).to(device)
    model, header = checkpoint.load(args.model, device)
    header.require(args.model, *pack(args))
    x = inputs.observed(images, "test", torch.float32)
    estimates = _estimates(args.per_image, _keys(header.seeds, len(x)))
    read = [args.images, args.model]
    with sidecar(job, args.exact, args.save_every, device, read) as unfinished:
        result = exact_log_likelihood(model, x, bookmark=unfinished)
        by_image = per_image(result, header.seeds)
        by_seed = compare(by_image, estimates, result, header)
        print(by_seed.to_string(index=False, float_format="{:.6g}".format), flush=True)
        write_frame(by_seed, args.exact)
        write_frame(by_image, args.exact_per_image)
        written = [args.exact, args.exact_per_image]
        job.write(args.provenance, written, unfinished.earlier, **used(device))


def per_image(result: Exact, seeds: tuple[int, ...]) -> pd.DataFrame:
    """Return a row per seed and test image; nats."""
    return _keys(seeds, result.log_p.shape[1]).assign(
        exact_log_p=result.log_p.flatten().cpu().numpy(),
        error=result.error.flatten().cpu().numpy(),
    )


def compare(
    by_image: pd.DataFrame, estimates: pd.DataFrame, result: Exact, header: checkpoint.Header
) -> pd.DataFrame:
    """Return a row per seed: exact and estimated NLL, apart in nats and in Monte-Carlo errors.

    The numbers of a failed seed are empty.
    """
    rows = by_image.merge(estimates, on=["seed", "image"], validate="one_to_one")
    rows["square"] = rows["mcse"] ** 2
    rows["away"] = (rows["log_p"] - rows["exact_log_p"]).abs() / rows["mcse"]
    seeds = rows.groupby("seed", sort=False)
    count = seeds.size()
    frame = pd.DataFrame({"exact_nll": -seeds["exact_log_p"].mean()})
    frame["exact_error"] = result.mean_error.cpu().numpy()
    frame["nll"] = -seeds["log_p"].mean()
    frame["nll_mcse"] = seeds["square"].sum(min_count=1) ** 0.5 / count
    frame["difference"] = frame["nll"] - frame["exact_nll"]
    frame["difference_in_mcse"] = frame["difference"] / frame["nll_mcse"]
    frame["worst_image_in_mcse"] = seeds["away"].max()
    done = [outcome["status"] == "done" for outcome in header.outcomes]
    return frame.where(pd.Series(done, frame.index)).reset_index()[list(EXACT)]


def _keys(seeds: tuple[int, ...], images: int) -> pd.DataFrame:
    pairs = [(seed, image) for seed in seeds for image in range(images)]
    return pd.DataFrame(pairs, columns=["seed", "image"])


def _estimates(path: Path, keys: pd.DataFrame) -> pd.DataFrame:
    estimates = read_table(path, _ESTIMATED)[list(_ESTIMATED)]
    if not estimates[list(keys)].equals(keys):
        raise UserError(
            f"{path}: found {len(estimates)} estimates, expected those of the {len(keys)} pairs "
            f"of a seed of the model and a test image; {REDO}"
        )
    return estimates


if __name__ == "__main__":
    run(main)
