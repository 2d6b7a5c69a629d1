"""The columns of every table of numbers, and what is done with each metric."""

from __future__ import annotations

from typing import NamedTuple


class Metric(NamedTuple):
    """A number that evaluation gives a seed, a column of metrics.csv.

    Attributes
    ----------
    is_averaged
        Whether summary.csv has its mean over seeds, as ``<name>_mean``.
    may_be_empty
        Whether one sample, one image or a few weights cannot tell it.
    heading, places
        Of its column in the report's main table, where it has one, and its decimals there.
    """

    name: str
    is_averaged: bool = False
    may_be_empty: bool = False
    heading: str = ""
    places: int = 0


# To add one: compute it in `estimation.tables.metrics`, name it here.
ESTIMATES = (
    Metric("elbo"),
    Metric("nll"),
    Metric("nll_mcse", may_be_empty=True),
    Metric("nll_image_se", may_be_empty=True),
    Metric("kl", is_averaged=True),
    Metric("reconstruction", is_averaged=True),
    Metric("ess", is_averaged=True, heading="ESS"),
    Metric("k_hat_share", is_averaged=True, may_be_empty=True),
    Metric("active_units", is_averaged=True, heading="active units", places=1),
)
ESTIMATED = tuple(metric.name for metric in ESTIMATES)
MEANS = tuple(metric.name for metric in ESTIMATES if metric.is_averaged)

# A pack's own tables.
HISTORY = ("seed", "epoch", "updates", "train", "validation", "beta")
COUNTS = ("parameters", "epochs", "best_epoch")
PACK_METRICS = ("seed", "status", "message", *ESTIMATED, *COUNTS)
IMAGES = ("seed", "image", "log_p", "mcse", "ess", "k_hat")
PACK_CONVERGENCE = ("seed", "samples", "nll", "nll_mcse")
CERTIFIED = (
    *("kind", "seed", "image", "importance", "importance_mcse", "annealed", "annealed_mcse"),
    *("bias", "upper", "upper_mcse", "acceptance"),
)
PACK_EXACT = ("seed", "exact_nll", "exact_error")
EXACT_IMAGES = ("seed", "image", "exact_log_p", "error")

# The study's own tables: metrics.csv has a row per depth and seed, summary.csv a row per depth,
# comparisons.csv a row per pair of depths, convergence.csv a row per depth and number of samples,
# certificate.csv a row per depth.
# Where test images were annealed, `nll` is corrected for the bias of importance sampling.
CORRECTED = ("nll_importance", "nll_correction_se")
METRICS = (
    *("study", "dataset", "depth", "seed", "status", *ESTIMATED, *CORRECTED),
    *("parameters", "epochs"),
)
INTERVALS = ("nll", "neg_elbo", "nll_difference")
SUMMARY = (
    *("depth", "seeds", "failed"),
    *(f"{name}_{part}" for name in INTERVALS for part in ("mean", "se", "low", "high")),
    *("nll_importance_mean", "nll_correction_se"),
    *("nll_image_se", "nll_mcse", *(f"{name}_mean" for name in MEANS), "parameters"),
    *("baseline", "baseline_nll"),
)
COMPARISONS = (
    *("kind", "reference", "depth", "seeds", "failed", "mean", "se", "low", "high", "p", "p_holm"),
    *("shift_mean", "shift_low", "shift_high", "correction_se"),
    *("image_mean", "image_se", "image_share_improved"),
)
CONVERGENCE = ("depth", "samples", "seeds", "nll_mean", "nll_mcse")
CERTIFICATE = (
    *("depth", "images", "simulated", "seeds", "bias_mean", "bias_se"),
    *("lower_mean", "upper_mean", "sandwich_mean", "sandwich_se"),
)
