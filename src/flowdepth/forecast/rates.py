"""The rates of `trials`, measured once on this machine and kept for a day."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version

import numpy as np

from flowdepth.base import kept
from flowdepth.base.machine import gpus, processor
from flowdepth.settings.study import Study

# The steps of `trials.Trial`, and the stages whose settings they depend on.
STEPS = {
    "update": "train",
    "image": "evaluate",
    "distribution": "certify",
    "ascent": "gaps",
    "point": "exact",
}
_SECONDS_KEPT = 86400.0


class Rates:
    """What a step of a study takes on this machine, in seconds.

    Attributes
    ----------
    oldest
        When the oldest rate that was asked for had been measured, in seconds since the epoch.
    """

    def __init__(self, study: Study, depths: Sequence[int]) -> None:
        self.study, self.depths = study, _knots(depths)
        self.oldest = time.time()

    def seconds(self, step: str, depth: int, replicas: int) -> float:
        """Return the seconds of a step at one depth, linear between the depths that are tried."""
        tried = [self._kept(step, knot, replicas) for knot in self.depths]
        return float(np.interp(depth, self.depths, tried))

    @cached_property
    def start(self) -> float:
        """The seconds that a stage takes to start."""
        begun = time.perf_counter()
        words = [sys.executable, "-P", "-c", "import flowdepth.stages.train"]
        subprocess.run(words, check=True, capture_output=True)
        return time.perf_counter() - begun

    def _kept(self, step: str, depth: int, replicas: int) -> float:
        machine = [processor(), gpus() if self.study.device != "cpu" else 0, version("torch")]
        settings = self.study.dataset.canonical({"root"}), self.study.pack_settings(STEPS[step])
        name = json.dumps([step, *machine, *settings, depth, replicas])
        found, now = kept.recall(name), time.time()
        if found is None or now - found["measured"] > _SECONDS_KEPT:
            found = {"seconds": self._tried(step, depth, replicas), "measured": now}
            kept.keep(name, found)
        self.oldest = min(self.oldest, found["measured"])
        seconds: float = found["seconds"]
        return seconds

    def _tried(self, step: str, depth: int, replicas: int) -> float:
        # torch takes a second to import, and every rate may be there.
        from flowdepth.compute.devices import select
        from flowdepth.forecast.trials import Trial

        device = select(self.study.device, threads=1)
        return Trial(self.study, depth, replicas, device).seconds(step)


def _knots(depths: Sequence[int]) -> list[int]:
    """Return the depths to try: the ends, and the first with a flow, which has costs of its own."""
    flows = [depth for depth in depths if depth] or [0]
    return sorted({min(depths), min(flows), max(depths)})
