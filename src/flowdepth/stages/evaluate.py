"""Estimate the test log-likelihood of a trained pack, and draw its example images."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors.torch
import torch
from torch import Tensor

from flowdepth.analysis.writers import write_frame
from flowdepth.base.files import write_bytes
from flowdepth.compute.devices import select, used
from flowdepth.compute.streams import normals
from flowdepth.data import inputs, prepared
from flowdepth.estimation.importance import Estimate, estimate
from flowdepth.estimation.pareto import K_HAT_LIMIT, nested_sizes
from flowdepth.model import checkpoint
from flowdepth.model.observation import bits_per_dim
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import MOST_EXAMPLES, Evaluate
from flowdepth.stages.command import add_pack, pack, run
from flowdepth.stages.progress import Progress
from flowdepth.stages.unfinished import add_interval, sidecar
from flowdepth.study.provenance import Job

_OUTCOME = ["seed", "status", "message", "best_epoch", "epochs"]


def main() -> None:
    """Read the command line, evaluate, and write estimates, examples and provenance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="evaluate (JSON)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    add_pack(parser)
    add_interval(parser)
    for output in ("metrics", "per-image", "convergence", "examples", "provenance"):
        parser.add_argument(f"--{output}", type=Path, required=True)
    args = parser.parse_args()
    settings = Evaluate.model_validate_json(args.settings)
    device = select(args.device, args.threads, settings.precision)
    cell = {"depth": args.depth, "seeds": args.seeds}
    job = Job("evaluate", [args.images, args.model], args.settings, **cell)
    images = prepared.load(args.images).to(device)
    model, header = checkpoint.load(args.model, device)
    header.require(args.model, *pack(args))
    model.bf16_decoder = settings.precision == "bf16"
    x = inputs.observed(images, "test", torch.float32)
    read = [args.images, args.model]
    with sidecar(job, args.metrics, args.save_every, device, read) as unfinished:
        progress = Progress(len(x), "test images")
        result = estimate(
            model, x, header.seeds, settings.samples, log=progress, bookmark=unfinished
        )
        write_frame(metrics(result, model, header, images), args.metrics)
        write_frame(per_image(result, header.seeds), args.per_image)
        write_frame(convergence(result, header, settings.samples), args.convergence)
        _write_examples(examples(model, x, header.seeds), header.seeds, images, args.examples)
        written = [args.metrics, args.per_image, args.convergence, args.examples]
        job.write(args.provenance, written, unfinished.earlier, **used(device))


def metrics(
    result: Estimate, model: FlowVAE, header: checkpoint.Header, images: prepared.Images
) -> pd.DataFrame:
    """Return a row per seed of means over the test images; empty numbers for a failed seed."""
    count = result.log_p.shape[1]
    columns = {
        "elbo": result.elbo.mean(1),
        "nll": -result.log_p.mean(1),
        "nll_mcse": _error_of_mean(result.mcse),
        "nll_image_se": (result.log_p.var(1, correction=0) / (count - 1)).sqrt(),
        "kl": (result.reconstruction - result.elbo).mean(1),
        "reconstruction": result.reconstruction.mean(1),
        "ess": result.ess.mean(1),
        "k_hat_share": _share_above(result.k_hat),
        "active_units": result.active_units(),
    }
    if header.settings.model.likelihood == "normal":
        columns["bits_per_dim"] = bits_per_dim(columns["nll"], images.pixels, images.levels)
    numbers = pd.DataFrame({name: value.cpu() for name, value in columns.items()})
    numbers["parameters"] = sum(p[0].numel() for p in model.parameters() if p.requires_grad)
    outcomes = pd.DataFrame(header.outcomes, columns=_OUTCOME)
    return outcomes.join(numbers.where(outcomes["status"] == "done"))


def per_image(result: Estimate, seeds: tuple[int, ...]) -> pd.DataFrame:
    """Return a row per seed and test image."""
    count = result.log_p.shape[1]
    return pd.DataFrame(
        {
            "seed": [seed for seed in seeds for _ in range(count)],
            "image": [*range(count)] * len(seeds),
            "log_p": result.log_p.flatten().cpu(),
            "mcse": result.mcse.flatten().cpu(),
            "ess": result.ess.flatten().cpu(),
            "k_hat": result.k_hat.flatten().cpu(),
        }
    )


def convergence(result: Estimate, header: checkpoint.Header, samples: int) -> pd.DataFrame:
    """Return the NLL by number of samples used, a row per finished seed and size."""
    sizes = nested_sizes(samples)
    done = [row["seed"] for row in header.outcomes if row["status"] == "done"]
    rows = [header.seeds.index(seed) for seed in done]
    return pd.DataFrame(
        {
            "seed": [seed for seed in done for _ in sizes],
            "samples": [*sizes] * len(done),
            "nll": -result.nested_log_p[rows].mean(1).flatten().cpu(),
            "nll_mcse": _error_of_mean(result.nested_mcse[rows]).flatten().cpu(),
        }
    )


def _error_of_mean(errors: Tensor) -> Tensor:
    """Return the error of the mean over images (dimension 1), whose noise is independent."""
    return errors.square().sum(1).sqrt() / errors.shape[1]


def _share_above(k_hat: Tensor) -> Tensor:
    """Return the share of a seed's images [R, N] above the limit, of those that have a k_hat."""
    return (k_hat > K_HAT_LIMIT).sum(1) / (~k_hat.isnan()).sum(1)


@torch.no_grad()
def examples(model: FlowVAE, x: Tensor, seeds: tuple[int, ...]) -> dict[str, Tensor]:
    """Return the first test images, their reconstructions, and images decoded from the prior."""
    originals = x[:MOST_EXAMPLES].expand(len(seeds), -1, -1)
    shape = (MOST_EXAMPLES, 1, model.latent)
    kind = {"dtype": x.dtype, "device": x.device}
    q = model.encode(originals)
    eps = normals(seeds, "reconstruction", shape=shape, **kind)[:, : originals.shape[1]]
    _, z, _ = q.sample(eps)
    prior = normals(seeds, "prior", shape=shape, **kind)
    mean = model.observation.mean
    return {
        "originals": x[:MOST_EXAMPLES],
        "reconstructions": mean(model.decode(z)).squeeze(2),
        "samples": mean(model.decode(prior)).squeeze(2),
    }


def _write_examples(
    tensors: dict[str, Tensor], seeds: tuple[int, ...], images: prepared.Images, path: Path
) -> None:
    facts: dict[str, Any] = {"seeds": seeds, "height": images.height, "width": images.width}
    contiguous = {name: value.cpu().contiguous() for name, value in tensors.items()}
    write_bytes(path, safetensors.torch.save(contiguous, {"examples": json.dumps(facts)}))


if __name__ == "__main__":
    run(main)
