"""How many steps and samples estimates take; light, for whoever forecasts their time."""

from __future__ import annotations

from flowdepth.settings.sections import Certify

# Latent samples per image and step of a posterior's optimisation. At K = 32 and D = 8, 500 steps
# with 16 reach what 2000 with 4 do not: there the noise of the steps holds the bound down, by 0.02
# nats.
SAMPLES_PER_STEP = 16
# Latent samples that the gain of a round of steps is measured with, the same before and after.
CHECK_SAMPLES = 200
# Points that a quadrature's lattice has at most.
MOST_POINTS = 2**22
# The first round of an optimisation has at most so many steps.
_FIRST_ROUND = 250
# The pilot walk has so many times fewer distributions, and at least so many.
_PILOT_SHARE, _PILOT_LEAST = 4, 20


def pilot_distributions(distributions: int) -> int:
    """Return how many distributions the pilot walk has before one of so many."""
    return max(_PILOT_LEAST, distributions // _PILOT_SHARE)


def walked(certify: Certify) -> int:
    """Return how many distributions images are annealed through, the pilots and ways back too."""
    images = certify.images + certify.simulated
    ways = certify.images + 2 * certify.simulated
    length = certify.distributions
    return images * pilot_distributions(length) + ways * length


def rounds(steps: int) -> list[int]:
    """Return where rounds begin and end: ``steps`` halved down to the first round, and 0."""
    ends = [steps]
    while ends[0] > _FIRST_ROUND or len(ends) < 2:
        ends.insert(0, ends[0] // 2)
    return [0, *ends]
