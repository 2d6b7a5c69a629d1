from __future__ import annotations

import torch

from flowdepth.compute.streams import generator, normals


def test_every_stream_has_its_own_numbers() -> None:
    paths = [(0, "a"), (0, "b"), (1, "a"), (0, "a", 1), (0, "a", 2), (10, "a"), (1, "0a")]
    drawn = {tuple(torch.rand(4, generator=generator(*path)).tolist()) for path in paths}
    assert len(drawn) == len(paths)


def test_the_same_path_gives_the_same_stream() -> None:
    first, second = (torch.rand(4, generator=generator(7, "a", 3)) for _ in range(2))
    assert torch.equal(first, second)


def test_normals_of_a_seed_are_the_same_in_any_pack() -> None:
    kind = {"shape": (5, 2), "dtype": torch.float64, "device": "cpu"}
    pack, alone = normals((1, 2), "a", **kind), normals((2,), "a", **kind)
    assert pack.shape == (2, 5, 2)
    assert torch.equal(pack[1], alone[0])
    assert not torch.equal(pack[0], pack[1])
