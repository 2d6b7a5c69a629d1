"""Example images in 256 steps of grey, of each depth's first finished seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from flowdepth.analysis.readers import Examples, first_seeds
from flowdepth.base.errors import UserError


def packed(examples: dict[int, Examples], metrics: pd.DataFrame) -> bytes:
    """Return the contents of the file that `read` reads."""
    first = first_seeds(metrics)
    arrays: dict[str, NDArray[np.uint8]] = {}
    for depth, shown in examples.items():
        row = shown.seeds.index(first[depth])
        arrays |= {
            f"K{depth}/originals": _grey(shown.originals),
            f"K{depth}/reconstructions": _grey(shown.reconstructions[row]),
            f"K{depth}/samples": _grey(shown.samples[row]),
        }
    return save(arrays, {"seeds": json.dumps({depth: first[depth] for depth in examples})})


def of_first_seeds(
    examples: dict[int, Examples], metrics: pd.DataFrame, name: str
) -> dict[int, NDArray[np.float32] | None]:
    """Return by depth the images called ``name`` [n, height, width]; None where all failed."""
    first = first_seeds(metrics)
    rows: dict[int, NDArray[np.float32] | None] = {}
    for depth in sorted(map(int, metrics["depth"].unique())):
        shown = examples.get(depth)
        rows[depth] = None
        if depth in first and shown is not None:
            rows[depth] = getattr(shown, name)[shown.seeds.index(first[depth])]
    return rows


def read(path: Path) -> dict[int, Examples]:
    """Return the examples by depth.

    Raises
    ------
    UserError
        If the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            seeds = json.loads(file.metadata()["seeds"])
            return {
                int(depth): Examples(
                    (seed,),
                    _intensity(file.get_tensor(f"K{depth}/originals")),
                    _intensity(file.get_tensor(f"K{depth}/reconstructions"))[None],
                    _intensity(file.get_tensor(f"K{depth}/samples"))[None],
                )
                for depth, seed in seeds.items()
            }
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: missing or damaged ({error}); take it from git again") from None


def _grey(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    return (255 * images.clip(0, 1)).round().astype(np.uint8)


def _intensity(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.divide(images, 255, dtype=np.float32)
