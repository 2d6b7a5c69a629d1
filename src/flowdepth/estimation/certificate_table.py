"""Annealed estimates beside those of importance sampling, as a table: a row per seed and image."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
from torch import Tensor

from flowdepth.estimation.annealed import Annealed
from flowdepth.estimation.rows import by_image, of_finished
from flowdepth.model.checkpoint import Header


class Certified(NamedTuple):
    """What was found of images of a kind, the importance-sampling estimates [R, N] beside it."""

    kind: str
    numbers: list[int]
    importance: Tensor
    importance_mcse: Tensor
    annealed: Annealed


def certificate_by_image(found: list[Certified], header: Header) -> pd.DataFrame:
    """Return a row per kind, image and seed that finished with finite estimates; nats.

    ``bias`` is annealed minus importance-sampling estimate.
    """
    frame = pd.concat([_rows(part, header.seeds) for part in found], ignore_index=True)
    return of_finished(frame, frame["bias"], header)


def _rows(part: Certified, seeds: tuple[int, ...]) -> pd.DataFrame:
    columns = {
        "importance": part.importance,
        "importance_mcse": part.importance_mcse,
        "annealed": part.annealed.log_p,
        "annealed_mcse": part.annealed.mcse,
        "bias": part.annealed.log_p - part.importance,
        "upper": part.annealed.upper,
        "upper_mcse": part.annealed.upper_mcse,
        "acceptance": part.annealed.acceptance,
    }
    frame = by_image(seeds, columns, part.numbers)
    frame.insert(0, "kind", part.kind)
    return frame
