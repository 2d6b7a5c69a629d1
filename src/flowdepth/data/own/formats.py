"""Files of arrays that people keep images in, each opened by a library that reads it well."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowdepth.base.errors import UserError
from flowdepth.base.machine import free_memory
from flowdepth.base.words import reason
from flowdepth.data.own.npz import NpzFile
from flowdepth.data.own.npz import opened as opened_npz

if TYPE_CHECKING:
    import numpy as np

READABLE = (
    "a folder of pictures, .npz, .npy, .csv, .csv.gz, .mat, .h5, .hdf5, .pt, or IDX files, "
    "packed or not"
)
_IDX = re.compile(r"(^|[.-])idx([0-9]+-ubyte)?(\.gz)?$")
_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
# A text takes two bytes a number at least, its numbers eight.
_PER_BYTE = 4


class Stored(NamedTuple):
    """An array in a file: its shape and type, and how it is read."""

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]

    @property
    def size(self) -> int:
        """Bytes that it takes in memory."""
        import numpy as np

        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


Arrays = dict[str, Stored]


def _opener(path: Path) -> Callable[[Path], AbstractContextManager[Arrays]] | None:
    if _IDX.search(path.name):
        return _idx
    ends = "".join(path.suffixes[-2:]).lower()
    return _OPENERS.get(ends) or _OPENERS.get(path.suffix.lower())


def kind(path: Path) -> str:
    """Return what one calls a file of this name."""
    return "IDX" if _IDX.search(path.name) else "".join(path.suffixes[-2:]).lower()


def holds_one_array(path: Path) -> bool:
    """Return whether files of this name hold one array, so that a folder of them is a data set."""
    return path.suffix.lower() == ".npy" or bool(_IDX.search(path.name))


@contextmanager
def opened(path: Path) -> Iterator[Arrays]:
    """Give the arrays of the file ``path`` by name.

    Raises
    ------
    UserError
        If nothing opens a file of its name, or it cannot be read, now or in the block.
    """
    opens = _opener(path)
    if opens is None:
        raise UserError(
            f"{path}: found a file of another kind, expected {READABLE}; write it as one of these"
        )
    try:
        with opens(path) as arrays:
            yield arrays
    except (UserError, MemoryError):
        raise
    except Exception as error:  # a damaged file takes a library by surprise in many ways
        raise UserError(
            f"{path}: found no readable {kind(path)} file ({reason(error)}); copy it again, or "
            "write it anew"
        ) from error


@contextmanager
def _npz(path: Path) -> Iterator[Arrays]:
    with opened_npz(path) as file:
        yield {name: _stored(file, name) for name in file.names}


def _stored(file: NpzFile, name: str) -> Stored:
    try:
        shape, dtype = file.header(name)
    except Exception as error:
        fault = error  # one that is not used may be anything
        return Stored((), "object", lambda: _raise(fault))
    return Stored(shape, dtype, lambda: file.array(name))


def _raise(error: Exception) -> np.ndarray:
    raise error


@contextmanager
def _npy(path: Path) -> Iterator[Arrays]:
    from numpy.lib import format as npy

    with path.open("rb") as file:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)

        def whole() -> np.ndarray:
            file.seek(0)
            return npy.read_array(file, allow_pickle=False)

        yield {path.stem: Stored(shape, dtype.name, whole)}


@contextmanager
def _csv(path: Path) -> Iterator[Arrays]:
    from flowdepth.data.own.text import columns

    content = _unpacked(path, most=free_memory() // _PER_BYTE)
    arrays = columns(content)
    yield {
        name: Stored(array.shape, array.dtype.name, lambda array=array: array)  # type: ignore[misc]
        for name, array in arrays.items()
    }


@contextmanager
def _mat(path: Path) -> Iterator[Arrays]:
    import h5py
    import scipy.io

    if h5py.is_hdf5(path):  # since version 7.3, with the axes from back to front
        with _hdf5(path) as arrays:
            yield {
                name: Stored(a.shape[::-1], a.dtype, lambda a=a: a.read().T)  # type: ignore[misc]
                for name, a in arrays.items()
            }
        return
    kinds = {"double": "float64", "single": "float32", "logical": "bool"}

    def read(name: str) -> np.ndarray:
        array: np.ndarray = scipy.io.loadmat(path, variable_names=[name])[name]
        return array

    yield {
        name: Stored(
            shape,
            kinds.get(kind, kind if re.fullmatch(r"u?int\d+", kind) else "object"),
            lambda name=name: read(name),  # type: ignore[misc]
        )
        for name, shape, kind in scipy.io.whosmat(path)
    }


@contextmanager
def _hdf5(path: Path) -> Iterator[Arrays]:
    import h5py

    with h5py.File(path, "r") as file:
        arrays: Arrays = {}

        def add(name: str, node: object) -> None:
            if isinstance(node, h5py.Dataset) and node.shape is not None:
                dtype = node.dtype.name if node.dtype.kind in "biuf" else "object"
                arrays[name] = Stored(node.shape, dtype, lambda: node[()])

        file.visititems(add)
        yield arrays


@contextmanager
def _pt(path: Path) -> Iterator[Arrays]:
    from flowdepth.data.own.tensors import tensors

    yield {
        name: Stored(tuple(tensor.shape), str(tensor.dtype).split(".")[-1], tensor.numpy)
        for name, tensor in tensors(path).items()
    }


@contextmanager
def _idx(path: Path) -> Iterator[Arrays]:
    import numpy as np

    content = _unpacked(path, most=free_memory() // 2)
    zero, kind, dimensions = int.from_bytes(content[:2]), content[2], content[3]
    if zero or kind not in _IDX_TYPES:
        raise ValueError(f"it starts with {content[:4].hex()}, which is no type of values")
    start = 4 * (1 + dimensions)
    shape = tuple(np.frombuffer(content[4:start], ">u4").tolist())
    dtype = np.dtype(_IDX_TYPES[kind])
    promised = start + math.prod(shape) * dtype.itemsize
    if len(content) != promised:
        raise ValueError(f"it has {len(content)} bytes, its header promises {promised}")
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    name = re.sub(r"(\.gz)$", "", path.name)
    yield {name: Stored(shape, dtype.name, lambda: values)}


def _unpacked(path: Path, most: int) -> bytes:
    opens = gzip.open if path.suffix.lower() == ".gz" else open
    with opens(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UserError(
            f"{path}: found more than {most:,} bytes in it, for which this machine lacks memory; "
            "write fewer images, or take a larger machine"
        )
    return content


_OPENERS = {
    ".npz": _npz,
    ".npy": _npy,
    ".csv": _csv,
    ".csv.gz": _csv,
    ".mat": _mat,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".pt": _pt,
    ".pth": _pt,
}
