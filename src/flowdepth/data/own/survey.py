"""What must be known of the user's own images before a study starts: read once, then remembered.

Every job asks, so what was understood is kept for as long as the files stay what they are.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flowdepth.base.kept import keep, recall
from flowdepth.settings.sections import Dataset

if TYPE_CHECKING:
    from flowdepth.data.own.reading import Own

# A file written so shortly ago may be written again in the same tick of the clock.
_SETTLED = 2.0


@dataclass(frozen=True)
class Survey:
    """The facts about the images.

    Attributes
    ----------
    counts
        Images of each pool: ``images``, or ``train``, ``test`` and perhaps ``validation``.
    height, width, levels
        Of every image.
    classes
        How many the labels tell apart, 0 without labels.
    sums
        CRC-32 of each pool's pixels and of the labels.
    kind
        Of the file or of the pictures, as one calls it.
    cast
        Whether they look like floats up to 1 that became integers.
    """

    counts: dict[str, int]
    height: int
    width: int
    levels: int
    classes: int
    sums: dict[str, str]
    kind: str
    cast: bool


def survey(dataset: Dataset) -> Survey:
    """Return the facts about the images at ``dataset.root``.

    Raises
    ------
    UserError
        If they cannot be read, or it is in doubt how.
    """
    default = Dataset()
    return _survey(
        dataset.model_copy(update={"binarisation": default.binarisation, "seed": default.seed})
    )


@cache
def _survey(dataset: Dataset) -> Survey:
    root = Path(dataset.root).absolute()
    stats = [*_stats(root)] if root.exists() else []
    name = f"{dataset.canonical()} {root} {stats} {[*_stats(Path(__file__).parent)]}"
    known = recall(name)
    if known:
        return Survey(**known)
    found = _read(dataset)
    newest = max(time_ns for _, _, time_ns in stats) / 1e9
    if newest < time.time() - _SETTLED:
        keep(name, asdict(found))
    return found


def _stats(root: Path) -> Iterator[tuple[str, int, int]]:
    paths = sorted(root.rglob("*")) if root.is_dir() else [root]
    for path in paths:
        found = path.stat()
        yield str(path), found.st_size, max(found.st_mtime_ns, found.st_ctime_ns)


def _read(dataset: Dataset) -> Survey:
    from flowdepth.data.own.reading import read
    from flowdepth.data.own.values import cast_of_floats

    own = read(dataset)
    first = next(iter(own.pools.values()))
    return Survey(
        counts={name: len(pool) for name, pool in own.pools.items()},
        height=first.shape[1],
        width=first.shape[2],
        levels=own.levels,
        classes=0 if own.labels is None else len(set(own.labels.tolist())),
        sums=sums(own),
        kind=own.kind,
        cast=cast_of_floats(own.pools, own.levels),
    )


def sums(own: Own) -> dict[str, str]:
    """Return the CRC-32 of each pool's pixels and of the labels."""
    arrays = own.pools if own.labels is None else {**own.pools, "labels": own.labels}
    return {name: f"{zlib.crc32(array.tobytes()):08x}" for name, array in arrays.items()}
