"""What became of a seed in training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class SeedRecord:
    """What became of one seed: its history by epoch and its best epoch.

    ``cold_until`` is the last epoch that ended at a temperature below 1.
    """

    seed: int
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_elbo: float = -math.inf
    message: str = ""
    running: bool = True
    cold_until: int = 0

    @property
    def failed(self) -> bool:
        """Whether the loss of this seed ceased to be finite."""
        return bool(self.message)

    def update(self, row: dict[str, float], patience: int | None) -> bool:
        """Take an epoch's numbers; return whether it is the best so far.

        A non-finite objective ends this seed and leaves its companions alone. Patience counts from
        the end of the warm-up (van den Berg et al. 2018).
        """
        epoch = int(row["epoch"])
        if not (math.isfinite(row["train"]) and math.isfinite(row["validation"])):
            self.running = False
            self.message = f"non-finite loss in epoch {epoch}{self._last_finite()}"
            return False
        self.history.append(row)
        if row["beta"] < 1:
            self.cold_until = epoch
        better = row["validation"] > self.best_elbo
        if better:
            self.best_epoch, self.best_elbo = epoch, row["validation"]
        elif patience is not None and epoch - max(self.best_epoch, self.cold_until) >= patience:
            self.running = False
        return better

    @property
    def ending(self) -> str:
        """How the training ended, in words."""
        if self.failed:
            return self.message
        text = f"best epoch {self.best_epoch} of {len(self.history)}"
        if self.history and self.history[-1]["beta"] < 1:
            return f"{text}, inside the warm-up: train longer"
        if self.best_epoch > 0.9 * len(self.history):
            return f"{text}, among the last tenth: longer training would change it"
        return text

    def _last_finite(self) -> str:
        if not self.history:
            return ""
        last = self.history[-1]
        return f"; last finite: train {last['train']:.3f}, validation {last['validation']:.3f} nats"
