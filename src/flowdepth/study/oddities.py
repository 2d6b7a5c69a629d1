"""What of a study's settings is allowed and yet will look odd in its report, before it starts."""

from __future__ import annotations

from collections.abc import Iterator

from flowdepth.data import catalogue
from flowdepth.settings.study import Study

# An interval over two seeds is six times as wide as one over five with the same spread.
_FEWEST_SEEDS = 3
_FEWEST_SAMPLES = 100
# In so many dimensions importance sampling was found to be a nat low, and unequally by depth.
_MANY_DIMENSIONS = 20


def oddities(study: Study) -> Iterator[str]:
    """Yield what will look odd, a sentence each, with what to set."""
    yield from _of_training(study)
    pixels = catalogue.pixels(study.dataset)
    if study.model.latent > pixels:
        yield (
            f"model.latent: {study.model.latent} latent dimensions for images of {pixels} pixels; "
            "fewer do"
        )
    if len(study.seeds) < _FEWEST_SEEDS:
        yield (
            f"seeds: {len(study.seeds)}, too few to tell depths apart, which takes an interval "
            "over seeds; five do"
        )
    yield from _of_estimates(study)


def _of_training(study: Study) -> Iterator[str]:
    annealing, training = study.objective.annealing, study.training
    length = training.epochs if annealing.unit == "epochs" else training.updates
    if annealing.kind != "none" and annealing.start < 1 and length and length <= annealing.length:
        yield (
            f"objective.annealing: a warm-up of {annealing.length:g} {annealing.unit} in a "
            f"training of {length}, which does not outlast it; train longer or warm up faster"
        )


def _of_estimates(study: Study) -> Iterator[str]:
    samples, certified = study.evaluate.samples, study.certify.images > 0
    if samples < _FEWEST_SAMPLES:
        yield f"evaluate.samples: {samples}, too few for importance sampling; 1000 or more do"
    if study.model.latent >= _MANY_DIMENSIONS and not certified:
        yield (
            f"certify.images: 0 with {study.model.latent} latent dimensions, where importance "
            "sampling is too low by more at some depths than at others; 50 images show by how much"
        )
