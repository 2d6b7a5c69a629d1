"""What importance sampling says of a pack as tables: by seed, by image, by number of samples."""

from __future__ import annotations

import pandas as pd
from torch import Tensor

from flowdepth.data.prepared import Images
from flowdepth.estimation.importance import Estimate
from flowdepth.estimation.pareto import nested_sizes
from flowdepth.estimation.rows import by_image
from flowdepth.estimation.thresholds import K_HAT_LIMIT
from flowdepth.model.checkpoint import Header
from flowdepth.model.observation import bits_per_dim
from flowdepth.model.vae import FlowVAE

_OUTCOME = ["seed", "status", "message", "best_epoch", "epochs"]


def metrics(result: Estimate, model: FlowVAE, header: Header, images: Images) -> pd.DataFrame:
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
    outcomes = _outcomes(result, header)
    return outcomes.join(numbers.where(outcomes["status"] == "done"))


def _outcomes(result: Estimate, header: Header) -> pd.DataFrame:
    """Return what became of each seed; without a finite ELBO at every test image it failed."""
    outcomes = pd.DataFrame(header.outcomes, columns=_OUTCOME)
    unseen = (~result.elbo.isfinite()).sum(1).cpu().numpy()
    broken = (outcomes["status"] == "done") & (unseen > 0)
    words = [f"non-finite test ELBO at {n} of {result.elbo.shape[1]} images" for n in unseen]
    outcomes["message"] = outcomes["message"].mask(broken, pd.Series(words))
    outcomes["status"] = outcomes["status"].mask(broken, "failed")
    return outcomes


def per_image(result: Estimate, seeds: tuple[int, ...]) -> pd.DataFrame:
    """Return a row per seed and test image."""
    names = ("log_p", "mcse", "ess", "k_hat")
    return by_image(seeds, {name: getattr(result, name) for name in names})


def convergence(result: Estimate, header: Header, samples: int) -> pd.DataFrame:
    """Return the NLL by number of samples used, a row per finished seed and size."""
    sizes = nested_sizes(samples)
    outcomes = _outcomes(result, header)
    done = outcomes.loc[outcomes["status"] == "done", "seed"].tolist()
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
