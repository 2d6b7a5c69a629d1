"""The arrays of an ``.npz`` file, read in one way: what they are, and then what is in them.

Members of other names than ``<array>.npy`` are none, be it one called as an array or what a Mac
adds. The Snakefile asks here in every job: numpy is imported when a file is read.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowdepth.base.errors import UserError
from flowdepth.base.machine import free_memory
from flowdepth.base.words import plain, reason

if TYPE_CHECKING:
    import numpy as np

_END = ".npy"


class Header(NamedTuple):
    """Shape, type and CRC-32 of an array."""

    shape: tuple[int, ...]
    dtype: str
    crc: int


class NpzFile:
    """An open ``.npz`` file; ``names`` are those of its arrays, as they are there."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path, self._archive = path, archive
        members = [info for info in archive.infolist() if info.filename.endswith(_END)]
        self.names = [info.filename.removesuffix(_END) for info in members]
        self._members = dict(zip(self.names, members, strict=True))

    def header(self, name: str) -> Header:
        """Return what an array is, without its data."""
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
        return Header(shape, dtype.name, facts.CRC)

    def arrays(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return arrays, row by row in this machine's order of bytes."""
        size, room = sum(self._members[name].file_size for name in names), free_memory()
        if size > room:
            raise UserError(
                f"{self.path}: its arrays {', '.join(names)} take {size:,} bytes, where {room:,} "
                "of this machine's memory are free; write fewer images, or take a larger machine"
            )
        return {name: self._array(name) for name in names}

    def _array(self, name: str) -> np.ndarray:
        import numpy as np
        from numpy.lib import format as npy

        with self._archive.open(self._members[name]) as handle:
            array = npy.read_array(handle, allow_pickle=False)
        return np.ascontiguousarray(array, array.dtype.newbyteorder("="))


@contextmanager
def opened(path: Path) -> Iterator[NpzFile]:
    """Give the ``.npz`` file ``path``.

    Raises
    ------
    UserError
        If it cannot be opened, or read in the block.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield NpzFile(path, archive)
    except UserError:
        raise
    except Exception as error:  # a broken archive takes zipfile and numpy by surprise in many ways
        raise UserError(
            f"{path}: found no readable .npz file ({reason(error)}); copy it again or "
            "write it with numpy.savez"
        ) from error
