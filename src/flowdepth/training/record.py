"""What became of a seed in training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class SeedRecord:
    """What became of one seed: its history by epoch and its best epoch."""

    seed: int
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_elbo: float = -math.inf
    message: str = ""
    running: bool = True

    @property
    def failed(self) -> bool:
        """Whether the loss of this seed ceased to be finite."""
        return bool(self.message)

    def update(self, row: dict[str, float], patience: int | None) -> bool:
        """Take an epoch's numbers; return whether it is the best so far.

        A non-finite objective ends this seed and leaves its companions alone.
        """
        epoch = int(row["epoch"])
        if not (math.isfinite(row["train"]) and math.isfinite(row["validation"])):
            self.running = False
            self.message = f"non-finite loss in epoch {epoch}{self._last_finite()}"
            return False
        self.history.append(row)
        better = row["validation"] > self.best_elbo
        if better:
            self.best_epoch, self.best_elbo = epoch, row["validation"]
        elif patience is not None and epoch - self.best_epoch >= patience:
            self.running = False
        return better

    def _last_finite(self) -> str:
        if not self.history:
            return ""
        last = self.history[-1]
        return f"; last finite: train {last['train']:.3f}, validation {last['validation']:.3f} nats"
