"""The arrays of an ``.npz`` file, read in one way: what they are, and then what is in them.

Members of other names than ``<array>.npy`` are none, be it one called as an array or what a Mac
adds.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flowdepth.base.words import plain

if TYPE_CHECKING:
    import numpy as np

_END = ".npy"


class NpzFile:
    """An open ``.npz`` file; ``names`` are those of its arrays, as they are there."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        members = [info for info in archive.infolist() if info.filename.endswith(_END)]
        self.names = [info.filename.removesuffix(_END) for info in members]
        self._members = dict(zip(self.names, members, strict=True))

    def header(self, name: str) -> tuple[tuple[int, ...], str]:
        """Return shape and type of an array, without its data."""
        from numpy.lib import format as npy

        if self.names.count(name) > 1:
            raise ValueError(f"two arrays are called {plain(name)}")
        facts = self._members[name]
        with self._archive.open(facts) as handle:
            version = npy.read_magic(handle)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(handle)
            promised = handle.tell() + math.prod(shape) * dtype.itemsize
        if not dtype.hasobject and facts.file_size != promised:
            raise ValueError(
                f"{name}{_END} has {facts.file_size} bytes, its header promises {promised}"
            )
        return shape, dtype.name

    def array(self, name: str) -> np.ndarray:
        """Return an array."""
        from numpy.lib import format as npy

        with self._archive.open(self._members[name]) as handle:
            array: np.ndarray = npy.read_array(handle, allow_pickle=False)
        return array


@contextmanager
def opened(path: Path) -> Iterator[NpzFile]:
    """Give the ``.npz`` file ``path``."""
    with zipfile.ZipFile(path) as archive:
        yield NpzFile(archive)
