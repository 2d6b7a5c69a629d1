"""The figures and tables of a study, each registered once: rules, report and paper read this.

To add one: write the function that makes it, name it here. Without torch, pandas or matplotlib,
because the Snakefile reads this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flowdepth.estimation.thresholds import K_HAT_LIMIT, WARNING_SHARE
from flowdepth.settings.study import Study
from flowdepth.study import stamps

# In the page's order: the templates in templates/sections, and what their readers see.
SECTIONS = {
    "answer": "Answer",
    "numbers": "Numbers",
    "reading": "How to read them",
    "trust": "Can the numbers be trusted?",
    "gap": "Why depth helps",
    "posteriors": "Posteriors",
    "images": "Reconstructions and samples",
    "cost": "What a nat costs",
    "protocol": "Protocol",
    "published": "Published numbers",
    "limits": "Limits of this study",
    "provenance": "Provenance",
    "citation": "How to cite",
}


def _always(study: Study) -> bool:
    return True


def _splits_the_gap(study: Study) -> bool:
    return study.gaps.images > 0


def _is_plane(study: Study) -> bool:
    return study.model.latent == 2


def _is_certified(study: Study) -> bool:
    return study.certify.images > 0


def _is_integrated(study: Study) -> bool:
    return study.evaluate.exact


def _is_checked_exactly(study: Study) -> bool:
    return _is_integrated(study) and _is_certified(study)


@dataclass(frozen=True)
class Note:
    """A sentence of a caption, and whether it holds of a study's figure."""

    text: str
    when: Callable[[Study], bool]


@dataclass(frozen=True)
class Figure:
    """A figure: function ``name`` of ``report/figures/<module>.py`` draws it.

    Attributes
    ----------
    section
        Of the page.
    caption, alternative
        What stands below it, and what somebody hears who cannot see it.
    notes
        Sentences that follow the caption where they hold.
    stage
        The rule that draws it.
    when
        Whether a study has it.
    in_paper
        Whether the paper shows it, too.
    is_pixels
        Whether the page shows the PNG, smaller and sharper than the SVG of an image.
    """

    name: str
    module: str
    section: str
    caption: str
    alternative: str
    stage: str = "figures"
    when: Callable[[Study], bool] = _always
    in_paper: bool = False
    is_pixels: bool = False
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table: function ``name`` of ``report/tables.py`` sets it; attributes as of `Figure`.

    Stage ``report`` sets what stands on the page alone.
    """

    name: str
    section: str
    title: str
    caption: str
    stage: str = "tables"
    when: Callable[[Study], bool] = _always
    notes: tuple[Note, ...] = ()


FIGURES = (
    Figure(
        name="nll_by_depth",
        module="likelihood",
        section="answer",
        caption=(
            "Above, where K = 0 was trained: the difference in test NLL from K = 0, paired by seed,"
            " not corrected for the number of depths. Below: the test NLL; the dashed line is the "
            "mean of K = 0. Every seed is a dot, the mean over seeds stands beside with its 95 % "
            "t-interval."
        ),
        notes=(
            Note("Corrected for the bias of importance sampling.", _is_certified),
            Note(
                "Means are hollow where more than "
                f"{100 * WARNING_SHARE:.0f} % of the images have weights of a Pareto shape above "
                f"{K_HAT_LIMIT}.",
                lambda study: not _is_certified(study),
            ),
            Note(
                "Grey diamonds, and dotted lines for other models, are published numbers; arrows "
                "tell of those beyond the axis.",
                lambda study: bool(study.report.published),
            ),
        ),
        alternative="Test NLL in nats against the number K of flow layers.",
        in_paper=True,
    ),
    Figure(
        name="certificate",
        module="trust",
        section="trust",
        caption=(
            "Is the estimate right? Above: what importance sampling is too low by, found by "
            "annealing on a random sub-sample of the test images, mean over images and seeds with "
            "its 95 % interval over images. It has been taken out of the NLL. Below: of images "
            "simulated from the models, the distance between a lower and an upper bound of "
            "log p(x), both by annealing: how well it is known."
        ),
        alternative="Bias of importance sampling, and distance of the bounds, in nats by depth K.",
        when=_is_certified,
        in_paper=True,
    ),
    Figure(
        name="convergence",
        module="trust",
        section="trust",
        caption=(
            "Test NLL against the number S of importance samples, the first S of the same "
            "draws, mean over seeds. K = 0 is dashed. The band is ± 2 Monte-Carlo standard "
            "errors of that mean. At S = 1 it is the −ELBO; a line that still falls at its "
            "right end has too few samples."
        ),
        alternative="Test NLL in nats against the number of importance samples, a line a depth.",
        in_paper=True,
    ),
    Figure(
        name="weights",
        module="trust",
        section="trust",
        caption=(
            "Importance weights by flow depth, over test images and finished seeds: the median "
            "a dot, the middle half a thick line, the middle 90 % a thin one. Above, the "
            "effective sample size; below, where there are samples enough, the Pareto shape "
            f"k_hat with its limit of {K_HAT_LIMIT} and the percentage of images beyond it. "
            "Shapes above 2 are drawn at 2."
        ),
        alternative="Effective sample size and Pareto shape of the weights against the depth K.",
        in_paper=True,
    ),
    Figure(
        name="learning_curves",
        module="training",
        section="trust",
        caption=(
            "The objective of training images, and the ELBO of validation images at beta = 1, by "
            "epoch: thin lines are seeds, bold ones the mean over finished seeds, dashed at K = 0. "
            "Ticks at the foot are the epochs whose models were kept. Each panel has its own "
            "scale, which early epochs may leave."
        ),
        alternative="ELBO in nats by epoch, a line for each depth.",
    ),
    Figure(
        name="elbo_and_nll",
        module="likelihood",
        section="gap",
        caption=(
            "−ELBO and NLL of the test set: every seed a dot, the means with 95 % t-intervals "
            "beside them. The shaded distance between them is the inference gap: what the "
            "posterior's family and the encoder lose."
        ),
        alternative="Negative ELBO and NLL in nats against the number K of flow layers.",
        in_paper=True,
    ),
    Figure(
        name="inference_gap",
        module="gaps",
        section="gap",
        caption=(
            "The inference gap by flow depth, the sum of what the best posterior of the family "
            "still loses (approximation gap) and what the encoder loses against it "
            "(amortisation gap): means over images and finished seeds, each part with its 95 % "
            "t-interval across seeds."
        ),
        alternative="Approximation and amortisation gap in nats, stacked, by depth K.",
        stage="gap_figures",
        when=_splits_the_gap,
    ),
    Figure(
        name="posteriors",
        module="posteriors",
        section="posteriors",
        caption=(
            "Test images by row, depths by column, each depth's first finished seed: the exact "
            "posterior filled, the encoder's as lines, both as regions that hold 50, 90 and 99 "
            "% of the mass, on one scale; the bar is in latent units. Each panel gives the "
            "exact KL(q || p) from the encoder's posterior to the exact one, and says which of "
            "them lies outside of it or is too narrow for it."
        ),
        alternative="Contours of exact and approximate posteriors, by image and depth.",
        stage="posteriors",
        when=_is_plane,
    ),
    Figure(
        name="latent_space",
        module="posteriors",
        section="posteriors",
        caption=(
            "Means of the encoder's posteriors of test images, coloured by class where the data"
            " set has classes, for each depth's first finished seed."
        ),
        alternative="Points in the latent plane, a colour for each class.",
        stage="posteriors",
        when=_is_plane,
    ),
    Figure(
        name="manifold",
        module="posteriors",
        section="posteriors",
        caption=(
            "Images decoded at a grid of the prior's quantiles, z₁ to the right and z₂ upwards,"
            " by the shallowest and the deepest flow's first finished seed."
        ),
        alternative="A grid of small images decoded from points of the latent plane.",
        stage="posteriors",
        when=_is_plane,
        is_pixels=True,
    ),
    Figure(
        name="reconstructions",
        module="images",
        section="images",
        caption=(
            "Test images in the first row; below, their reconstructions by each depth's first "
            "finished seed."
        ),
        alternative="Rows of small images: originals, then reconstructions by each depth.",
        is_pixels=True,
    ),
    Figure(
        name="prior_samples",
        module="images",
        section="images",
        caption="Samples from the prior, decoded by each depth's first finished seed.",
        alternative="Rows of small images: prior samples of each depth.",
        is_pixels=True,
    ),
)

TABLES = (
    Table(
        name="nll_by_depth",
        section="numbers",
        title="Test NLL by depth",
        caption=(
            "Means over the finished seeds of each depth, in nats per test image, with 95 % "
            "t-intervals across seeds; the difference from K = 0 is paired by seed. The figures"
            " draw the same intervals. The last row is a baseline in closed form on the same "
            "images, which a depth has to beat."
        ),
    ),
    Table(
        name="comparisons",
        section="numbers",
        title="Differences from K = 0",
        caption=(
            "Each depth's NLL less that of K = 0, in nats per image, negative where the flow is "
            "better. Paired by seed, with 95 % t-intervals and the p-values of paired t-tests, "
            "plain and with Holm's correction for the number of depths. Over images: each image "
            "averaged over the seeds first; the last column is the share of images that the flow "
            "improves, both by importance sampling alone."
        ),
    ),
    Table(
        name="neighbours",
        section="numbers",
        title="Differences between neighbouring depths",
        caption=(
            "Each depth's NLL less that of the next lower depth of the grid, and in the last row "
            "the mean change with each doubling of K over K >= 1; otherwise as above."
        ),
    ),
    Table(
        name="certificate",
        section="trust",
        title="Bias of importance sampling",
        caption=(
            "What annealing finds above importance sampling on a random sub-sample of the test "
            "images, in nats per image; of images simulated from the models, bounds of the mean "
            "log p(x) from below and above. Means over seeds and images, standard errors over "
            "images."
        ),
        when=_is_certified,
    ),
    Table(
        name="errors",
        section="trust",
        title="Errors of the estimates",
        caption=(
            "Standard errors of a depth's mean NLL, in nats per image: across seeds, across test "
            "images, of importance sampling, unknown where its weights cannot be trusted, and "
            "of the correction where some images were annealed. Beside them, the share of "
            "images whose estimate cannot be trusted by its Pareto shape, and how much the last"
            " importance samples still changed the NLL."
        ),
    ),
    Table(
        name="worst",
        section="trust",
        title="The least likely images",
        caption=(
            "The three test images of each depth with the lowest log p(x), by importance sampling, "
            "numbered from 0 in the order of the test set: means over the finished seeds, and the "
            "largest Pareto shape."
        ),
        stage="report",
    ),
    Table(
        name="exact",
        section="trust",
        title="Estimate against quadrature",
        caption=(
            "The log-likelihood by quadrature beside the estimate, in nats per test image, "
            "means over seeds. The last two columns are in Monte-Carlo standard errors, of the "
            "mean NLL and of the single image that is furthest off. An estimate above the exact"
            " NLL by many of them misses posterior mass where the encoder's posterior was never"
            " sampled."
        ),
        when=_is_integrated,
    ),
    Table(
        name="estimators",
        section="trust",
        title="Quadrature, importance sampling and annealing",
        caption=(
            "The NLL of the same test images by quadrature, by importance sampling and by "
            "annealing, in nats, means over seeds and images. The last two columns are how far "
            "the estimate of a single image is from the exact value at most, in its own "
            "Monte-Carlo standard errors."
        ),
        when=_is_checked_exactly,
    ),
    Table(
        name="inference_gap",
        section="gap",
        title="The inference gap by depth",
        caption=(
            "Approximation and amortisation gap and their sum, in nats per image, on some test "
            "images: means over the finished seeds of each depth with 95 % t-intervals across "
            "seeds. The last column is what an image's optimisation gained by its last doubling of"
            " steps; where that is more than a tenth of the smaller gap and than 0.01 nats, the"
            " steps were too few, and the approximation gap is an upper bound."
        ),
        stage="gap_figures",
        when=_splits_the_gap,
    ),
    Table(
        name="costs",
        section="cost",
        title="Cost by depth",
        caption=(
            "Seconds of a depth's jobs, shared equally among the seeds of a pack, means over "
            "seeds; memory is the peak of a whole pack. The last column is what training took "
            "longer than at K = 0, divided by the nats gained, where the gain over K = 0 is "
            "shown."
        ),
        stage="report",
    ),
    Table(
        name="published",
        section="published",
        title="Published numbers",
        caption=(
            "Test NLL in nats as published, ≤ where it is a bound, and this study's at the same"
            " K. The two can be compared only as far as the protocols agree."
        ),
        stage="report",
        when=lambda study: bool(study.report.published),
    ),
)


def figures(study: Study, stage: str | None = None) -> list[Figure]:
    """Return the figures of a study, or those that one stage draws, in the page's order."""
    return [one for one in FIGURES if one.when(study) and stage in (None, one.stage)]


def tables(study: Study, stage: str | None = None) -> list[Table]:
    """Return the tables of a study, or those that one stage sets, in the page's order."""
    return [one for one in TABLES if one.when(study) and stage in (None, one.stage)]


def caption(exhibit: Figure | Table, study: Study) -> str:
    """Return what stands below a figure or a table of a study."""
    return " ".join([exhibit.caption, *(note.text for note in exhibit.notes if note.when(study))])


def paper_figures(study: Study) -> list[Figure]:
    """Return the figures of the paper."""
    return [one for one in figures(study) if one.in_paper]


def code(study: Study, stage: str) -> str:
    """Return the stamp of a stage: what it runs, the figures it draws, the templates it fills."""
    figures_too = [f"stages.{stage}", *_modules(study, stage)]
    words = [stamps.of_modules(figures_too, *stamps.chosen(study), telling=stamps.tells(stage))]
    if templates := _templates(study, stage):
        # What is filled in are captions, too.
        words += [stamps.of_modules(["report.registry"]), stamps.of_files(*templates)]
    return " ".join(words)


def _modules(study: Study, stage: str) -> list[str]:
    """Return the modules that draw the figures of a stage, of ``paper``, or for ``rebuild``."""
    drawn = figures(study, None if stage == "rebuild" else stage)
    if stage == "paper":
        drawn = paper_figures(study)
    return list(dict.fromkeys(f"report.figures.{one.module}" for one in drawn))


def _templates(study: Study, stage: str) -> list[str]:
    parts = ("head.html", "parts.html", "style.css")
    page = ("report.html", "report.js", *parts, "sections", f"flows/{study.flow.kind}.html")
    names = {
        "report": page,
        "compare": ("compare.html", *parts),
        "paper": ("paper.tex",),
        "rebuild": (*page, "paper.tex"),
    }
    return [f"report/templates/{name}" for name in names.get(stage, ())]
