"""The figures of the report in its order: captions, and words for those who cannot see them."""

from __future__ import annotations

from flowdepth.estimation.pareto import K_HAT_LIMIT, WARNING_SHARE
from flowdepth.settings.study import Study

# workflow/report repeats them word for word for Snakemake's own report.
CAPTIONS = {
    "nll_by_depth": (
        "Test NLL by flow depth. Above: every seed a dot, the mean over seeds with its 95 % "
        f"t-interval beside them, hollow where more than {100 * WARNING_SHARE:.0f} % of the images "
        f"have weights of a Pareto shape above {K_HAT_LIMIT}; the dashed line is the mean of "
        "K = 0. Below, where K = 0 was trained: the difference from K = 0 paired by seed, with its "
        "95 % t-interval, not corrected for the number of depths. Grey diamonds, and dotted lines "
        "for other models, are published numbers where the study names any; arrows tell of those "
        "beyond the axis."
    ),
    "convergence": (
        "Test NLL against the number S of importance samples, the first S of the same draws, mean "
        "over seeds. K = 0 is dashed. The band is ± 2 Monte-Carlo standard errors of that mean. At "
        "S = 1 it is the −ELBO; a line that still falls at its right end has too few samples."
    ),
    "weights": (
        "Importance weights by flow depth, over test images and finished seeds: the median a dot, "
        "the middle half a thick line, the middle 90 % a thin one. Above, the effective sample "
        "size; below, where there are samples enough, the Pareto shape k_hat with its limit of "
        f"{K_HAT_LIMIT} and the percentage of images beyond it. Shapes above 2 are drawn at 2."
    ),
    "elbo_and_nll": (
        "−ELBO and NLL of the test set: every seed a dot, the means with 95 % t-intervals beside "
        "them. The shaded distance between them is the inference gap: what the posterior's family "
        "and the encoder lose."
    ),
    "inference_gap": (
        "The inference gap by flow depth, the sum of what the best posterior of the family still "
        "loses (approximation gap) and what the encoder loses against it (amortisation gap): means "
        "over images and finished seeds, each part with its 95 % t-interval across seeds. Hatched "
        "where the search for the best posterior had too few steps; the approximation gap is then "
        "too large."
    ),
    "learning_curves": (
        "Validation ELBO at beta = 1 by epoch: thin lines are seeds, bold ones the mean over "
        "finished seeds, dashed at K = 0. Early epochs may lie below the axis."
    ),
    "posteriors": (
        "Test images by row, depths by column, each depth's first finished seed: the exact "
        "posterior filled, the encoder's as lines, both as regions that hold 50, 90 and 99 % of "
        "the mass, on one scale; the bar is in latent units. Each panel gives the exact KL(q || p) "
        "from the encoder's posterior to the exact one."
    ),
    "latent_space": (
        "Means of the encoder's posteriors of test images, coloured by class where the data set "
        "has classes, for each depth's first finished seed."
    ),
    "manifold": (
        "Images decoded at a grid of the prior's quantiles, z₁ to the right and z₂ upwards, by the "
        "shallowest and the deepest flow's first finished seed."
    ),
    "reconstructions": (
        "Test images in the first row; below, their reconstructions by each depth's first finished "
        "seed."
    ),
    "prior_samples": "Samples from the prior, decoded by each depth's first finished seed.",
}
ALTERNATIVES = {
    "nll_by_depth": "Test NLL in nats against the number K of flow layers.",
    "convergence": "Test NLL in nats against the number of importance samples, a line a depth.",
    "weights": "Effective sample size and Pareto shape of the weights against the depth K.",
    "elbo_and_nll": "Negative ELBO and NLL in nats against the number K of flow layers.",
    "inference_gap": "Approximation and amortisation gap in nats, stacked, by depth K.",
    "learning_curves": "Validation ELBO in nats by epoch, a line for each depth.",
    "posteriors": "Contours of exact and approximate posteriors in the plane, by image and depth.",
    "latent_space": "Points in the latent plane, a colour for each class.",
    "manifold": "A grid of small images decoded from points of the latent plane.",
    "reconstructions": "Rows of small images: originals, then reconstructions by each depth.",
    "prior_samples": "Rows of small images: prior samples of each depth.",
}
GAPS = ("inference_gap",)
POSTERIORS = ("posteriors", "latent_space", "manifold")
ALWAYS = tuple(name for name in CAPTIONS if name not in (*GAPS, *POSTERIORS))
PIXELS = ("reconstructions", "prior_samples", "manifold")  # PNG is smaller and sharper than SVG


def optional_figures(study: Study) -> tuple[str, ...]:
    """Return the figures that the settings add to those of every study."""
    gaps = GAPS if study.gaps.images > 0 else ()
    return gaps + (POSTERIORS if study.model.latent == 2 else ())
