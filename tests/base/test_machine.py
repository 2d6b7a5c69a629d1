from __future__ import annotations

import errno
import os

import numpy as np
import pytest
import torch

from flowdepth.base.machine import free_memory, lacks_memory


@pytest.mark.parametrize("sizes", [(10**7, 10**7), (2**31 - 1, 2**31 - 1, 2**31 - 1)])
def test_torch_without_memory_is_understood(sizes: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(sizes)
    assert lacks_memory(caught.value)


def test_numpy_without_memory_is_understood() -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty((10**7, 10**8))
    assert lacks_memory(caught.value)


def test_other_failures_are_told_from_a_lack_of_memory() -> None:
    assert lacks_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"))
    assert lacks_memory(OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)))
    for other in (RuntimeError("shapes"), ValueError("out of memory"), OSError(errno.EIO, "")):
        assert not lacks_memory(other)


def test_free_memory_is_a_number_of_bytes() -> None:
    assert 10**6 < free_memory() < 10**14
